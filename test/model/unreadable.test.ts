import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { loadChatTemplate, Model, Tokenizer } from '../../lib/index.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();

const load = (folder: string) => Model.load(folder, { device: 'cpu' });
const read: readonly [file: string, read: (folder: string) => Promise<unknown>][] = [
  ['model.safetensors', load],
  ['model.safetensors.index.json', load],
  ['generation_config.json', load],
  ['generation_config.json', Tokenizer.load],
  ['config.json', Tokenizer.load],
  ['tokenizer.json', Tokenizer.load],
  ['tokenizer_config.json', Tokenizer.load],
  ['special_tokens_map.json', Tokenizer.load],
  ['added_tokens.json', Tokenizer.load],
  ['tokenizer_config.json', loadChatTemplate],
  ['chat_template.jinja', loadChatTemplate],
];

describe('a file of a model that is there and cannot be read', () => {
  it.each(read)('is not taken for one that is not there: %s', async (file, reading) => {
    const folder = join(scratch, file);
    rmSync(folder, { recursive: true, force: true });
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
    writeByteTokenizer(folder, { size: 103, characters: 'ab', chat: '{{ bos_token }}' });
    const path = join(folder, file);
    if (file.endsWith('.index.json')) rmSync(join(folder, 'model.safetensors'));
    rmSync(path, { force: true });
    mkdirSync(path);
    const named = new RegExp(`${file} cannot be read|cannot read .*${file}`);
    await rejects(() => reading(folder), 'ERR_ZEST_FILE', named);
    if (process.platform === 'win32') return; // which asks for a right to make links
    rmSync(path, { recursive: true });
    symlinkSync(path, path);
    await rejects(() => reading(folder), 'ERR_ZEST_FILE', named);
  });
});
