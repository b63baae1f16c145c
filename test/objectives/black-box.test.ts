import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mezo } from '../../lib/methods/mezo.ts';
import { Model } from '../../lib/model/model.ts';
import type { Point } from '../../lib/objective.ts';
import { type BlackBox, blackBox, type Values } from '../../lib/objectives/black-box.ts';
import { fma32 } from '../../lib/objectives/fused-multiply-add.ts';
import type { TensorSpec } from '../../lib/objectives/tensors.ts';
import { recordTrajectory } from '../../lib/runs/record.ts';
import { replayTrajectory } from '../../lib/runs/replay.ts';
import { film, LAWS, nameOf } from '../fixtures/film.ts';
import { fma32 as exactFma32 } from '../fixtures/fma.ts';
import { rejects } from '../fixtures/rejects.ts';

const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);

describe('fma32', () => {
  it('rounds once, as the sum rounded to odd does', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(float, float, float, (a, b, c) => Object.is(fma32(a, b, c), exactFma32(a, b, c))),
      { numRuns: 20_000 },
    );
    // 1 + 2⁻²³·(½ ± 2⁻⁴⁰): float64 takes both to the middle between two float32.
    const [a, b] = [2 ** -24 * (1 + 2 ** -20), 1 + 2 ** -23];
    for (const [x, y] of [
      [a, b],
      [2 ** -24, 1 - 2 ** -24],
      [2 ** -24, 1],
    ] as const) {
      for (const c of [1, 1 + 2 ** -23, -1]) expect(fma32(x, y, c)).toBe(exactFma32(x, y, c));
    }
  });
});

// Every parameter of the built-in model, those that no loss reads too: the engine is the other implementation.
describe.each(LAWS.map((law) => [nameOf(law), law] as const))('a black box of the tensors of a model, %s', (_, law) => {
  const directions = { seed: 12345678901234567890n, law };
  let model: Model;
  let box: BlackBox<unknown>;
  let at: Values | undefined;
  beforeAll(async () => {
    model = await Model.load(film, {
      device: 'cpu',
      directions,
      trainable: { include: ['lm_head.*', '*.layer.0.attention.*'] },
    });
    const parameters: Record<string, TensorSpec> = {};
    const file = await readFile(join(film, 'model.safetensors'));
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
    for (const name of model.parameterNames) {
      parameters[name] = {
        shape: header[name].shape,
        data: await model.parameter(name),
        frozen: !model.trainableNames.includes(name),
        decays: header[name].shape.length > 1,
      };
    }
    box = blackBox({
      parameters,
      evaluate: (values) => {
        at = values;
        return 1;
      },
      directions,
    });
  });
  afterAll(() => model.dispose());

  it('has its directions, bit for bit', async () => {
    expect(box.dimension).toBe(model.dimension);
    expect(box.trainableNames).toEqual(model.trainableNames);
    for (const name of [...model.trainableNames, 'roberta.embeddings.LayerNorm.weight']) {
      expect(bits(await box.direction(7n, name))).toEqual(bits(await model.direction(7n, name)));
    }
  });

  it('moves by its bits', async () => {
    const update = {
      decay: 0.01,
      terms: [3n, 2n ** 62n].map((stream, i) => ({ stream, coefficient: 1e-3 + i * 1e-2 })),
    };
    expect(await box.digest()).toBe(await model.digest());
    await Promise.all([box.apply(update), model.apply(update)]);
    expect(await box.digest()).toBe(await model.digest());
    expect(box.version).toBe(1n);
  });

  it('is evaluated where the engine would evaluate it', async () => {
    const point: Point = [
      { stream: 5n, scale: 1e-3 },
      { stream: 6n, scale: -0.3 },
    ];
    await box.evaluate(undefined, [point]);
    // θ − (−c·v) is one rounding of θ + c·v where there is one term; of two the order of rounding differs.
    const [name] = model.trainableNames as [string];
    const v = await Promise.all([5n, 6n].map((stream) => model.direction(stream, name)));
    const theta = await model.parameter(name);
    const expected = theta.map((w, j) =>
      exactFma32(Math.fround(-0.3), v[1]![j]!, exactFma32(Math.fround(1e-3), v[0]![j]!, w)),
    );
    expect(bits(at![name]!)).toEqual(bits(expected));
    expect(bits(at!['roberta.embeddings.LayerNorm.weight']!)).toEqual(
      bits(await model.parameter('roberta.embeddings.LayerNorm.weight')),
    );
  });
});

const line = () =>
  blackBox<readonly (readonly [number, number])[]>({
    parameters: { slope: [1], offset: { shape: [], data: Float32Array.of(0.5) } },
    evaluate: ({ slope, offset }, points) => points.map(([x, y]) => (slope![0]! * x + offset![0]! - y) ** 2),
  });
const data = [
  [0, 1],
  [1, 3],
  [2, 5],
] as const;

describe('blackBox', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zest-box-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('has the loss of each example, and their mean', async () => {
    const [losses] = await line().sequenceLosses(data, [[]]);
    expect([...losses!]).toEqual([0.25, 6.25, 20.25]);
    expect([...(await line().evaluate(data, [[]]))]).toEqual([26.75 / 3]);
    const whole = blackBox({ parameters: { x: [1] }, evaluate: () => 1 });
    await rejects(() => whole.sequenceLosses(undefined, [[]]), 'ERR_ZEST_UNSUPPORTED', /whole batch/);
  });

  it('lays a tensor of many dimensions out as its first by the others', async () => {
    const made = (shape: number[]) =>
      blackBox({ parameters: { a: [3], w: shape }, evaluate: () => 1, directions: { law: { lowRank: 2 } } });
    const [deep, flat] = [made([4, 2, 3, 5]), made([4, 30])];
    expect(bits(await deep.direction(3n, 'w'))).toEqual(bits(await flat.direction(3n, 'w')));
  });

  it('orders tensors by the bytes of their names, whatever the order of keys', async () => {
    const one = blackBox({ parameters: { é: [2], b: [2], 'b!': [2], 10: [2], 9: [2] }, evaluate: () => 1 });
    const other = blackBox({ parameters: { 9: [2], 'b!': [2], 10: [2], b: [2], é: [2] }, evaluate: () => 1 });
    expect(one.trainableNames).toEqual(['10', '9', 'b', 'b!', 'é']);
    for (const name of one.trainableNames) {
      expect(await one.direction(0n, name)).toEqual(await other.direction(0n, name));
    }
  });

  it('keeps its values from what code does with them', async () => {
    const start = Float32Array.of(1, 2);
    const box = blackBox({
      parameters: { x: start, held: { shape: [1], frozen: true } },
      evaluate: (values) => {
        for (const value of Object.values(values)) value.fill(9);
        return 1;
      },
    });
    start.fill(5);
    await box.evaluate(undefined, [[], { stream: 0n, scale: 1 }]);
    (await box.parameter('x')).fill(7);
    expect([...(await box.parameter('x')), ...(await box.parameter('held'))]).toEqual([1, 2, 0]);
  });

  it('learns, and its log gives the same values again, bit for bit', async () => {
    const [box, again] = [line(), line()];
    const file = join(folder, 'line.zest');
    const log = await recordTrajectory(box, file, { directions: { seed: 4, law: 'gaussian' } });
    const optimizer = mezo({ learningRate: 0.02, seed: 4, weightDecay: 1e-4 });
    for (let step = 0; step < 300; step++) await log.append((await optimizer.step(box, data)).update);
    await log.close();
    expect((await box.parameter('slope'))[0]).toBeCloseTo(2, 1);
    expect((await box.parameter('offset'))[0]).toBeCloseTo(1, 1);
    const { header } = await replayTrajectory(again, file);
    expect(header.dimension).toBe(2);
    expect(await again.digest()).toBe(await box.digest());
    await rejects(() => replayTrajectory(again, file), 'ERR_ZEST_TRAJECTORY', /other weights/);
  });

  it('is saved as safetensors, and read again', async () => {
    const made = () => blackBox({ parameters: { w: [2, 1, 3], b: [5] }, evaluate: () => 1 });
    const [box, other] = [made(), made()];
    await box.apply({ decay: 0, terms: [{ stream: 1n, coefficient: 1 }] });
    const file = join(folder, 'box.safetensors');
    await box.save(file);
    await other.load(file);
    expect(await other.digest()).toBe(await box.digest());
    expect(other.version).toBe(1n);
    const small = blackBox({ parameters: { w: [6] }, evaluate: () => 1 });
    await rejects(
      () => small.load(file),
      'ERR_ZEST_TENSOR_SHAPE',
      /box\.safetensors: tensor 'w' has shape \[2,1,3\]; expected \[6\]/,
    );
    const more = blackBox({ parameters: { c: [6] }, evaluate: () => 1 });
    await rejects(() => more.load(file), 'ERR_ZEST_TENSOR_MISSING', /no tensor 'c'/);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, -1));
    await rejects(() => other.load(file), 'ERR_ZEST_SAFETENSORS', /box/);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(file, bytes);
    await rejects(() => other.load(file), 'ERR_ZEST_TENSOR_VALUE', /NaN at/);
    await rejects(() => other.load(join(folder, 'none')), 'ERR_ZEST_FILE', /none/);
    await rejects(() => other.save(join(folder, 'no/such/folder')), 'ERR_ZEST_FILE', /no\/such/);
    expect(await other.digest()).toBe(await box.digest());
  });

  it('refuses what is no tensor, by its name', async () => {
    const made = (parameters: unknown) => () => blackBox({ parameters: parameters as never, evaluate: () => 1 });
    const wrong: [unknown, RegExp][] = [
      [undefined, /parameters is undefined/],
      [{}, /parameters are empty/],
      [{ x: { shape: [1], frozen: true } }, /all frozen/],
      [{ x: [2 ** 30 + 1] }, /\["x"\] has 1073741825 values in a row; expected at most 2\^30/],
      [{ x: 3 }, /parameters\["x"\] is 3; expected a shape/],
      [{ x: [0] }, /\["x"\].* is \[ 0 \]; expected a shape/],
      [{ x: [1.5] }, /whole numbers/],
      [{ x: { shape: [2], data: Float32Array.of(1) } }, /has 1 values; expected 2/],
      [{ x: { shape: [1], data: [1] } }, /expected a Float32Array/],
      [{ x: Float32Array.of(1, Number.NaN) }, /\.data\[1\] is NaN/],
      [{ x: { shape: [1], frosen: true } }, /\.frosen is not known/],
      [{ x: { shape: [1], frozen: 1 } }, /\.frozen is 1; expected true or false/],
      [{ x: { shape: [1], decays: null } }, /\.decays is null/],
    ];
    for (const [parameters, text] of wrong) await rejects(made(parameters), 'ERR_ZEST_ARGUMENT', text);
    await rejects(() => blackBox({ parameters: { x: [1] } } as never), 'ERR_ZEST_ARGUMENT', /evaluate is undefined/);
    await rejects(() => blackBox(undefined as never), 'ERR_ZEST_ARGUMENT', /evaluate/);
    await rejects(
      () => blackBox({ parameters: { x: [1] }, evaluate: () => 1, params: 1 } as never),
      'ERR_ZEST_OPTION',
      /params is not known/,
    );
  });

  it('names the point where code gives no loss, and works on', async () => {
    let result: unknown;
    const box = blackBox({ parameters: { x: [1] }, evaluate: () => result as number });
    const points: Point[] = [{ stream: 77n, scale: 1 }];
    const wrong: [unknown, string, RegExp][] = [
      ['1', 'ERR_ZEST_ARGUMENT', /gave '1' at the point of stream 77; expected a number/],
      [undefined, 'ERR_ZEST_ARGUMENT', /gave undefined/],
      [[], 'ERR_ZEST_ARGUMENT', /no losses/],
      [[1, '2'], 'ERR_ZEST_ARGUMENT', /loss of example 1 at the point of stream 77 is '2'/],
      [Number.NaN, 'ERR_ZEST_LOSS_NOT_FINITE', /stream 77 is NaN/],
      [
        Float32Array.of(1, Number.POSITIVE_INFINITY),
        'ERR_ZEST_LOSS_NOT_FINITE',
        /example 1 at the point of stream 77 is Infinity/,
      ],
    ];
    for (const [value, code, text] of wrong) {
      result = value;
      await rejects(() => box.evaluate(undefined, points), code, text);
    }
    const own = new Error('mine');
    result = Promise.reject(own);
    await expect(box.evaluate(undefined, points)).rejects.toBe(own);
    result = Promise.resolve(2);
    expect([...(await box.evaluate(undefined, points))]).toEqual([2]);
    let calls = 0;
    const uneven = blackBox({ parameters: { x: [1] }, evaluate: () => Array(++calls).fill(1) });
    await rejects(() => uneven.evaluate(undefined, [[], []]), 'ERR_ZEST_ARGUMENT', /gave 2 losses .*expected 1/);
  });

  it('stops where code never settles', async () => {
    const controller = new AbortController();
    let calls = 0;
    const box = blackBox({
      parameters: { x: [1] },
      evaluate: () => (calls++ === 0 ? new Promise<number>(() => {}) : 3),
    });
    const call = box.evaluate(undefined, [[]], { signal: controller.signal });
    const next = box.evaluate(undefined, [[]]);
    await wait(5);
    controller.abort('enough');
    await expect(call).rejects.toBe('enough');
    expect([...(await next)]).toEqual([3]);
    await expect(box.direction(0n, 'x', { signal: controller.signal })).rejects.toBe('enough');
  });

  it('takes calls in their order, each at its version', async () => {
    const seen: number[] = [];
    const box = blackBox({
      parameters: { x: Float32Array.of(1) },
      evaluate: async ({ x }) => {
        await wait(seen.length === 0 ? 10 : 1);
        seen.push(x![0]!);
        return 1;
      },
    });
    const halve = { decay: 0.5, terms: [] };
    await Promise.all([
      box.evaluate(undefined, [[]]),
      box.apply(halve),
      box.evaluate(undefined, [[]], { atVersion: 1n }),
      box.apply(halve),
      rejects(() => box.evaluate(undefined, [[]], { atVersion: 1n }), 'ERR_ZEST_VERSION', /version 1.*version 2/),
    ]);
    expect(seen).toEqual([1, 0.5]);
    await rejects(() => box.parameter('y'), 'ERR_ZEST_PARAMETER', /'y'; expected one of x/);
    await rejects(() => box.direction(0n, 'y'), 'ERR_ZEST_PARAMETER', /'y'/);
  });
});
