import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, resolveConfig } from '../../lib/training/config.ts';
import { type Config, configJsonSchema } from '../../lib/training/schema.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-config-'));
  file = join(folder, 'run.yaml');
});
afterAll(() => rm(folder, { recursive: true }));

const YAML = `model: models/film-roberta-mini
task:
  template: "{sentence} It was {mask} ."
  labelWords: [terrible, great]
data:
  train: train.jsonl
optimizer:
  method: zest
  learningRate: 1e-6
output: runs/film
`;

const read = async (text: string, overrides: string[] = []) => {
  await writeFile(file, text);
  return readConfig(file, overrides);
};

/** The message of the error, with the file's folder taken away. */
const refused = async (text: string, overrides: string[] = []): Promise<string> => {
  const error = await read(text, overrides).then(
    () => {
      throw new Error('the configuration was accepted');
    },
    (reason) => reason,
  );
  expect(error.code).toBe('ERR_ZEST_CONFIG');
  return error.message.replaceAll(`${folder}/`, '');
};

const set = (...overrides: string[]) => refused(YAML, overrides);

describe('a configuration file', () => {
  it('gets its defaults', async () => {
    expect(await read(YAML)).toEqual({
      model: 'models/film-roberta-mini',
      device: 'auto',
      dtype: 'float32',
      trainable: 'all',
      task: { kind: 'labelWords', template: '{sentence} It was {mask} .', labelWords: ['terrible', 'great'] },
      data: { train: 'train.jsonl', labelNoise: 0, seed: 42 },
      optimizer: {
        method: 'zest',
        directions: 5,
        rho: 1e-3,
        tilt: 1,
        estimator: 'naive',
        sides: 'two',
        law: 'gaussian',
        normalize: 'none',
        learningRate: 1e-6,
        schedule: 'constant',
        warmupSteps: 0,
        weightDecay: 0,
        decayTowards: 'zero',
        rule: 'plain',
      },
      training: {
        steps: 1000,
        batchSize: 64,
        maxLength: 128,
        evaluateEvery: 100,
        checkpointEvery: 500,
        keepCheckpoints: 0,
        keepBest: true,
        patience: null,
        seed: 1,
        onNonFinite: 'stop',
        sync: 'seconds',
        weights: 'merged',
        tensorboard: false,
      },
      output: 'runs/film',
    });
  });

  it('measures its learning rate where it names no method', async () => {
    const silent = YAML.replace(/^optimizer:\n(?: .*\n)*/m, '');
    expect(silent).not.toContain('optimizer');
    expect((await read(silent)).optimizer).toMatchObject({ method: 'auto', directions: 16, learningRate: 1 });
  });

  it('may be JSON, with tabs', async () => {
    const config = await read(YAML);
    expect(await read(JSON.stringify(config, null, '\t'))).toEqual(config);
  });

  it('resolves to itself', async () => {
    const config = await read(YAML);
    expect(resolveConfig(config)).toEqual(config);
  });

  it('gives mezo its own defaults and keys', async () => {
    const { optimizer } = await read(YAML, ['optimizer.method=mezo']);
    expect(optimizer).toMatchObject({ method: 'mezo', directions: 1, rho: 1e-3 });
    expect(optimizer).not.toHaveProperty('tilt');
    expect(await set('optimizer.method=mezo', 'optimizer.tilt=1')).toBe(
      '--set optimizer.tilt is not known; expected one of method, directions, rho, law, normalize, learningRate, schedule, warmupSteps, weightDecay, decayTowards, rule',
    );
  });

  it.each([
    ['optimizer.tilt={tau: 1}', { tilt: { tau: 1 } }],
    ['optimizer.tilt.tau=1', { tilt: { tau: 1 } }],
    ['optimizer.tilt={effectiveSampleSize: 0.5}', { tilt: { effectiveSampleSize: 0.5 } }],
    ['optimizer.tilt={klRadius: 0.1}', { tilt: { klRadius: 0.1 } }],
    ['optimizer.tilt=0', { tilt: 0 }],
    ['optimizer.law={lowRank: 4}', { law: { lowRank: 4 } }],
    ['optimizer.learningRate=1.5e-5', { learningRate: 1.5e-5 }],
  ])('takes --set %s', async (override, expected) => {
    expect((await read(YAML, [override])).optimizer).toMatchObject(expected);
  });

  it('says of a text that YAML takes for keys that it wants quotes', () =>
    expect(read(YAML, ['task.template={a} {mask}'])).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: expect.stringMatching(
        /^--set task\.template=.*: Unexpected .*; a text that begins with a brace stands in quotes of its own$/,
      ),
    }));

  it('takes a key with --set before those within it, and the last of the same key', async () => {
    const overrides = [
      'optimizer.rho=0.01',
      'optimizer.tilt.tau=2',
      'optimizer={method: zest, learningRate: 1}',
      'optimizer.rho=0.02',
    ];
    expect((await read(YAML, overrides)).optimizer).toMatchObject({ learningRate: 1, rho: 0.02, tilt: { tau: 2 } });
    // Stdin, which YAML takes for an empty list.
    expect((await read(YAML, ['data.train=-'])).data.train).toBe('-');
  });

  it('has keys set that others of the file are the same as', async () => {
    const text = YAML.replace('train: train.jsonl', 'train: &t train.jsonl\n  validation: *t\n  test: *t')
      .replace('optimizer:', 'optimizer: &o')
      .replace('template:', 'template: &u');
    const { data } = await read(text, ['data.train=other.jsonl', 'data.test=third.jsonl']);
    expect(data).toMatchObject({ train: 'other.jsonl', validation: 'train.jsonl', test: 'third.jsonl' });
    await expect(read(text.replace(': *t', ': [1]\n  shots: *t'), ['data.train=a'])).rejects.toThrow(
      /run\.yaml:7: data\.validation.*\n.*run\.yaml:8: data\.shots is 'train\.jsonl'/s,
    );
    const circle = YAML.replace('labelWords:', 'labelWords: &l\n    - *l\n  other:');
    await expect(read(circle, ['data.train=a'])).rejects.toMatchObject({ code: 'ERR_ZEST_CONFIG' });
    const shared = { ...(await read(YAML)).data, train: ['a'], validation: ['a'] };
    shared.validation = shared.train;
    const apart = resolveConfig({ ...(await read(YAML)), data: shared } as Config, ['data.train.0=b']);
    expect(apart.data).toMatchObject({ train: ['b'], validation: ['a'] });
  });

  it('is refused where it is not UTF-8, naming the line', async () => {
    await writeFile(file, Buffer.from(YAML.replace('runs/film', 'runs/\xe9t\xe9'), 'latin1'));
    const line = YAML.split('\n').findIndex((text) => text.startsWith('output')) + 1;
    await expect(readConfig(file)).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: `${file}:${line}: is not UTF-8`,
    });
  });

  it('takes keys of every kind with --set', async () => {
    const config = await read(YAML, [
      'device=cuda:1',
      'dtype=bfloat16',
      'trainable={lora: {rank: 4, alpha: 8}}',
      'head={classes: 3}',
      'task=sst2',
      'data.shots=16',
      'training.patience=2',
      'data.validation=v.jsonl',
      'training.keepBest=false',
    ]);
    expect(config).toMatchObject({
      device: 'cuda:1',
      dtype: 'bfloat16',
      trainable: { lora: { rank: 4, alpha: 8, seed: 0 } },
      head: { classes: 3 },
      task: 'sst2',
      data: { shots: 16, validation: 'v.jsonl' },
      training: { patience: 2, keepBest: false },
    });
    expect((await read(YAML, ['task.labelWords.1=fine'])).task).toMatchObject({ labelWords: ['terrible', 'fine'] });
    expect((await read(YAML, ['task={kind: class, fields: [a, b], classes: 2}'])).task).toMatchObject({
      kind: 'class',
    });
  });
});

describe('a message names the place, the key, and what was expected', () => {
  const optimizerKeys =
    'method, directions, tilt, estimator, sides, rho, law, normalize, learningRate, schedule, warmupSteps, weightDecay, decayTowards, rule';

  it('for keys of the file, with their lines', async () => {
    const text = YAML.replace('  learningRate: 1e-6', '  rho: -3\n  lerningRate: 3');
    expect(await refused(text)).toBe(
      [
        'run.yaml:9: optimizer.rho is -3; expected a number > 0',
        'run.yaml:8: optimizer.learningRate is missing; expected a number',
        `run.yaml:10: optimizer.lerningRate is not known (did you mean learningRate?); expected one of ${optimizerKeys}`,
      ].join('\n'),
    );
  });

  it.each([
    ['', 'run.yaml is null; expected keys and values'],
    ['- a', "run.yaml is [ 'a' ]; expected keys and values"],
    ['a: 1\nb: 2\na: 3', 'run.yaml:3: Map keys must be unique'],
    ['a: [1', 'run.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    [`${YAML}device: !mine auto`, 'run.yaml:11: Unresolved tag: !mine'],
    [`${YAML}device: *a`, 'run.yaml: Unresolved alias (the anchor must be set before the alias): a'],
    [`${YAML}---\na: 1`, /^run\.yaml:11: Source contains multiple documents/],
  ])('for %j', async (text, message) => {
    expect(await refused(text)).toMatch(message);
  });

  it('for a file that is not there', async () => {
    await expect(readConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({
      code: 'ERR_ZEST_CONFIG',
      message: expect.stringMatching(/^cannot read the configuration .*none\.yaml: ENOENT/),
    });
  });

  it.each([
    ['optimizer.rho=-1', '--set optimizer.rho is -1; expected a number > 0'],
    ['optimizer.rho=.nan', '--set optimizer.rho is NaN; expected a number'],
    ['optimizer.learningRate=yes', "--set optimizer.learningRate is 'yes'; expected a number"],
    ['optimizer.directions=1.5', '--set optimizer.directions is 1.5; expected a whole number'],
    ['optimizer.directions=0', '--set optimizer.directions is 0; expected a number ≥ 1'],
    [
      'optimizer.method=zset',
      "--set optimizer.method is 'zset'; expected one of zest, mezo, nspsa, fzoo, es, zosa, essam, sabo, conservative, lozo, subzero, svrg, auto (did you mean zest?)",
    ],
    [
      'optimizer.method=sam',
      "--set optimizer.method is 'sam'; expected one of zest, mezo, nspsa, fzoo, es, zosa, essam, sabo, conservative, lozo, subzero, svrg, auto (sam needs a gradient, which models do not give yet: it is for code, over a vectorObjective)",
    ],
    [
      'optimizer.estimator=naïve',
      "--set optimizer.estimator is 'naïve'; expected one of naive, biasCorrected, beale, jackknife (did you mean naive?)",
    ],
    [
      'optimizer.tilt=hot',
      "--set optimizer.tilt is 'hot'; expected a number, {tau: number}, {effectiveSampleSize: number} or {klRadius: number}",
    ],
    ['optimizer.tilt={effectiveSampleSize: 2}', '--set optimizer.tilt.effectiveSampleSize is 2; expected a number ≤ 1'],
    ['optimizer.tilt=-2', '--set optimizer.tilt is -2; expected a number ≥ 0'],
    ['optimizer.law={lowRank: 0}', '--set optimizer.law.lowRank is 0; expected a number ≥ 1'],
    [
      'optimizer.law=cauchy',
      "--set optimizer.law is 'cauchy'; expected gaussian, sphere, rademacher or {lowRank: rank}",
    ],
    ['optimizer.schedule=step', "--set optimizer.schedule is 'step'; expected one of constant, linear, cosine"],
    [
      'optimzer.rho=1',
      '--set optimzer is not known (did you mean optimizer?); expected one of model, device, dtype, head, adapter, trainable, task, objective, data, optimizer, training, output',
    ],
    [
      'training.step=3',
      '--set training.step is not known (did you mean steps?); expected one of steps, batchSize, maxLength, startToken, evaluateEvery, checkpointEvery, keepCheckpoints, keepBest, patience, seed, onNonFinite, sync, weights, tensorboard',
    ],
    ['training=null', '--set training is null; expected keys and values'],
    ['training.keepBest=1', '--set training.keepBest is 1; expected true or false'],
    [
      'training.patience=3',
      '--set training.patience is 3; expected null without data.validation, which decides when to stop',
    ],
    ['training.seed=-1', '--set training.seed is -1; expected a number ≥ 0'],
    ['data=[]', '--set data is []; expected keys and values'],
    ['data.train=null', '--set data.train is null; expected a file, a folder, a glob or a split, or a list of them'],
    ['data.train=""', "--set data.train is ''; expected a string that is not empty"],
    ['data.labelNoise=1.5', '--set data.labelNoise is 1.5; expected a number ≤ 1'],
    ['device=cuda:x', "--set device is 'cuda:x'; expected auto, cpu, cuda or cuda:N"],
    ['dtype=float16', "--set dtype is 'float16'; expected one of float32, bfloat16 (did you mean bfloat16?)"],
    ['head=none', "--set head is 'none'; expected languageModel or {classes, seed}"],
    [
      'objective.reward=3',
      '--set objective.reward is 3; expected the path of a module; a program gives a function to rewardObjective',
    ],
    ['model.x=3', '--set model is { x: 3 }; expected a string'],
    ['task=3', '--set task is 3; expected the name of a built-in task or {template, labelWords}'],
    ['task={template: a}', '--set task.labelWords is missing; expected a list'],
    [
      'task={kind: class, fields: [a, b, c], classes: 2}',
      "--set task.fields is [ 'a', 'b', 'c' ]; expected a list of 2 or fewer entries",
    ],
    ['task.labelWords=[a]', "--set task.labelWords is [ 'a' ]; expected a list of 2 or more entries"],
    [
      'task.kind=words',
      "--set task.kind is 'words'; expected one of labelWords, class, choice, generate, regression, multiLabel",
    ],
    ['trainable.lora.rank=2', '--set trainable.lora.alpha is missing; expected a number'],
    ['trainable.lora={rank: 0, alpha: 8}', '--set trainable.lora.rank is 0; expected a number ≥ 1'],
    ['trainable.lora={rank: 2, alpha: 0}', '--set trainable.lora.alpha is 0; expected a number > 0'],
    [
      'trainable.lora={rank: 2, alpha: 1, targets: []}',
      '--set trainable.lora.targets is []; expected a list of 1 or more entries',
    ],
    [
      'trainable.lora={rank: 2, alpha: 1, target: [q]}',
      '--set trainable.lora.target is not known (did you mean targets?); expected one of rank, alpha, targets, seed',
    ],
    ['trainable.prefix={}', '--set trainable.prefix.tokens is missing; expected a number'],
    ['trainable.prefix.tokens=2.5', '--set trainable.prefix.tokens is 2.5; expected a whole number'],
    [
      'trainable=some',
      "--set trainable is 'some'; expected all, bias, head, none, {include, exclude}, {lora: {rank, alpha}} or {prefix: {tokens}}",
    ],
    ['trainable={include: []}', '--set trainable.include is []; expected a list of 1 or more entries'],
    ['rho', '--set rho: expected key.path=value'],
    ['=1', '--set =1: expected key.path=value'],
    ['optimizer.rho=[1', '--set optimizer.rho=[1: Flow sequence must end with a ]'],
    ['task.labelWords.x=a', '--set task.labelWords.x=a: Expected a valid index, not x.'],
  ])('for --set %s', async (override, message) => {
    expect(await set(override)).toBe(message);
  });

  it('for rules of several keys', async () => {
    expect(await set('optimizer.sides=one', 'optimizer.directions=1', 'optimizer.estimator=beale')).toBe(
      "--set optimizer.estimator is 'beale'; expected naive with sides one\n" +
        '--set optimizer.directions is 1; expected at least 2 with sides one',
    );
    expect(await set('optimizer.schedule=linear', 'optimizer.warmupSteps=10', 'training.steps=10')).toBe(
      '--set optimizer.warmupSteps is 10; expected fewer than training.steps (10)',
    );
  });

  it('for configurations that are objects', () => {
    const config = { model: 'm', output: 'o', task: 'sst2', data: {}, optimizer: { method: 'zest' } };
    expect(() => resolveConfig(config as unknown as Config)).toThrow(
      'data.train is missing; expected a file, a folder, a glob or a split, or a list of them\noptimizer.learningRate is missing; expected a number',
    );
    const reward = () => 1;
    expect(() => resolveConfig({ ...config, objective: { reward } } as unknown as Config)).toThrow(
      /objective\.reward is \[Function: reward\]; expected the path of a module[^\n]*(\n(?!objective).*)*$/,
    );
  });
});

describe('the JSON Schema', () => {
  it('has every key, and refuses others', () => {
    const schema = configJsonSchema() as { properties: object; required: string[]; additionalProperties: boolean };
    expect(Object.keys(schema.properties)).toEqual([
      'model',
      'device',
      'dtype',
      'head',
      'adapter',
      'trainable',
      'task',
      'objective',
      'data',
      'optimizer',
      'training',
      'output',
    ]);
    expect(schema.required).toEqual(['model', 'task', 'data', 'output']);
    expect(schema.additionalProperties).toBe(false);
  });
});
