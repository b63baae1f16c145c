import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HALVES, roundValues } from '../../lib/onnx/half.ts';
import { newNode } from '../../lib/onnx/nodes.ts';
import { runtime } from '../fixtures/onnx.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { cast, moved, rowsOfWave, type SmallGraph, smallObjective, writeGraph } from './small-graph.ts';

const skip = runtime === undefined;
const folder = scratchFolder();

/** Weights as they are trained first: far from zero, where 16 bits are coarse. */
const values = [1.1, -1.3, 0.7, 1.9, -0.9, 1.7, 1.2, -1.6];
const matrix = (type: 'float32' | 'float16' | 'bfloat16') => ({ W: { type, shape: [4, 2], values } });
const product = (x: string, w: string, y: string) => newNode('MatMul', [x, w], y);
/** A graph of float16 between float32 and float32, from a matrix of that name. */
const inHalf = (w: string) => [cast('x', 'xh', 'float16'), product('xh', w, 'yh'), cast('yh', 'y', 'float32')];

const graphs: Record<string, SmallGraph> = {
  float16: { type: 'float16', weights: matrix('float16'), nodes: [product('x', 'W', 'y')] },
  'float16 between float32': { weights: matrix('float16'), nodes: inHalf('W') },
  'float16 cast to float32': {
    weights: matrix('float16'),
    nodes: [cast('W', 'Wf', 'float32'), product('x', 'Wf', 'y')],
  },
  'bfloat16 cast to float32': {
    weights: matrix('bfloat16'),
    nodes: [cast('W', 'Wf', 'float32'), product('x', 'Wf', 'y')],
  },
  'float32 cast to float16': { weights: matrix('float32'), nodes: [cast('W', 'Wh', 'float16'), ...inHalf('Wh')] },
  'float32 turned and cast to float16': {
    weights: { W: { type: 'float32', shape: [2, 4], values } },
    nodes: [newNode('Transpose', ['W'], 'Wt', { perm: [1, 0] }), cast('Wt', 'Wh', 'float16'), ...inHalf('Wh')],
  },
  'float32, cast in one of two places': {
    weights: matrix('float32'),
    nodes: [
      product('x', 'W', 'y1'),
      ...[cast('W', 'Wh', 'float16'), cast('Wh', 'Wf', 'float32'), product('x', 'Wf', 'y2')],
      newNode('Mul', ['y1', 'y1'], 'y3'),
      newNode('Add', ['y3', 'y2'], 'y'),
    ],
  },
};

describe.skipIf(skip)('losses are those of the weights as they are saved', () => {
  it.each(Object.keys(graphs))('%s', async (name) => {
    using model = await smallObjective(await writeGraph(folder, graphs[name]!), ['W']);
    const { byPoint, bySaving } = await moved(model, rowsOfWave(8, 4), 0.01, folder);
    expect(byPoint).toBeGreaterThan(5e-3);
    expect(bySaving).toBeLessThan(2e-6);
  });

  it('where a step is too small for 16 bits, it changes nothing', async () => {
    using model = await smallObjective(await writeGraph(folder, graphs['float16 between float32']!), 'all');
    const [start, there] = await model.evaluate(rowsOfWave(8, 4), [[], [{ stream: 1n, scale: 1e-6 }]]);
    expect(there).toBe(start);
  });
});

describe('values rounded to 16 bits', () => {
  it.each(['float16', 'bfloat16'] as const)('are those that are written: %s', (type) => {
    const { value, bits } = HALVES[type];
    const float = fc.float32Array({ maxLength: 64 });
    fc.assert(
      fc.property(float, (given) => {
        const rounded = given.slice();
        roundValues(rounded, type);
        expect(rounded).toEqual(given.map((each) => value(bits(each))));
      }),
    );
    const edges = [
      0,
      -0,
      65504,
      65519.996,
      65520,
      6.1e-5,
      6.103e-5,
      6e-8,
      2049,
      2051,
      1 + 2 ** -8,
      3.4e38,
      1 / 0,
      0 / 0,
    ];
    const rounded = Float32Array.from(edges.flatMap((edge) => [edge, -edge]));
    const wanted = rounded.map((each) => value(bits(each)));
    roundValues(rounded, type);
    expect(rounded).toEqual(wanted);
  });
});
