import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nspsa } from '../../lib/methods/registry.ts';
import { onnxObjective } from '../../lib/onnx/index.ts';
import { linearLayers } from '../../lib/onnx/linear-layers.ts';
import { modelFields, readOnnx } from '../../lib/onnx/model-file.ts';
import { inputsOf, newNode, outputsOf } from '../../lib/onnx/nodes.ts';
import { bytesOf } from '../../lib/onnx/wire.ts';
import { batch, bertOptions, numbers, onnxFile, runtime } from '../fixtures/onnx.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { rowsOfWave, smallObjective, writeGraph } from './small-graph.ts';

const skip = runtime === undefined;
const folder = scratchFolder();
const weights = { W: { type: 'float32', shape: [4, 2] } } as const;
const points = [1, 2, 3, 4, 5].map((stream) => ({ stream: BigInt(stream), scale: 0.1 }));

describe.skipIf(skip)('several points in one run', () => {
  it.each([
    ['bert.onnx', ['query', 'value'], 6],
    ['bert.onnx', undefined, 6],
    ['bert-8bit.onnx', undefined, 6],
    ['bert-float16.onnx', undefined, 2],
  ] as const)('have the losses that they have one by one: %s %o', async (name, targets, digits) => {
    const options = bertOptions({ lora: { rank: 2, ...(targets && { targets: [...targets] }) } });
    let runs = 0;
    const counting = {
      Tensor: runtime.Tensor,
      InferenceSession: {
        create: async (...given: Parameters<typeof runtime.InferenceSession.create>) => {
          const session = await runtime.InferenceSession.create(...given);
          return {
            outputNames: session.outputNames,
            release: () => session.release(),
            run: (feeds: Parameters<typeof session.run>[0]) => {
              runs++;
              return session.run(feeds);
            },
          };
        },
      },
    };
    using alone = await onnxObjective(onnxFile(name), options);
    using together = await onnxObjective(onnxFile(name), { ...options, pointsAtOnce: 2, runtime: counting });
    // B begins at zero: moved first, so that A counts too.
    for (const model of [alone, together]) await model.apply({ decay: 0, terms: [{ stream: 9n, coefficient: 0.3 }] });
    const wanted = await alone.sequenceLosses(batch, points);
    const found = await together.sequenceLosses(batch, points);
    expect(new Set(wanted.map(([first]) => first)).size).toBe(5);
    for (const [p, losses] of found.entries()) {
      for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(wanted[p]![i]!, digits);
    }
    expect(runs).toBe(3 + 3); // the check, and 2 + 2 + 1 points
    const [a, b] = await Promise.all([alone, together].map((model) => model.outputs(batch, { at: points })));
    for (const [i, value] of numbers(b!.logits!).entries())
      expect(value).toBeCloseTo(numbers(a!.logits!)[i]!, digits - 1);
  });

  it('train, and are saved as without', async () => {
    using model = await onnxObjective(onnxFile('bert.onnx'), {
      ...bertOptions({ lora: { rank: 2 } }),
      pointsAtOnce: 4,
    });
    await nspsa({ learningRate: 0.05, directions: 3, rho: 1e-2 }).step(model, batch);
    const file = join(folder, 'saved.onnx');
    await model.save(file);
    using again = await onnxObjective(file, bertOptions(['*.lora_A.weight', '*.lora_B.weight']));
    const [a, b] = [await model.evaluate(batch, [[]]), await again.evaluate(batch, [[]])];
    expect(b[0]).toBeCloseTo(a[0]!, 6);
  });

  it('are refused where other weights are trained', async () => {
    const options = { ...bertOptions({ include: ['*classifier*'], lora: { rank: 2 } }), pointsAtOnce: 2 };
    await rejects(
      () => onnxObjective(onnxFile('bert.onnx'), options),
      'ERR_ZEST_OPTION',
      /pointsAtOnce is 2; expected 1/,
    );
  });

  it('are refused by a model that turns its batch around', async () => {
    // A layer that takes tokens × batch, between two turns.
    const model = await readOnnx(onnxFile('bert.onnx'));
    const layer = linearLayers(model.graph).find(({ name }) => name.endsWith('layer.0.intermediate.dense'))!;
    const [x, weight] = inputsOf(layer.node) as [string, string];
    const [y] = outputsOf(layer.node) as [string];
    const turn = (from: string, to: string) => newNode('Transpose', [from], to, { perm: [1, 0, 2] });
    const turned = [turn(x, 'turned'), newNode('MatMul', ['turned', weight], 'turned.dense'), turn('turned.dense', y)];
    const nodes = model.graph.nodes.flatMap((node) => (node === layer.node ? turned : [node]));
    const file = join(folder, 'turned.onnx');
    writeFileSync(file, bytesOf(modelFields(model, { ...model.graph, nodes })));
    const options = bertOptions({ lora: { rank: 2, targets: ['turned.dense'] } });
    using alone = await onnxObjective(file, options);
    using plain = await onnxObjective(onnxFile('bert.onnx'), bertOptions({ lora: { rank: 2 } }));
    expect((await alone.evaluate(batch, [[]]))[0]).toBeCloseTo((await plain.evaluate(batch, [[]]))[0]!, 5);
    using together = await onnxObjective(file, { ...options, pointsAtOnce: 2 });
    const text = /pointsAtOnce: the model does not keep the examples of a batch apart; leave it out/;
    await rejects(() => together.evaluate(batch, [[], []]), 'ERR_ZEST_UNSUPPORTED', text);
  });

  it('are refused for an input whose batch has one size', async () => {
    const file = await writeGraph(folder, { weights, nodes: [newNode('MatMul', ['x', 'W'], 'y')], x: [8, 4] });
    using alone = await smallObjective(file, { lora: { rank: 2 } });
    expect(await alone.evaluate(rowsOfWave(8, 4), [[]])).toHaveLength(1);
    const text =
      /'x' \[8, 4\] has 8 as its first dimension always; .* export the model with a dynamic one, or leave it out/;
    const opening = () => smallObjective(file, { lora: { rank: 2 } }, { pointsAtOnce: 4 });
    await rejects(opening, 'ERR_ZEST_UNSUPPORTED', text);
  });

  it('are refused for a batch of one size inside', async () => {
    const shape = { ...weights, shape: { type: 'int64', shape: [2], values: [8, 4] } } as const;
    const nodes = [newNode('Reshape', ['x', 'shape'], 'eight'), newNode('MatMul', ['eight', 'W'], 'y')];
    const file = await writeGraph(folder, { weights: shape, nodes });
    using model = await smallObjective(file, { lora: { rank: 2 } }, { pointsAtOnce: 2 });
    const text = /takes a batch, and not one of twice its size: .*leave it out/s;
    await rejects(() => model.evaluate(rowsOfWave(8, 4), [[], []]), 'ERR_ZEST_UNSUPPORTED', text);
    // What is at fault one by one too is no matter of the points.
    await rejects(() => model.evaluate(rowsOfWave(8, 5), [[], []]), 'ERR_ZEST_ONNXRUNTIME', /small.onnx: onnxruntime/);
  });

  it('are refused for inputs without the batch', async () => {
    const options = { ...bertOptions({ lora: { rank: 2 } }), pointsAtOnce: 2 };
    const inputs = () => ({ input_ids: batch.ids, attention_mask: [batch.mask[0]!] });
    using model = await onnxObjective(onnxFile('bert.onnx'), { ...options, inputs });
    await rejects(
      () => model.evaluate(batch, [[], []]),
      'ERR_ZEST_UNSUPPORTED',
      /input_ids \[2,5\], attention_mask \[1,5\]/,
    );
  });
});
