import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedToken, type GenerateOptions, Model } from '../../lib/index.ts';
import { film } from '../fixtures/film.ts';
import { withConfig } from '../fixtures/parity/checkpoint.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/parity/', import.meta.url));
const scratch = scratchFolder();
const CAUSAL = readdirSync(FIXTURES).filter((name) => existsSync(join(FIXTURES, name, 'generated.json')));

interface Generated {
  prompt: number[];
  ids: number[];
}
const generatedOf = (name: string): Generated[] =>
  JSON.parse(readFileSync(join(FIXTURES, name, 'generated.json'), 'utf8'));

/** The largest of a row, the first of equal ones. */
const largest = (row: Float32Array): number => row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);

/** Greedy, by a whole forward for each token. */
const byWholeForwards = async (model: Model, prompt: number[], count: number, options: object = {}) => {
  const words = Array.from({ length: model.vocabularySize }, (_, i) => i);
  const ids = [...prompt];
  for (let i = 0; i < count; i++) {
    const targets = [{ kind: 'labelWords' as const, position: ids.length - 1, words, label: 0 }];
    const [row] = await model.logits({ sequences: [ids], targets }, options);
    ids.push(largest(row!));
  }
  return ids.slice(prompt.length);
};

describe.each(CAUSAL)('%s', (name) => {
  const generated = generatedOf(name);
  const prompts = generated.map(({ prompt }) => prompt);

  it('continues as transformers does, whatever it is batched with', async () => {
    using model = await Model.load(join(FIXTURES, name));
    const options: GenerateOptions = { maxTokens: 1000, stop: [] };
    expect(await model.generate(prompts, options)).toEqual(generated.map(({ ids }) => ids));
    const last = prompts.at(-1)!;
    expect(await model.generate([last], options)).toEqual([generated.at(-1)!.ids]);
  });
});

describe('end tokens', () => {
  // transformers 5.23 reads config.json's where there is no generation_config.json that it can read, and only then.
  it("are generation_config.json's alone, where it is there", async () => {
    const { prompt, ids } = generatedOf('llama-llama3')[0]!;
    const [ours, theirs] = [ids[9]!, ids[3]!];
    const until = (end: number) => ids.slice(0, ids.indexOf(end));
    expect([until(ours).length, until(theirs).length]).toEqual([9, 3]);
    const continued = async (generation?: string): Promise<number[]> => {
      const folder = withConfig(join(FIXTURES, 'llama-llama3'), { eos_token_id: ours }, join(scratch, 'ends'));
      if (generation !== undefined) writeFileSync(join(folder, 'generation_config.json'), generation);
      using model = await Model.load(folder);
      return (await model.generate([prompt], { maxTokens: ids.length }))[0]!;
    };
    expect(await continued()).toEqual(until(ours));
    expect(await continued('{')).toEqual(until(ours));
    expect(await continued(JSON.stringify({ eos_token_id: [theirs, 1000] }))).toEqual(until(theirs));
    expect(await continued(JSON.stringify({ eos_token_id: null }))).toEqual(ids);
    expect(await continued(JSON.stringify({ do_sample: true }))).toEqual(ids);
  });
});

describe('generation', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(join(FIXTURES, 'llama-grouped'), { trainable: { lora: { rank: 2, alpha: 4 } } });
    await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 0.05 }] });
  });
  afterAll(() => model.dispose());
  const prompts = [[5, 9, 30], [7], [12, 40, 3, 77, 21, 8, 50]];

  it.each(['gaussian', 'sphere', 'rademacher', { lowRank: 2 }] as const)(
    'has the bits of whole forwards at a point of %o',
    async (law) => {
      const at = { stream: 4n, scale: 0.3 };
      const options = { at, directions: { seed: 3, law } };
      const made = await model.generate(prompts, { maxTokens: 12, stop: [], ...options });
      const expected = [];
      for (const prompt of prompts) expected.push(await byWholeForwards(model, prompt, 12, options));
      expect(made).toEqual(expected);
      expect(made).not.toEqual(await model.generate(prompts, { maxTokens: 12, stop: [] }));
    },
  );

  it('draws the same tokens from a seed, alone and in a batch', async () => {
    const options = { maxTokens: 20, temperature: 1.5, topK: 30, topP: 0.9, seed: 11 };
    const made = await model.generate(prompts, options);
    expect(await model.generate(prompts, options)).toEqual(made);
    expect((await model.generate(prompts.slice(0, 1), options))[0]).toEqual(made[0]);
    expect(await model.generate(prompts, { ...options, seed: 12 })).not.toEqual(made);
  });

  it('draws greedily from one token, by any way to one', async () => {
    const greedy = await model.generate(prompts, { maxTokens: 10 });
    for (const one of [{ topK: 1 }, { topP: 1e-9 }, { temperature: 1e-6 }]) {
      expect(await model.generate(prompts, { maxTokens: 10, temperature: 1, seed: 5, ...one })).toEqual(greedy);
    }
  });

  it('draws tokens as often as their probabilities say', async () => {
    const temperature = 2;
    const words = Array.from({ length: model.vocabularySize }, (_, i) => i);
    const targets = [{ kind: 'labelWords' as const, position: 0, words, label: 0 }];
    const [row] = await model.logits({ sequences: [[9]], targets });
    const weights = [...row!].map((logit) => Math.exp(logit / temperature));
    const total = weights.reduce((a, b) => a + b);
    const count = 4000;
    const drawn = await model.generate(Array(count).fill([9]), { maxTokens: 1, temperature, seed: 1, stop: [] });
    // The most probable, and all others, against five standard errors of a binomial.
    for (const token of [largest(row!), 20]) {
      const p = weights[token]! / total;
      const seen = drawn.filter(([id]) => id === token).length / count;
      expect(Math.abs(seen - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count));
    }
  });

  it('stops at sequences, and tells no token of one', async () => {
    const [whole] = await model.generate([[5, 9, 30]], { maxTokens: 30, stop: [], temperature: 3, seed: 2 });
    await fc.assert(
      fc.asyncProperty(fc.nat(25), fc.integer({ min: 1, max: 4 }), async (at, length) => {
        const stop = whole!.slice(at, at + length);
        const first = whole!.findIndex((_, i) => stop.every((token, j) => whole![i + j] === token));
        const told: GeneratedToken[] = [];
        const options = { maxTokens: 30, temperature: 3, seed: 2, stop: [[97, 102, 101], stop] };
        for await (const token of model.stream([[5, 9, 30]], options)) told.push(token);
        expect(told.map(({ token }) => token)).toEqual(whole!.slice(0, first));
      }),
      { numRuns: 15 },
    );
  });

  it('ends where the model has no more positions', async () => {
    const prompt = Array.from({ length: model.maxLength - 3 }, (_, i) => 3 + (i % 90));
    expect((await model.generate([prompt, [5]], { maxTokens: 1000, stop: [] })).map(({ length }) => length)).toEqual([
      3,
      model.maxLength - 1,
    ]);
  });

  it('may be left, and used meanwhile, but not while the weights move', async () => {
    const stream = model.stream([[5, 9, 30]], { maxTokens: 20, stop: [] });
    expect((await stream.next()).done).toBe(false);
    await model.generate([[5]], { maxTokens: 2 });
    expect((await stream.next()).done).toBe(false);
    await model.apply({ decay: 0, terms: [] });
    await rejects(() => stream.next(), 'ERR_ZEST_VERSION', /moved/);
    for await (const _ of model.stream([[5]], { maxTokens: 20, stop: [] })) break;
    expect(await model.generate([[5]], { maxTokens: 1 })).toHaveLength(1);
  });

  it('lets calls that come after it wait', async () => {
    const before = model.version;
    const [made] = await Promise.all([
      model.generate([[5, 9, 30]], { maxTokens: 30, stop: [] }),
      model.apply({ decay: 0, terms: [] }),
    ]);
    expect(made[0]).toHaveLength(30);
    expect(model.version).toBe(before + 1n);
  });

  it('stops at a signal with its reason', async () => {
    const signal = AbortSignal.timeout(30);
    const call = async () => {
      for (;;) await model.generate(Array(200).fill([5]), { maxTokens: 60, stop: [], signal });
    };
    const error = await call().catch((reason) => reason);
    expect(error).toBe(signal.reason);
  });

  it.each<[string, unknown, object, string, RegExp]>([
    ['no prompts', [], {}, 'ERR_ZEST_ARGUMENT', /^prompts is/],
    ['an empty prompt', [[5], []], {}, 'ERR_ZEST_SEQUENCE_LENGTH', /^prompts\[1\] is empty/],
    ['a prompt that leaves no room', [Array(70).fill(5)], {}, 'ERR_ZEST_SEQUENCE_LENGTH', /prompts\[0\] has 70 tokens/],
    ['no token', [[5, 103]], {}, 'ERR_ZEST_TOKEN', /^prompts\[0\]\[1\] is 103/],
    ['top-p of 0', [[5]], { topP: 0 }, 'ERR_ZEST_OPTION', /topP is 0/],
    ['an empty stop', [[5]], { stop: [[]] }, 'ERR_ZEST_OPTION', /stop\.0 is \[\]/],
    ['a temperature below 0', [[5]], { temperature: -1 }, 'ERR_ZEST_OPTION', /temperature is -1/],
    ['a misspelt option', [[5]], { topk: 3 }, 'ERR_ZEST_OPTION', /topk.*topK/],
  ])('refuses %s', async (_, bad, options, code, text) => {
    await rejects(() => model.generate(bad as number[][], { maxTokens: 3, ...options }), code, text);
  });

  it('may be left when the model has been disposed, and has the reason of its signal', async () => {
    const model = await Model.load(join(FIXTURES, CAUSAL[0]!));
    const tokens: number[] = [];
    for await (const { token } of model.stream([[5]], { maxTokens: 8, stop: [] })) {
      tokens.push(token);
      model.dispose();
      break;
    }
    expect(tokens).toHaveLength(1);
    const other = await Model.load(join(FIXTURES, CAUSAL[0]!));
    const controller = new AbortController();
    const all = async () => {
      for await (const _ of other.stream([[5]], { maxTokens: 8, stop: [], signal: controller.signal })) {
        controller.abort('enough');
        other.dispose();
      }
    };
    await expect(all()).rejects.toBe('enough');
    const third = await Model.load(join(FIXTURES, CAUSAL[0]!));
    const disposed = async () => {
      for await (const _ of third.stream([[5]], { maxTokens: 8, stop: [] })) third.dispose();
    };
    await expect(disposed()).rejects.toMatchObject({ name: 'ZestError', code: 'ERR_ZEST_DISPOSED' });
  });

  it('needs a causal model', async () => {
    using encoder = await Model.load(film);
    await rejects(
      () => encoder.generate([[5]], { maxTokens: 3 }),
      'ERR_ZEST_UNSUPPORTED',
      /causal model, and 'roberta' is an enc/,
    );
    using classifier = await Model.load(join(FIXTURES, 'llama-grouped'), { head: { classes: 2 } });
    await rejects(
      () => classifier.generate([[5]], { maxTokens: 3 }),
      'ERR_ZEST_UNSUPPORTED',
      /'llama' is loaded as a cl/,
    );
  });
});
