import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Target } from '../lib/model/batch.ts';
import { FAMILIES } from '../lib/model/families/index.ts';
import type { LoadOptions } from '../lib/model/load-options.ts';
import { Model } from '../lib/model/model.ts';
import { Tokenizer } from '../lib/tasks/tokenizer.ts';
import { film } from './fixtures/film.ts';
import { float32Bits, readTensors, withConfig, withZeros } from './fixtures/parity/checkpoint.ts';
import { rejects } from './fixtures/rejects.ts';
import { writeFolder } from './fixtures/safetensors.ts';
import { writeTinyTokenizer } from './fixtures/tiny-tokenizer.ts';

// What transformers computes for the same files: test/fixtures/parity/make.py.

const TOLERANCE = 1e-4;
const FIXTURES = fileURLToPath(new URL('fixtures/parity/', import.meta.url));
const FOLDERS = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'film-roberta-mini')
  .map((entry) => entry.name);

interface Expected {
  texts?: string[];
  sequences: number[][];
  segments?: number[][];
  targets: Target[];
  /** One a sequence. */
  losses: number[];
  wordTargets?: Target[];
  wordLosses?: number[];
  /** With which the folder is loaded. */
  options?: Pick<LoadOptions, 'head'>;
  /** The rows of all targets, end to end. */
  logits: Float32Array;
}

/** Other settings that a folder's logits depend on, changed. */
const CHANGES: Readonly<Record<string, Record<string, unknown>[]>> = {
  'llama-grouped': [{ rope_parameters: { rope_theta: 9000, rope_type: 'default' } }],
  'llama-f16-biases': [{ rope_parameters: { rope_theta: 500, rope_type: 'default' } }],
  'llama-llama3': [
    { rope_scaling: null },
    ...[{ factor: 7 }, { low_freq_factor: 2 }, { high_freq_factor: 5 }, { original_max_position_embeddings: 40 }].map(
      (change) => ({
        rope_scaling: {
          ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
          ...{ original_max_position_embeddings: 32, ...change },
        },
      }),
    ),
  ],
  'mistral-window': [{ sliding_window: null }, { sliding_window: 8 }, { sliding_window: 6 }],
  'gpt_neox-parallel': [{ use_parallel_residual: false }, { rotary_pct: 0.25 }, { rotary_emb_base: 10000 }],
  'gpt_neox-bf16-sequential': [{ use_parallel_residual: true }],
};

const floatsOf = (file: string) => new Float32Array(Uint8Array.from(readFileSync(file)).buffer);
const expectedOf = (name: string): Expected => ({
  ...JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8')),
  logits: floatsOf(join(FIXTURES, name, 'logits.f32')),
});

const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return difference;
    if (difference > max) max = difference;
  }
  return max;
};

const flatten = (rows: readonly Float32Array[]): number[] => rows.flatMap((row) => [...row]);

/** The largest difference between a folder's logits and those expected of the unchanged folder. */
const logitsDifference = async (folder: string, { sequences, segments, targets, logits, options }: Expected) => {
  using model = await Model.load(folder, options);
  return maxDifference(flatten(await model.logits({ sequences, segments, targets })), logits);
};

let scratch: string;
let copies = 0;
const copy = () => join(scratch, String(copies++));
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'zest-parity-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(FOLDERS)('%s', (name) => {
  const folder = join(FIXTURES, name);
  const expected = expectedOf(name);
  const { sequences, segments } = expected;

  it('gives the logits of transformers', async () => {
    expect(await logitsDifference(folder, expected)).toBeLessThan(TOLERANCE);
  });

  it('gives the losses of transformers', async () => {
    using model = await Model.load(folder, expected.options);
    const batch = { sequences, segments, targets: expected.targets };
    const [losses] = await model.sequenceLosses(batch, [[]]);
    expect(maxDifference(losses!, expected.losses)).toBeLessThan(TOLERANCE);
    const mean = expected.losses.reduce((sum, loss) => sum + loss, 0) / expected.losses.length;
    expect(maxDifference(await model.evaluate(batch, [[]]), [mean])).toBeLessThan(TOLERANCE);
    if (expected.wordTargets) {
      const [wordLosses] = await model.sequenceLosses({ sequences, segments, targets: expected.wordTargets }, [[]]);
      expect(maxDifference(wordLosses!, expected.wordLosses!)).toBeLessThan(TOLERANCE);
    }
  });

  it('needs every tensor that the loss reads', async () => {
    const names = [...readTensors(folder)].filter(([, tensor]) => tensor.dtype !== 'I64').map(([tensor]) => tensor);
    const untied = names.some((tensor) => tensor.endsWith('.decoder.bias'));
    const prefixed = names.some((tensor) => tensor.endsWith('prefix_key'));
    // A key's bias adds the same to all scores of a query, and softmax takes it away; but it is not added to a prefix,
    // and one that turns with its position does not add the same.
    // An untied decoder has its own bias, beside the one that BERT's and RoBERTa's heads have.
    const silent = (tensor: string) =>
      (/(key|k_lin)\.bias$/.test(tensor) && !prefixed) ||
      (/^opt/.test(name) && /k_proj\.bias$/.test(tensor)) ||
      (untied && /(predictions|lm_head)\.bias$/.test(tensor)) ||
      (name === 'bert-legacy-names' && /pooler|seq_relationship/.test(tensor));
    for (const tensor of names) {
      const difference = await logitsDifference(withZeros(folder, tensor, copy()), expected);
      if (silent(tensor)) expect(difference, tensor).toBeLessThan(TOLERANCE);
      else expect(difference, tensor).toBeGreaterThan(TOLERANCE);
    }
  });

  it('needs the settings of config.json', async () => {
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const { activation, normEpsilon } = FAMILIES[json.model_type]!.config;
    const changes: Record<string, unknown>[] = [{ [activation[0]]: json[activation[0]] === 'relu' ? 'silu' : 'relu' }];
    if (Array.isArray(normEpsilon)) changes.push({ [normEpsilon[0]]: 1e-30 });
    changes.push(...(CHANGES[name] ?? []));
    for (const change of changes) {
      const difference = await logitsDifference(withConfig(folder, change, copy()), expected);
      expect(difference, JSON.stringify(change)).toBeGreaterThan(TOLERANCE);
    }
  });

  if (new Set(segments?.flat()).size > 1)
    it('needs the segments', async () => {
      expect(await logitsDifference(folder, { ...expected, segments: undefined })).toBeGreaterThan(TOLERANCE);
    });

  it('saves the same tensors', async () => {
    const saved = copy();
    using model = await Model.load(folder, expected.options);
    await model.save(saved);
    const tensors = readTensors(saved);
    for (const [original, tensor] of readTensors(folder)) {
      if (tensor.dtype === 'I64') continue; // position ids: a constant that no version of transformers needs
      const name = original
        .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
        .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
      const copied = tensors.get(name) ?? tensors.get(original);
      expect(copied, original).toBeDefined();
      expect(copied!.shape, original).toEqual(tensor.shape);
      expect(Buffer.compare(Buffer.from(float32Bits(copied!).buffer), Buffer.from(float32Bits(tensor).buffer))).toBe(0);
    }
    expect(await logitsDifference(saved, { ...expected, options: undefined })).toBeLessThan(TOLERANCE);
  });

  if (existsSync(join(folder, 'lora.json')))
    it('gives the logits of PyTorch with LoRA, and saves them merged', async () => {
      const { lora, seed, update } = JSON.parse(readFileSync(join(folder, 'lora.json'), 'utf8'));
      const logits = floatsOf(join(folder, 'lora.f32'));
      expect(maxDifference(logits, expected.logits)).toBeGreaterThan(0.1);
      using model = await Model.load(folder, { trainable: { lora }, directions: { seed } });
      await model.apply({ decay: 0, terms: [{ ...update, stream: BigInt(update.stream) }] });
      const adapted = await model.logits({ sequences, segments, targets: expected.targets });
      expect(maxDifference(flatten(adapted), logits)).toBeLessThan(TOLERANCE);
      const saved = copy();
      await model.save(saved);
      expect(await logitsDifference(saved, { ...expected, logits })).toBeLessThan(TOLERANCE);
    });
});

describe('distilbert', () => {
  it('needs the epsilon that no key of config.json says', async () => {
    const folder = join(FIXTURES, 'distilbert-tiny-embeddings');
    const { config } = FAMILIES.distilbert!;
    const { normEpsilon } = config;
    try {
      config.normEpsilon = 1e-30;
      const difference = await logitsDifference(folder, expectedOf('distilbert-tiny-embeddings'));
      expect(difference).toBeGreaterThan(TOLERANCE);
    } finally {
      config.normEpsilon = normEpsilon;
    }
  });

  it("has BERT's tokenizer, without segments", async () => {
    const folder = copy();
    mkdirSync(folder);
    const tokenizer = await Tokenizer.load(writeTinyTokenizer(folder));
    expect([tokenizer.segmentsPairs, tokenizer.encodePair('up', 'no').segments]).toEqual([true, [0, 0, 0, 1, 1]]);
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'distilbert' }));
    const distilled = await Tokenizer.load(folder);
    expect(distilled.segmentsPairs).toBe(false);
    expect(distilled.encodePair('up', 'no')).toEqual({
      ids: tokenizer.encodePair('up', 'no').ids,
      segments: [0, 0, 0, 0, 0],
    });
  });

  it('may have the old names of norms', async () => {
    const folder = join(FIXTURES, 'distilbert-tiny-embeddings');
    const old = [...readTensors(folder)].map(([name, { dtype, shape, bytes }]) => [
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
      { dtype, shape, bytes },
    ]);
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const renamed = writeFolder(copy(), json, Object.fromEntries(old));
    expect(readTensors(renamed).has('distilbert.embeddings.LayerNorm.gamma')).toBe(true);
    expect(await logitsDifference(renamed, expectedOf('distilbert-tiny-embeddings'))).toBeLessThan(TOLERANCE);
  });

  it('takes a new head where the checkpoint is of a bare encoder', async () => {
    const folder = join(FIXTURES, 'distilbert-f16-classes');
    const bare = copy();
    const tensors = [...readTensors(folder)].filter(([name]) => name.startsWith('distilbert.'));
    const written = tensors.map(([name, { dtype, shape, bytes }]) => [
      name.replace('distilbert.', ''),
      { dtype, shape, bytes },
    ]);
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    writeFolder(bare, { ...json, architectures: ['DistilBertModel'] }, Object.fromEntries(written));
    using model = await Model.load(bare, { head: { classes: 3, seed: 2 }, trainable: 'head' });
    expect(model.trainableNames).toEqual([
      'classifier.bias',
      'classifier.weight',
      'pre_classifier.bias',
      'pre_classifier.weight',
    ]);
    const sequences = [[3, 9, 4]];
    const [logits] = await model.logits({ sequences, targets: [{ kind: 'class', label: 0 }] });
    expect(new Set(logits).size).toBe(3);
    const saved = copy();
    await model.save(saved);
    expect(JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8')).architectures).toEqual([
      'DistilBertForSequenceClassification',
    ]);
    const segments = [[0, 1, 0]];
    const targets: Target[] = [{ kind: 'class', label: 0 }];
    await rejects(() => model.logits({ sequences, segments, targets }), 'ERR_ZEST_BATCH', /segments\[0\]\[1\] is 1/);
  });
});

describe('film-roberta-mini', () => {
  const expected = expectedOf('film-roberta-mini');
  const { texts, sequences, targets, losses } = expected;

  it('gives the ids of transformers', async () => {
    const tokenizer = await Tokenizer.load(film);
    expect(texts!.map((text) => tokenizer.encode(text))).toEqual(sequences);
  });

  it('gives the logits and losses of transformers', async () => {
    using model = await Model.load(film);
    const wholeVocabulary = targets.map((target): Target => {
      if (target.kind !== 'labelWords') throw new Error(`the fixture holds a target of kind ${target.kind}`);
      return { kind: 'maskedTokens', positions: [target.position], ids: [target.words[target.label]!] };
    });
    const logits = await model.logits({ sequences, targets: wholeVocabulary });
    expect(maxDifference(flatten(logits), expected.logits)).toBeLessThan(TOLERANCE);
    const [wordLosses] = await model.sequenceLosses({ sequences, targets }, [[]]);
    expect(maxDifference(wordLosses!, losses)).toBeLessThan(TOLERANCE);
    const words = await model.logits({ sequences, targets });
    targets.forEach((target, i) => {
      if (target.kind !== 'labelWords') return;
      expect([...words[i]!]).toEqual(target.words.map((word) => logits[i]![word]));
    });
  });
});
