import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ZestError } from '../lib/errors.ts';
import { applyLog, loadChatTemplate, readRows, Tokenizer } from '../lib/index.ts';
import { baseDigest } from '../lib/runs/base-digest.ts';
import { encodeHeader } from '../lib/runs/trajectory-format.ts';
import { isPlain } from '../lib/tokenizer/plain.ts';
import { readConfig } from '../lib/training/config.ts';
import { film } from './fixtures/film.ts';
import { hostileFiles, randomOf } from './fixtures/hostile.ts';
import { rejects } from './fixtures/rejects.ts';
import { scratchFolder } from './fixtures/scratch.ts';

const scratch = scratchFolder();

const CHANGES = 25;

// docs/security.md; test/long/hostile.test.ts has many more.
/** A folder with a copy of a tokenizer whose file is changed. */
const tokenizerWith = (name: string, change: (json: Record<string, unknown>) => object): string => {
  const folder = join(scratch, name);
  cpSync(fileURLToPath(new URL('fixtures/tokenizer/llama', import.meta.url)), folder, { recursive: true });
  const file = join(folder, 'tokenizer.json');
  writeFileSync(join(folder, 'tokenizer_config.json'), '{"tokenizer_class": "PreTrainedTokenizerFast"}');
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')))));
  return folder;
};
const write = (name: string, text: string): string => {
  writeFileSync(join(scratch, name), text);
  return join(scratch, name);
};
const chatOf = async (template: string) => {
  mkdirSync(join(scratch, 'chat'), { recursive: true });
  write('chat/chat_template.jinja', template);
  return (await loadChatTemplate(join(scratch, 'chat')))?.render([{ role: 'user', content: 'a' }]);
};

describe('a small file that would take for ever', () => {
  it('is a pattern of a tokenizer', async () => {
    const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
    const tokenizer = await Tokenizer.load(
      tokenizerWith('pattern', (json) => ({ ...json, normalizer: null, pre_tokenizer: split })),
    );
    tokenizer.encode('a');
    await rejects(
      () => tokenizer.encode(`${'a'.repeat(40)}!`),
      'ERR_ZEST_TOKENIZER',
      /pattern '\(a\+\)\+\$' takes more than 2.0 s/,
    );
  });

  it('has a pattern that may try many ways', () => {
    const slow = ['(a|a)*$', '(?:a?){50}b', 'a*a*a*a*b', 'a?a?a?a?a?aaaaa', '(a*)\\1b', '(x{1,30}){1,30}y'];
    const usual = ['[(+*]+', '\\(+b', '\\p{N}{1,3}| ?[^\\s]+[\\r\\n]*|\\s+(?!\\S)', '[^a]?[b]*[c]+(?:d|e)?|[f]+'];
    expect([...slow, ...usual].filter(isPlain)).toEqual(usual);
  });

  it('is a list of columns, or of keys', async () => {
    const names = Array.from({ length: 60_000 }, (_, i) => `c${i}`);
    const began = performance.now();
    const rows = await readRows(write('wide.csv', `${names.join(',')}\n${names.join(',')}\n`));
    expect(Object.keys(rows[0]?.fields ?? {})).toHaveLength(60_000);
    await rejects(() => readRows(write('twice.csv', 'a,b,a\n1,2,3\n')), 'ERR_ZEST_DATA', /"a" twice/);
    await rejects(
      () => readConfig(write('twice.yaml', 'a:\n  b: 1\n  b: 2\n')),
      'ERR_ZEST_CONFIG',
      /yaml:3: Map keys must be unique/,
    );
    const keys = names.slice(0, 2000).map((name) => `${name}: 1`);
    await rejects(() => readConfig(write('keys.yaml', keys.join('\n'))), 'ERR_ZEST_CONFIG', /and \d+ faults more/);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it.each([
    ['brackets', `model: ${'['.repeat(380_000)}${']'.repeat(380_000)}\n`, /yaml:1: Collections are nested too deeply/],
    ['braces of JSON', `{"model": ${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`, /nested too deeply/],
    ['keys below keys', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''), /nested too deeply/],
    ['aliases', `a: &a x\nb: [${Array(101).fill('*a')}]\n`, /yaml:2: There are too many aliases/],
    ['text', `a: ${'x'.repeat(2 ** 20)}`, /expected at most 1048576/],
  ])('is a configuration of %s', (name, text, message) =>
    rejects(() => readConfig(write(`${name}.yaml`, text)), 'ERR_ZEST_CONFIG', message),
  );

  it('may have as many levels and aliases as people write', async () => {
    const text = `model: &m x\ndata: {train: *m, test: ${'['.repeat(30)}${']'.repeat(30)}}\n`;
    await rejects(() => readConfig(write('usual.yaml', text)), 'ERR_ZEST_CONFIG', /task is missing/);
  });

  it('is a chat template', async () => {
    await rejects(
      () => chatOf('{% for i in range(1000000000) %}{% endfor %}'),
      'ERR_ZEST_TEMPLATE',
      /a range has 1000000000 numbers/,
    );
    const twice = '{% for i in range(100000) %}{% for i in range(100000) %}{% endfor %}{% endfor %}';
    await rejects(() => chatOf(twice), 'ERR_ZEST_TEMPLATE', /more than 2 s/);
    expect(await chatOf('{% for i in range(1, 7, 2) %}{{ i }}{% endfor %}{{ messages[0].range }}')).toBe('135');
  });
});

describe('nothing of a file is run, or printed as it is', () => {
  it('by a log that names a module as its method', async () => {
    const module = write(
      'evil.mjs',
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(join(scratch, 'ran'))}, '');`,
    );
    const header = {
      ...{
        noiseVersion: 1,
        base: await baseDigest(film),
        trainable: '',
        dimension: 1,
        dtype: 'float32' as const,
        tensors: [],
      },
      ...{
        directions: { seed: '1', law: 'gaussian' as const },
        method: module,
        rule: 'plain',
        inputs: {},
        device: 'cpu',
        version: '0',
      },
      config: {
        model: 'x',
        task: 'sst2',
        data: { train: 'x' },
        optimizer: { method: module, learningRate: 1 },
        training: { steps: 1 },
        output: 'x',
      },
    };
    writeFileSync(join(scratch, 'log.zest'), encodeHeader(header).bytes);
    await rejects(() => applyLog(film, join(scratch, 'log.zest')), 'ERR_ZEST_TRAJECTORY', /begins with other weights/);
    expect(existsSync(join(scratch, 'ran'))).toBe(false);
  });

  it('of a pattern that is none', () =>
    rejects(
      () =>
        Tokenizer.load(
          tokenizerWith('text', (json) => ({ ...json, decoder: { type: 'Replace', pattern: '\x1b[2J', content: '' } })),
        ),
      'ERR_ZEST_TOKENIZER',
      /decoder has the pattern '\\x1B\[2J'; expected \{ String \}/,
    ));

  it('of steps within steps without end', () => {
    const nested = (levels: number): object =>
      levels === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(levels - 1)] };
    return rejects(
      () => Tokenizer.load(tokenizerWith('deep', (json) => ({ ...json, normalizer: nested(500) }))),
      'ERR_ZEST_TOKENIZER',
      /normalizer is nested too deeply/,
    );
  });
});

describe('a file that is not what it should be is read, or refused with a ZestError', () => {
  it.each(hostileFiles(scratchFolder()).map((each) => [each.name, each] as const))(
    '%s',
    async (_, { change, read }) => {
      for (let seed = 0; seed < CHANGES; seed++) {
        change(randomOf(seed));
        const began = performance.now();
        const error = await read().then(
          () => undefined,
          (reason) => reason,
        );
        const said = `seed ${seed}: ${error?.stack}`;
        if (error !== undefined && !(error instanceof ZestError)) expect.fail(said);
        expect(performance.now() - began, said).toBeLessThan(10_000);
      }
    },
  );
});
