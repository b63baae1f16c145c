import { readFileSync, writeFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Feeds, type OnnxOptions, onnxObjective } from '../../lib/onnx/index.ts';
import { newNode } from '../../lib/onnx/nodes.ts';
import { MODEL } from '../../lib/onnx/proto.ts';
import { bytesOf, type Field, fieldsOf, integerField, messageField } from '../../lib/onnx/wire.ts';
import { batch, bertOptions, type Labelled, onnxFile, runtime } from '../fixtures/onnx.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { smallObjective, writeGraph } from './small-graph.ts';

/** Of onnx.proto's OperatorSetIdProto. */
const OPERATOR_SET_VERSION = 2;
const skip = runtime === undefined;
const folder = scratchFolder();
const bert = onnxFile('bert.onnx');
const lora = bertOptions({ lora: { rank: 2, targets: ['query'] } });

const written = (name: string, content: string | Uint8Array): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

/** The BERT with some of its model's fields replaced. */
const changed = (name: string, change: (field: Field) => Field | Field[]): string =>
  written(name, bytesOf(fieldsOf(readFileSync(bert)).flatMap(change)));

const opening = (file: string, options: Partial<OnnxOptions<Labelled>> = {}) =>
  onnxObjective(file, { ...lora, ...options });

describe('a file that is no ONNX model', () => {
  const bytes = readFileSync(bert);
  it.each([
    ['is not there', () => join(folder, 'bort.onnx'), 'ERR_ZEST_FILE', /bort.onnx is not there/],
    ['is a folder', () => folder, 'ERR_ZEST_FILE', /cannot be read/],
    ['is empty', () => written('empty', ''), 'ERR_ZEST_ONNX', /empty: is no ONNX model: it has no graph/],
    ['is text', () => written('text', 'a film of rare charm'), 'ERR_ZEST_ONNX', /text: is no ONNX model/],
    ['is JSON', () => written('json', '{"a": [1, 2, 3]}'), 'ERR_ZEST_ONNX', /json: is no ONNX model/],
    [
      'is a pointer of Git LFS',
      () => written('lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
      'ERR_ZEST_ONNX',
      /lfs: this is a pointer of Git LFS/,
    ],
    ['is half of one', () => written('half', bytes.subarray(0, bytes.length / 2)), 'ERR_ZEST_ONNX', /half: .* was cut/],
    [
      'was cut between two fields',
      () => changed('cut', (field) => (field.number === MODEL.operatorSets ? [] : field)),
      'ERR_ZEST_ONNX',
      /cut: names no operator set/,
    ],
  ] as const)('%s', async (_, file, code, text) => {
    await rejects(() => opening(file(), { runtime: runtime ?? fakeRuntime }), code, text);
  });

  it('says so wherever it is cut, and never breaks', async () => {
    for (let length = 1; length < bytes.length; length += 997) {
      const file = written('short', bytes.subarray(0, length));
      await rejects(() => opening(file, { runtime: runtime ?? fakeRuntime }), 'ERR_ZEST_ONNX', /short: /);
    }
  });
});

/** Has what is checked of onnxruntime before a file is read. */
const fakeRuntime = { InferenceSession: { create: () => Promise.reject() }, Tensor: class {} } as never;

// Where the tests have it, the package does not: it is in bench/peers.
it('says how to install onnxruntime-node', async () => {
  await rejects(() => opening(bert, { runtime: undefined }), 'ERR_ZEST_ONNXRUNTIME', /npm install onnxruntime-node/);
});

describe.skipIf(skip)('a model that onnxruntime does not take', () => {
  it('of an unknown IR version', async () => {
    const file = changed('ir', (field) =>
      field.number === MODEL.irVersion ? integerField(MODEL.irVersion, 99) : field,
    );
    await rejects(
      () => opening(file),
      'ERR_ZEST_ONNXRUNTIME',
      /ir: onnxruntime does not take the model: .*IR version: 99/,
    );
  });

  it('of an unknown operator set', async () => {
    const set = messageField(MODEL.operatorSets, [integerField(OPERATOR_SET_VERSION, 99)]);
    const file = changed('set', (field) => (field.number === MODEL.operatorSets ? set : field));
    await rejects(() => opening(file), 'ERR_ZEST_ONNXRUNTIME', /set: onnxruntime does not take the model: .*99/s);
  });

  it('with session options that there are not', async () => {
    const session = { executionProviders: ['abacus'] };
    await rejects(() => opening(bert, { session }), 'ERR_ZEST_ONNXRUNTIME', /abacus/);
  });
});

describe.skipIf(skip)('what is trained', () => {
  it.each([
    [{ trainable: ['model.clasifier.weight'] }, 'ERR_ZEST_TRAINABLE', /did you mean 'model.classifier.weight'/],
    [{ trainable: ['*.gamma'] }, 'ERR_ZEST_TRAINABLE', /'\*\.gamma' matches no weight; there are model\./],
    [{ trainable: { include: ['*'], exclude: ['*'] } }, 'ERR_ZEST_TRAINABLE', /leaves no weight/],
    [{ trainable: {} }, 'ERR_ZEST_TRAINABLE', /include, exclude or lora/],
    [{ trainable: 7 }, 'ERR_ZEST_TRAINABLE', /trainable/],
    [{ trainable: { lora: { rank: 0 } } }, 'ERR_ZEST_TRAINABLE', /rank/],
    [
      { trainable: { lora: { rank: 17 } } },
      'ERR_ZEST_TRAINABLE',
      /rank is 17, which is more than '.*query' of 16 × 16/,
    ],
    [{ trainable: { lora: { rank: 2, targets: ['quary'] } } }, 'ERR_ZEST_TRAINABLE', /'quary' matches no linear layer/],
    [{ trainabel: 'all' }, 'ERR_ZEST_OPTION', /trainabel/],
    [{ loss: undefined }, 'ERR_ZEST_ARGUMENT', /loss/],
    [{ inputs: 3 }, 'ERR_ZEST_ARGUMENT', /inputs/],
    [{ runtime: {} }, 'ERR_ZEST_OPTION', /runtime/],
    [{ directions: { seed: -1 } }, 'ERR_ZEST_DIRECTIONS', /seed/],
  ])('%o', async (options, code, text) => {
    await rejects(() => opening(bert, options as never), code, text);
  });

  it('is no weight of whole numbers', async () => {
    const trainable = ['model.bert.encoder.layer.0.attention.self.query.weight'];
    const text = /query.weight' is uint8; expected float32, float16 or bfloat16/;
    await rejects(() => opening(onnxFile('bert-8bit.onnx'), { trainable }), 'ERR_ZEST_TENSOR_DTYPE', text);
  });

  it('is a weight of floats', async () => {
    const int8 = { type: 'int8', shape: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8] } as const;
    const scale = { type: 'float32', shape: [], values: [0.1] } as const;
    const nodes = [newNode('DequantizeLinear', ['Wq', 's'], 'W'), newNode('MatMul', ['x', 'W'], 'y')];
    const file = await writeGraph(folder, { weights: { Wq: int8, s: scale }, nodes });
    const text =
      /there is no weight to train; expected one of float32, .* found Wq \(int8 \[4,2\]\), s \(float32 \[\]\)\. trainable: \{ lora \}/;
    await rejects(() => smallObjective(file, 'all'), 'ERR_ZEST_TRAINABLE', text);
    using model = await smallObjective(file, { lora: { rank: 1 } });
    expect(model.dimension).toBe(6);
    const none = await writeGraph(folder, { weights: {}, nodes: [newNode('Identity', ['x'], 'y')] });
    await rejects(() => smallObjective(none, ['*']), 'ERR_ZEST_TRAINABLE', /found none\./);
  });

  it('has LoRA once', async () => {
    using model = await opening(bert);
    const file = join(folder, 'with-lora.onnx');
    await model.save(file);
    await rejects(() => opening(file), 'ERR_ZEST_TRAINABLE', /has LoRA already; train that with/);
    using again = await opening(file, { trainable: ['*.lora_A.weight', '*.lora_B.weight'] });
    expect(again.dimension).toBe(model.dimension);
  });
});

describe.skipIf(skip)('what inputs gives', () => {
  const { ids: input_ids, mask: attention_mask } = batch;
  it.each([
    ['nothing', undefined, /gave undefined; expected an object with input_ids, attention_mask/],
    ['an input too few', { input_ids }, /gave no 'attention_mask'/],
    ['a name with a slip', { input_ids, attention_masks: attention_mask }, /did you mean 'attention_mask'/],
    ['lists of unlike lengths', { input_ids: [[1, 2], [3]], attention_mask }, /input_ids\[1\] of shape \[1\].*pad/],
    ['fractions for ids', { input_ids: [[1.5]], attention_mask: [[1]] }, /input_ids the value 1.5; expected whole/],
    ['words', { input_ids: [['charming']], attention_mask: [[1]] }, /gave 'charming' as input_ids\[0\]\[0\]/],
  ])('%s', async (_, feeds, text) => {
    using model = await opening(bert, { inputs: () => feeds as Feeds });
    await rejects(() => model.evaluate(batch, [[]]), 'ERR_ZEST_BATCH', text);
  });

  it('an id beyond the vocabulary, which onnxruntime finds', async () => {
    using model = await opening(bert, { inputs: () => ({ input_ids: [[4000]], attention_mask: [[1]] }) });
    await rejects(() => model.evaluate(batch, [[]]), 'ERR_ZEST_ONNXRUNTIME', /bert.onnx: onnxruntime failed.*4000/s);
  });

  it('tensors of onnxruntime', async () => {
    const tensor = (rows: number[][]) =>
      new runtime.Tensor('int64' as never, BigInt64Array.from(rows.flat(), BigInt) as never, [2, 5]);
    using model = await opening(bert);
    using other = await opening(bert, {
      inputs: () => ({ input_ids: tensor(input_ids), attention_mask: tensor(attention_mask) }),
    });
    expect(await other.evaluate(batch, [[]])).toEqual(await model.evaluate(batch, [[]]));
  });
});

describe.skipIf(skip)('what loss gives', () => {
  it.each([
    ['NaN', () => Number.NaN, 'ERR_ZEST_LOSS_NOT_FINITE', /stream 3 is NaN/],
    ['NaN for an example', () => [0, Number.NaN], 'ERR_ZEST_LOSS_NOT_FINITE', /example 1 .*NaN/],
    ['a text', () => '0.5', 'ERR_ZEST_ARGUMENT', /loss gave '0.5'; expected a number/],
    ['nothing', () => undefined, 'ERR_ZEST_ARGUMENT', /loss gave undefined/],
  ])('%s', async (_, loss, code, text) => {
    using model = await opening(bert, { loss: loss as never });
    await rejects(() => model.evaluate(batch, [{ stream: 3n, scale: 1e-3 }]), code, text);
    expect(model.version).toBe(0n);
  });

  it('an error, which comes through', async () => {
    const reason = new Error('mine');
    const loss = () => {
      throw reason;
    };
    using model = await opening(bert, { loss });
    await expect(model.evaluate(batch, [[]])).rejects.toBe(reason);
  });

  it('nothing ever, until it is stopped', async () => {
    using model = await opening(bert, { loss: () => new Promise<number>(() => {}) });
    const controller = new AbortController();
    const call = model.evaluate(batch, [[]], { signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 50);
    await expect(call).rejects.toBe('enough');
  });
});

describe.skipIf(skip)('calls', () => {
  it('of a model that was disposed', async () => {
    const model = await opening(bert);
    const before = model.evaluate(batch, [[], []]);
    model.dispose();
    model.dispose();
    await rejects(() => before, 'ERR_ZEST_DISPOSED', /bert.onnx was disposed/);
    const name = model.trainableNames[0]!;
    for (const call of [
      () => model.evaluate(batch, [[]]),
      () => model.sequenceLosses(batch, [[]]),
      () => model.outputs(batch),
      () => model.apply({ decay: 0, terms: [] }),
      () => model.parameter(name),
      () => model.direction(0n, name),
      () => model.digest(),
      () => model.digest('frozen'),
      () => model.save(join(folder, 'disposed.onnx')),
      () => model.saveWeights(join(folder, 'disposed.safetensors')),
      () => model.loadWeights(join(folder, 'disposed.safetensors')),
    ])
      await rejects(call, 'ERR_ZEST_DISPOSED', /bert.onnx was disposed/);
  });

  it('take effect in their order', async () => {
    using model = await opening(bert, { inputs: async ({ ids, mask }) => ({ input_ids: ids, attention_mask: mask }) });
    const update = { decay: 0, terms: [{ stream: 0n, coefficient: 0.5 }] };
    const [before, , after] = await Promise.all([
      model.evaluate(batch, [[]], { atVersion: 0n }),
      model.apply(update),
      model.evaluate(batch, [[]], { atVersion: 1n }),
    ]);
    expect(after).not.toEqual(before);
  });

  it('save over the file that it was made from, or that has changed since', async () => {
    const own = join(folder, 'own.onnx');
    await copyFile(bert, own);
    using model = await opening(own);
    await rejects(() => model.save(own), 'ERR_ZEST_FILE', /own.onnx: it is the file that the model was made from/);
    await rejects(() => model.save(join(folder, 'no/such.onnx')), 'ERR_ZEST_FILE', /cannot write/);
    await copyFile(onnxFile('llama.onnx'), own);
    await rejects(
      () => model.save(join(folder, 'other.onnx')),
      'ERR_ZEST_FILE',
      /own.onnx, which .* has changed since/,
    );
    await writeFile(own, '');
    await rejects(() => model.save(join(folder, 'other.onnx')), 'ERR_ZEST_ONNX', /own.onnx/);
  });
});
