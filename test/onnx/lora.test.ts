import { describe, expect, it } from 'vitest';
import { newNode } from '../../lib/onnx/nodes.ts';
import { numbers, runtime } from '../fixtures/onnx.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { cast, moved, rowsOfWave, type SmallGraph, smallObjective, writeGraph } from './small-graph.ts';

const skip = runtime === undefined;
const folder = scratchFolder();

const x = rowsOfWave(8, 4);
const lora = { lora: { rank: 2, alpha: 3 } };
const points = [0, 1, 2].map((stream) => ({ stream: BigInt(stream), scale: 0.1 }));

const layer = (a: string, w: string, y: string) => newNode('MatMul', [a, w], y);
const graphs: Record<string, SmallGraph> = {
  'float16 cast to float32': {
    weights: { W: { type: 'float16', shape: [4, 2] } },
    nodes: [cast('W', 'Wf', 'float32'), layer('x', 'Wf', 'y')],
  },
  'bfloat16 cast to float32 and turned, in a Gemm': {
    weights: { W: { type: 'bfloat16', shape: [2, 4] } },
    nodes: [
      ...[cast('W', 'Wf', 'float32'), newNode('Transpose', ['Wf'], 'Wt', { perm: [1, 0] })],
      ...[newNode('Identity', ['Wt'], 'Wi'), newNode('Gemm', ['x', 'Wi'], 'y')],
    ],
  },
  'float16 between float32': {
    weights: { W: { type: 'float16', shape: [4, 2] } },
    nodes: [cast('x', 'xh', 'float16'), layer('xh', 'W', 'yh'), cast('yh', 'y', 'float32')],
  },
  'float32 cast to float16': {
    weights: { W: { type: 'float32', shape: [4, 2] } },
    nodes: [
      ...[cast('x', 'xh', 'float16'), cast('W', 'Wh', 'float16')],
      ...[layer('xh', 'Wh', 'yh'), cast('yh', 'y', 'float32')],
    ],
  },
  '8 bits made float32, cast to float16': {
    weights: {
      W: { type: 'int8', shape: [4, 2], values: [50, -70, 90, -20, 10, 120, -100, 30] },
      scale: { type: 'float32', shape: [], values: [0.01] },
    },
    nodes: [
      ...[newNode('DequantizeLinear', ['W', 'scale'], 'Wf'), cast('Wf', 'Wh', 'float16')],
      ...[cast('x', 'xh', 'float16'), layer('xh', 'Wh', 'yh'), cast('yh', 'y', 'float32')],
    ],
  },
  float64: {
    type: 'float64',
    weights: { W: { type: 'float64', shape: [4, 2] } },
    nodes: [layer('x', 'W', 'y')],
  },
};

describe.skipIf(skip)('LoRA', () => {
  it.each(Object.keys(graphs))('has the type that its layer computes in: %s', async (name) => {
    const file = await writeGraph(folder, graphs[name]!);
    using model = await smallObjective(file, lora);
    await model.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.3 }] });
    using together = await smallObjective(file, lora, { pointsAtOnce: 2 });
    await together.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.3 }] });
    const [alone, wanted] = [await together.evaluate(x, points), await model.evaluate(x, points)];
    for (const [i, loss] of alone.entries()) expect(loss).toBeCloseTo(wanted[i]!, 6);
    const { byPoint, bySaving } = await moved(model, x, 0.1, folder);
    expect(byPoint).toBeGreaterThan(5e-3);
    expect(bySaving).toBeLessThan(2e-6);
  });

  it('goes on a Gemm that turns what comes in', async () => {
    const weights = { W: { type: 'float32', shape: [4, 2] } } as const;
    const turn = newNode('Transpose', ['x'], 'xt', { perm: [1, 0] });
    const turned = [turn, newNode('Gemm', ['xt', 'W'], 'y', { transA: 1 })];
    using plain = await smallObjective(await writeGraph(folder, { weights, nodes: [layer('x', 'W', 'y')] }), lora);
    const file = await writeGraph(folder, { weights, nodes: turned });
    using model = await smallObjective(file, lora);
    using together = await smallObjective(file, lora, { pointsAtOnce: 3 });
    for (const each of [plain, model, together])
      await each.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.3 }] });
    const losses = await plain.evaluate(x, points);
    expect(new Set(losses).size).toBe(3);
    for (const each of [model, together]) {
      for (const [i, loss] of (await each.evaluate(x, points)).entries()) expect(loss).toBeCloseTo(losses[i]!, 6);
    }
    expect((await moved(model, x, 0.1, folder)).bySaving).toBeLessThan(1e-6);
  });

  it('adds alpha / rank · (x·Aᵀ)·B in float64 to a layer of float64', async () => {
    using model = await smallObjective(await writeGraph(folder, graphs.float64!), lora);
    const start = numbers((await model.outputs(x)).y!);
    await model.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.3 }] });
    const [a, b] = await Promise.all(model.trainableNames.map((name) => model.parameter(name)));
    const wanted = start.map((y, at) => {
      const [row, column] = [Math.floor(at / 2), at % 2];
      const middle = [0, 1].map((r) => x[row]!.reduce((sum, each, k) => sum + each * a![4 * r + k]!, 0));
      return y + 1.5 * middle.reduce((sum, each, r) => sum + each * b![2 * r + column]!, 0);
    });
    const found = Array.from((await model.outputs(x)).y!.data as Float64Array);
    for (const [i, y] of found.entries()) expect(y).toBeCloseTo(wanted[i]!, 6);
  });
});
