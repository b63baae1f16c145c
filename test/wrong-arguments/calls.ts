import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zest from '../../lib/index.ts';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { writeFolder } from '../fixtures/safetensors.ts';
import { tinyConfig, tinyTensors } from '../fixtures/tiny-bert.ts';
import { tinyBatch } from '../fixtures/tiny-models.ts';
import { writeTinyTokenizer } from '../fixtures/tiny-tokenizer.ts';

// A right call of everything that the package exports, and of every method of what that makes.

type Arguments = readonly unknown[];
/** Objects with methods, and arguments of each method by its name. */
type Methods = Record<string, { of: object; calls: Record<string, Arguments> }>;

const CHAT = '{% for m in messages %}{{ m.content }}{% endfor %}';
const point = { stream: 1n, scale: 1e-3 };
const update = { decay: 0.1, terms: [{ stream: 1n, coefficient: 1e-4 }] };
const directions = { seed: 1, law: 'gaussian' };
const ratio = { rho: 1e-3, tilt: { tau: 1 }, estimator: 'naive', sides: 'two' };
const learningRate = 1e-6;

/** Methods of tasks that are protected, and of no type that programs see. */
const PROTECTED =
  'answered assertOwn checked collect compare derived exampleOf isEmpty isKnown isMissing made own read respond rightAnswer takes told trained'.split(
    ' ',
  );

const methodsOf = (value: object): string[] => {
  const names = new Set<string>();
  for (let at = value; at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
  }
  return [...names];
};

/** Names of what is exported, or made, and has no call here. */
export const missing = ({ functions, methods }: Awaited<ReturnType<typeof rightCalls>>): string[] => [
  ...Object.entries(zest)
    .filter(([name, value]) => typeof value === 'function' && !(name in functions) && !(name in methods))
    .map(([name]) => name),
  ...Object.entries(methods).flatMap(([name, { of, calls }]) =>
    methodsOf(of)
      .filter((method) => method !== 'dispose' && !PROTECTED.includes(method) && !(method in calls))
      .map((method) => `${name}.${method}`),
  ),
];

/** Makes the objects, in a folder, and the calls. */
export const rightCalls = async (scratch: string) => {
  const bert = writeTinyTokenizer(writeFolder(join(scratch, 'bert'), tinyConfig, tinyTensors()));
  const llama = join(scratch, 'llama');
  cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), llama, { recursive: true });
  writeByteTokenizer(llama, { size: 103, characters: 'abcdefghijklmnopqrstuvwxyz.,: ', chat: CHAT });
  const data = join(scratch, 'rows.jsonl');
  const row = { sentence: 'up', label: 1 };
  writeFileSync(data, `${JSON.stringify(row)}\n${JSON.stringify({ ...row, label: 0 })}\n`);
  const config = {
    model: bert,
    device: 'cpu',
    task: { template: '{sentence} {mask}', labelWords: ['yes', 'no'] },
    data: { train: data, validation: data, test: data },
    optimizer: { method: 'zest', directions: 1, tilt: { tau: 1 }, learningRate },
    training: { steps: 1, batchSize: 2, maxLength: 8 },
    output: join(scratch, 'run'),
  };
  for await (const _ of zest.train(config as zest.Config));
  const log = join(config.output, 'trajectory.zest');
  const exported = join(scratch, 'exported.zest');
  await zest.exportLog(config.output, exported);
  mkdirSync(join(scratch, 'written'));
  const written = (name: string) => join(scratch, 'written', name);
  /** A configuration that is refused before it takes time: a file stands where its output would be. */
  const refused = { ...config, output: data };

  const model = await zest.Model.load(bert, { device: 'cpu' });
  const causal = await zest.Model.load(llama, { device: 'cpu' });
  const tokenizer = await zest.Tokenizer.load(bert);
  const causalTokenizer = await zest.Tokenizer.load(llama);
  const task = await zest.loadTask(config.task, tokenizer);
  const chat = (await zest.loadChatTemplate(llama))!;
  const vector = zest.vectorObjective(([x = 0]) => x * x, [1, 2], { gradient: (x) => x.map((value) => 2 * value) });
  const box = zest.blackBox({ parameters: { x: [1, 2] }, evaluate: ({ x }) => x.map((value) => value ** 2) });
  const file = { file: 'rows', line: 1, fields: row };
  const examples = task.examples([file]);
  const example = examples[0]!;
  const metric = zest.metricObjective(model, task, 'accuracy');
  const reward = zest.rewardObjective(model, task, () => 1);
  const tilted = zest.exampleTilt(box, 1);
  const optimizer = zest.mezo({ learningRate });
  const recorded = await zest.recordTrajectory(box, written('log.zest'), { directions } as zest.RecordOptions);
  const method = {
    name: 'own',
    title: 'Own',
    options: {},
    streams: () => 1,
    forwards: () => 2,
    diagnostics: {},
    *estimate() {},
  };
  const measures = { samples: 2, firstStream: 0n };

  const objective = { evaluate: [undefined, [point]], apply: [update], direction: [1n, 'x'] };
  const functions: Record<string, Arguments> = {
    ...Object.fromEntries(
      [
        'adamw',
        'adazoSam',
        'auto',
        'conservative',
        'es',
        'essam',
        'fzoo',
        'hizoo',
        'lozo',
        'mezo',
        'nspsa',
        'sabo',
        'sam',
        'sgd',
        'subzero',
        'svrg',
        'tsam',
        'zest',
        'zosa',
      ].map((name) => [name, [{ learningRate, seed: 1, weightDecay: 0.1 }]]),
    ),
    applyLog: [bert, exported, { toStep: 1 }],
    blackBox: [{ parameters: { x: [1] }, evaluate: () => [1], directions }],
    coefficients: [[1, 2], ratio],
    createOptimizer: [method, { learningRate }],
    defineMethod: [method],
    dryRun: [refused, { overrides: [] }],
    evaluate: [config.output, { overrides: [] }],
    evaluateModel: [bert, { task: config.task, data, overrides: ['device=cpu', 'training.maxLength=8'] }],
    exampleTilt: [box, 1],
    exportLog: [config.output, written('exported.zest'), { toStep: 1 }],
    findLearningRate: [{ ...refused, optimizer: {} }, { overrides: [] }],
    generateText: [causal, causalTokenizer, 'a', { maxTokens: 1, stop: ['b'] }],
    groupTilt: [box, 1, () => ['a']],
    hessianTrace: [vector, undefined, measures],
    loadChatTemplate: [llama, {}],
    loadTask: [config.task, tokenizer, { maxLength: 8 }],
    lossSlice: [vector, undefined, { size: 3 }],
    measureSharpness: [data, { overrides: [] }],
    metricObjective: [model, task, 'accuracy'],
    neighbourhood: [vector, undefined, { ...measures, radii: [1e-3] }],
    noise: [{ seed: 1, stream: 0n, offset: 0, length: 2, law: 'gaussian' }],
    onDownload: [() => {}],
    openRun: [config.output, { overrides: [] }],
    predict: [{ model, task }, data, { batchSize: 2 }],
    quadraticForm: [vector, undefined, point, { epsilon: 1e-3 }],
    readRows: [data, { columns: ['sentence', 'label'] }],
    readTrajectory: [log],
    recordTrajectory: [box, written('recorded.zest'), { directions, config: { a: 1 } }],
    registerMethod: [method, 'own'],
    registerMetric: ['own', { title: 'Own', of: () => 1 }],
    replayRun: [config.output, { toStep: 1 }],
    replayTrajectory: [model, log, { toStep: 1 }],
    report: [[config.output]],
    rewardObjective: [model, task, () => 1, { maxTokens: 1 }],
    sharpness: [vector, undefined, { ...measures, radii: [1e-3] }],
    shuffledBatches: [4, 2, 1],
    streamText: [causal, causalTokenizer, 'a', { maxTokens: 1, stop: ['b'] }],
    sweep: [refused, { grid: { 'training.seed': [1] } }],
    topEigenvalues: [vector, undefined, { count: 1 }],
    train: [refused, { overrides: [] }],
    vectorObjective: [() => 1, [1, 2], { directions }],
    verifyRun: [config.output, {}],
    ZestError: ['ERR_ZEST_OPTION', 'x'],
  };
  const ofTask: Record<string, Arguments> = {
    examples: [[file], { unlabelled: true }],
    example: [file, { unlabelled: true }],
    checkColumns: [[file], {}],
    lacking: [file, {}],
    unknownLabel: [file],
    label: [row, 'a place'],
    balance: [examples],
    holdOut: [examples, { share: 0.5, seed: 1 }],
    sample: [examples, { shots: 1, labelNoise: 0, seed: 1 }],
    demonstrate: [[], ''],
    preview: [example],
    batch: [[row]],
    score: [model, [row], { batchSize: 2 }],
    examine: [model, [row], { batchSize: 2 }],
    outcomes: [],
    examination: [task.outcomes()],
    answers: [model, examples, { batchSize: 2 }],
    classify: [model, ['up'], { batchSize: 2 }],
  };
  const ofExamples: Record<string, Arguments> = {
    evaluate: [[row], [point]],
    sequenceLosses: [[row], [point]],
    apply: [update],
    prepare: [[row]],
    direction: [1n, 'cls.predictions.bias'],
    state: ['momentum', 'cls.predictions.bias'],
    restoreState: ['momentum', 'cls.predictions.bias', new Float32Array(11)],
  };
  const ofModel = (batch: unknown, name: string, size: number): Record<string, Arguments> => ({
    memory: [8],
    evaluate: [batch, [[], point], { directions, microBatch: 1 }],
    sequenceLosses: [batch, [point], { directions }],
    apply: [update, { directions }],
    applyAll: [[update], { directions }],
    notFinite: [],
    step: [batch, { ...ratio, directions: 1, firstStream: 0n, learningRate }],
    exclusively: [async () => {}],
    logits: [batch, { at: point }],
    embed: [[[3, 4]], { pooling: 'mean', at: point }],
    generate: [[[3, 4]], { maxTokens: 1, temperature: 1, seed: 1, at: [point] }],
    stream: [[[3, 4]], { maxTokens: 1, stop: [[5]] }],
    parameter: [name],
    direction: [1n, name, { directions }],
    state: ['momentum', name],
    restoreState: ['momentum', name, new Float32Array(size)],
    digest: [],
    save: [written('model'), { weights: 'merged', metadata: { a: 'b' } }],
  });
  const causalBatch = { sequences: [[3, 4, 5]], targets: [{ kind: 'tokens', from: 1, to: 3 }] };
  const methods: Methods = {
    Model: {
      of: zest.Model,
      calls: { load: [bert, { device: 'cpu', trainable: { lora: { rank: 1, alpha: 1 } }, directions }] },
    },
    Tokenizer: { of: zest.Tokenizer, calls: { load: [bert, {}] } },
    model: { of: model, calls: { ...ofModel(tinyBatch, 'cls.predictions.bias', 11) } },
    causal: { of: causal, calls: { ...ofModel(causalBatch, 'model.norm.weight', 1) } },
    tokenizer: {
      of: tokenizer,
      calls: {
        startingWith: ['yes'],
        encode: ['up', { addSpecialTokens: true }],
        encodePair: ['up', 'down'],
        tokenize: ['up'],
        frame: [[5], [6]],
        decode: [[5, 6], { skipSpecialTokens: true }],
        tokenId: ['up'],
        token: [5],
      },
    },
    task: { of: task, calls: ofTask },
    chat: { of: chat, calls: { render: [[{ role: 'user', content: 'a' }]] } },
    vector: {
      of: vector,
      calls: {
        ...objective,
        gradient: [undefined, { at: point }],
        state: ['momentum', 'x'],
        restoreState: ['momentum', 'x', [1, 2]],
      },
    },
    box: {
      of: box,
      calls: {
        ...objective,
        sequenceLosses: [undefined, [point]],
        parameter: ['x'],
        digest: [],
        save: [written('box')],
        load: [written('box')],
      },
    },
    metric: { of: metric, calls: ofExamples },
    reward: { of: reward, calls: { ...ofExamples, combine: [[-1], [row], 0], exclusively: [async () => {}] } },
    tilted: {
      of: tilted,
      calls: { ...objective, sequenceLosses: [undefined, [point]], combine: [[1, 2], undefined, 0] },
    },
    optimizer: {
      of: optimizer,
      calls: {
        step: [vector, undefined, { microBatch: 1 }],
        replay: [vector, update],
        state: [],
        restore: [optimizer.state()],
      },
    },
    log: {
      of: { append: recorded.append.bind(recorded), close: async () => {} },
      calls: { append: [{ ...update, losses: [1, 2] }], close: [] },
    },
    batches: { of: zest.shuffledBatches(4, 2, 1), calls: { batch: [1] } },
  };
  const end = async () => {
    for (const each of [model, causal]) each.dispose();
    await recorded.close();
  };
  return { functions, methods, end };
};
