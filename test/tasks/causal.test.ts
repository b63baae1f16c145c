import { cpSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadTask, Model, Tokenizer, train } from '../../lib/index.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'model');
let tokenizer: Tokenizer;
beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), folder, { recursive: true });
  writeByteTokenizer(folder, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz.,:' });
  tokenizer = await Tokenizer.load(folder);
});

const idsOf = (text: string) => tokenizer.encode(text);

describe('label words of a causal model', () => {
  const words = { labelWords: ['a', 'b'] };

  it('are predicted after what stands before the mask, the rest of the template left out', async () => {
    const task = await loadTask({ template: '{text} so:{mask} then.', ...words }, tokenizer);
    const { sequences, targets } = task.batch([{ text: 'up', label: 1 }]);
    const ids = idsOf('up so:');
    expect([...sequences[0]!]).toEqual(ids);
    const expected = ['a', 'b'].map((word) => tokenizer.tokenId(word));
    expect(targets).toEqual([{ kind: 'labelWords', position: ids.length - 1, words: expected, label: 1 }]);
    using model = await Model.load(folder);
    const [answer] = await task.classify(model, ['up']);
    expect(answer!.probabilities).toHaveLength(2);
  });

  it('may not have a field behind them, nor nothing before', async () => {
    const behind = () => loadTask({ template: '{first}:{mask}, {second}', ...words }, tokenizer);
    await rejects(behind, 'ERR_ZEST_TEMPLATE', /has \{second\} after \{mask\}.*put \{mask\} at the end/);
  });
});

describe('a class of a causal model', () => {
  it('is read from the last token, and trained from a configuration', async () => {
    const task = await loadTask({ kind: 'class', fields: ['text'], classes: 2 }, tokenizer);
    const { sequences, targets } = task.batch([{ text: 'ab', label: 1 }]);
    expect([[...sequences[0]!], targets]).toEqual([idsOf('ab'), [{ kind: 'class', label: 1 }]]);
    using model = await Model.load(folder, { head: { classes: 2, seed: 1 } });
    const [row] = await model.logits({ sequences, targets });
    const [longer] = await model.logits({ sequences: [[...sequences[0]!, 9]], targets });
    expect(row).not.toEqual(longer);

    const rows = Array.from({ length: 12 }, (_, i) => JSON.stringify({ text: i % 2 ? 'abc' : 'xyz', label: i % 2 }));
    await writeFile(join(scratch, 'data.jsonl'), rows.join('\n'));
    const config = {
      model: folder,
      head: { classes: 2 },
      output: join(scratch, 'run'),
      task: { kind: 'class', fields: ['text'], classes: 2 },
      data: { train: join(scratch, 'data.jsonl'), validation: join(scratch, 'data.jsonl') },
      optimizer: { method: 'mezo', learningRate: 1e-3 },
      training: { steps: 3, batchSize: 4, seed: 1 },
    };
    await writeFile(join(scratch, 'run.yaml'), stringify(config));
    for await (const _ of train(join(scratch, 'run.yaml'))) {
      // until it is over
    }
    const summary = JSON.parse(await readFile(join(scratch, 'run', 'summary.json'), 'utf8'));
    expect(summary.steps).toBe(3);
  });
});
