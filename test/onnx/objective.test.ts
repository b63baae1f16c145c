import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mezo } from '../../lib/methods/mezo.ts';
import { blackBox } from '../../lib/objectives/black-box.ts';
import type { TensorSpec } from '../../lib/objectives/tensors.ts';
import { type OnnxObjective, type OnnxTensor, onnxObjective } from '../../lib/onnx/index.ts';
import { recordTrajectory } from '../../lib/runs/record.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import {
  batch,
  bertOptions,
  classLosses,
  expected,
  type Labelled,
  numbers,
  onnxFile,
  runtime,
  sines,
} from '../fixtures/onnx.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const skip = runtime === undefined; // no onnxruntime-node: npm install --prefix bench/peers --ignore-scripts
const folder = scratchFolder();

const loraOptions = bertOptions({ lora: { rank: 2, alpha: 4, targets: ['query', 'value'] } });

const point = [
  { stream: 3n, scale: 0.05 },
  { stream: 9n, scale: -0.02 },
];

/** Logits of a file, by onnxruntime alone. */
const plainLogits = async (file: string, { ids, mask }: Labelled = batch): Promise<number[]> => {
  const session = await runtime.InferenceSession.create((await readFile(file)) as Uint8Array);
  const tensor = (rows: number[][]) =>
    new runtime.Tensor('int64' as never, BigInt64Array.from(rows.flat(), BigInt) as never, [
      rows.length,
      rows[0]!.length,
    ]);
  const { logits } = await session.run({ input_ids: tensor(ids), attention_mask: tensor(mask) });
  await session.release();
  return numbers(logits!);
};

const logitsOf = async (model: OnnxObjective<Labelled>, at?: typeof point): Promise<number[]> =>
  numbers((await model.outputs(batch, { at })).logits!);

const expectClose = (actual: readonly number[], wanted: readonly number[], tolerance = 2e-5): void => {
  expect(actual).toHaveLength(wanted.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(tolerance);
};

/** Sets what is trained, through a safetensors file. */
const setWeights = async (model: OnnxObjective<Labelled>, values: Record<string, TensorSpec>) => {
  const file = join(folder, 'set.safetensors');
  await blackBox({ parameters: values, evaluate: () => 0 }).save(file);
  await model.loadWeights(file);
};

describe.skipIf(skip)('an ONNX model as an objective', () => {
  it.each(['bert.onnx', 'llama.onnx'])('computes what PyTorch does: %s', async (name) => {
    const isBert = name === 'bert.onnx';
    using model = await onnxObjective(onnxFile(name), {
      ...bertOptions({ lora: { rank: 2 } }),
      inputs: ({ ids, mask }) => ({ input_ids: ids, ...(isBert && { attention_mask: mask }) }),
    });
    expectClose(await logitsOf(model), (isBert ? expected.bert : expected.llama).flat(2));
  });

  it('computes LoRA as PyTorch does', async () => {
    const { rank, alpha, layers } = expected.lora;
    using model = await onnxObjective(
      onnxFile('bert.onnx'),
      bertOptions({ lora: { rank, alpha, targets: ['query', 'value'] } }),
    );
    expect(model.trainableNames).toEqual(
      layers.flatMap((layer) => [`model.${layer}.lora_A.weight`, `model.${layer}.lora_B.weight`]),
    );
    const values = layers.flatMap((layer, n) => [
      [`model.${layer}.lora_A.weight`, { shape: [rank, 16], data: sines(rank * 16, n) }] as const,
      [`model.${layer}.lora_B.weight`, { shape: [rank, 16], data: sines(rank * 16, n + 0.5) }] as const,
    ]);
    await setWeights(model, Object.fromEntries(values));
    expectClose(await logitsOf(model), expected.lora.bert.flat());
  });

  it('computes with other weights as PyTorch does', async () => {
    using model = await onnxObjective(onnxFile('bert.onnx'), bertOptions(['*classifier.*']));
    expect(model.trainableNames).toEqual(['model.classifier.bias', 'model.classifier.weight']);
    const shifted = async (name: string, shape: number[], phase: number) => {
      const values = await model.parameter(name);
      const shift = sines(values.length, phase);
      return [name, { shape, data: values.map((value, i) => value + shift[i]!) }] as const;
    };
    const parts = [
      await shifted('model.classifier.weight', [3, 16], 0),
      await shifted('model.classifier.bias', [3], 1),
    ];
    await setWeights(model, Object.fromEntries(parts));
    expectClose(await logitsOf(model), expected.classifier.flat());
  });

  it.each([
    ['every weight', 'bert.onnx', 'all', 1e-5],
    ['the weights of a layer, under its name', 'bert.onnx', ['*layer.1.*query.weight'], 1e-5],
    ['LoRA and the head', 'bert.onnx', { include: ['*classifier*'], lora: { rank: 3 } }, 1e-5],
    ['float16 weights', 'bert-float16.onnx', ['*classifier*', '*query*'], 1e-5],
    ['LoRA on float16', 'bert-float16.onnx', { lora: { rank: 2 } }, 1e-5],
    ['LoRA on 8-bit matrices', 'bert-8bit.onnx', { lora: { rank: 2 } }, 1e-5],
  ] as const)('gives at a point the losses of the file saved there: %s', async (_, name, trainable, tolerance) => {
    using model = await onnxObjective(onnxFile(name), bertOptions(trainable as never));
    const [loss] = await model.evaluate(batch, [point]);
    const [losses] = await model.sequenceLosses(batch, [point]);
    const perturbed = await logitsOf(model, point);
    const [base] = await model.evaluate(batch, [[]]);
    expect(Math.abs(loss! - base!)).toBeGreaterThan(1e-4);
    // The same point as an update from which nothing else comes.
    await model.apply({
      decay: 0,
      terms: point.map(({ stream, scale }) => ({ stream, coefficient: -Math.fround(scale) })),
    });
    const file = join(folder, 'saved.onnx');
    await model.save(file);
    const logits = await plainLogits(file);
    expectClose(logits, perturbed, tolerance);
    const wanted = classLosses({ data: logits } as unknown as OnnxTensor, batch.labels);
    expectClose([...losses!], wanted, tolerance);
    expectClose([loss!], [(wanted[0]! + wanted[1]!) / 2], tolerance);
  });

  it('computes at LoRA’s start what the file does, and so does the file that it saves', async () => {
    using model = await onnxObjective(onnxFile('bert.onnx'), loraOptions);
    const logits = await plainLogits(onnxFile('bert.onnx'));
    expectClose(await logitsOf(model), logits, 1e-6);
    await model.save(join(folder, 'start.onnx'));
    expectClose(await plainLogits(join(folder, 'start.onnx')), logits, 1e-6);
  });

  it('takes the step of mezo that its numbers ask for', async () => {
    using model = await onnxObjective(onnxFile('bert.onnx'), loraOptions);
    const [name] = model.trainableNames as [string];
    const before = await model.parameter(name);
    const { losses, update } = await mezo({ learningRate: 0.1, rho: 1e-2, seed: 5 }).step(model, batch);
    const [plus, minus] = losses as unknown as [number, number];
    const coefficient = Math.fround(0.1 * ((plus - minus) / (2 * 1e-2)));
    expect(update.terms[0]!.coefficient).toBeCloseTo(coefficient, 6);
    const v = await model.direction(0n, name, { directions: { seed: 5, law: 'gaussian' } });
    const after = await model.parameter(name);
    expectClose([...after], [...before.map((value, i) => value - update.terms[0]!.coefficient * v[i]!)], 1e-7);
    expect(model.version).toBe(1n);
  });

  it('is trained, and its log replayed on the same file', async () => {
    using model = await onnxObjective(onnxFile('bert.onnx'), loraOptions);
    const log = join(folder, 'run.zest');
    const writer = await recordTrajectory(model, log, { directions: { seed: 1, law: 'gaussian' } });
    const optimizer = mezo({ learningRate: 3e-2, rho: 1e-2, seed: 1 });
    const [first] = await model.evaluate(batch, [[]]);
    for (let step = 0; step < 60; step++) await writer.append((await optimizer.step(model, batch)).update);
    await writer.close();
    const [last] = await model.evaluate(batch, [[]]);
    expect(last).toBeLessThan(first! * 0.9);
    using again = await onnxObjective(onnxFile('bert.onnx'), loraOptions);
    expect(await again.digest()).not.toBe(await model.digest());
    await replayTrajectory(again, log);
    expect(await again.digest()).toBe(await model.digest());
    expect([...(await again.evaluate(batch, [[]]))]).toEqual([last]);
  });
});

it.skipIf(skip)('outputs of float16 are numbers', async () => {
  const given: OnnxTensor[] = [];
  const model = await onnxObjective(onnxFile('half.onnx'), {
    runtime,
    trainable: 'all',
    inputs: () => ({ x: [[1, 2]] }),
    loss: ({ y }) => {
      given.push(y!);
      return (y!.data as Float32Array)[0]!;
    },
  });
  expect([...(await model.evaluate(undefined, [[]]))]).toEqual([-0.5]);
  expect(given).toMatchObject([{ type: 'float32', dims: [1, 2], data: Float32Array.of(-0.5, 1.75) }]);
  expect((await model.outputs(undefined)).y).toMatchObject({ type: 'float32', data: Float32Array.of(-0.5, 1.75) });
  model.dispose();
});
