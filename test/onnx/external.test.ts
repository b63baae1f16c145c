import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withPlace } from '../../lib/onnx/external.ts';
import { onnxObjective } from '../../lib/onnx/index.ts';
import { modelFields, readOnnx } from '../../lib/onnx/model-file.ts';
import { TENSOR } from '../../lib/onnx/proto.ts';
import { bytesAt, bytesOf } from '../../lib/onnx/wire.ts';
import { batch, bertOptions, numbers, onnxFile, runtime } from '../fixtures/onnx.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const skip = runtime === undefined;
const folder = scratchFolder();

/** The BERT in a folder of its own, with all values in a file `weights` beside it, or said to be elsewhere. */
const externalBert = async (name: string, location = 'weights'): Promise<string> => {
  const file = join(folder, name, 'bert.onnx');
  mkdirSync(join(folder, name));
  const model = await readOnnx(onnxFile('bert.onnx'));
  const pieces: Uint8Array[] = [];
  let offset = 0;
  const initializers = [...model.graph.initializers].map(([key, tensor]) => {
    const raw = bytesAt(tensor, TENSOR.raw)!;
    pieces.push(raw);
    offset += raw.length;
    return [key, withPlace(tensor, location, offset - raw.length, raw.length)] as const;
  });
  writeFileSync(file, bytesOf(modelFields(model, { ...model.graph, initializers: new Map(initializers) })));
  writeFileSync(join(folder, name, 'weights'), Buffer.concat(pieces));
  return file;
};

const options = bertOptions({ include: ['*classifier.weight'], lora: { rank: 2, targets: ['value'] } });

describe.skipIf(skip)('values in files of their own', () => {
  it('are read, and saved in a file beside the model’s', async () => {
    using plain = await onnxObjective(onnxFile('bert.onnx'), options);
    using model = await onnxObjective(await externalBert('plain'), options);
    const point = [{ stream: 1n, scale: 0.1 }];
    expect(await model.evaluate(batch, [[], point])).toEqual(await plain.evaluate(batch, [[], point]));
    await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: -Math.fround(0.1) }] });
    mkdirSync(join(folder, 'saved'));
    const file = join(folder, 'saved/tuned.onnx');
    await model.save(file);
    expect(statSync(file).size).toBeLessThan(statSync(onnxFile('bert.onnx')).size);
    expect(statSync(`${file}.data`).size).toBeGreaterThan(8000);
    // Loaded by its path, by onnxruntime alone.
    const session = await runtime.InferenceSession.create(file as never);
    const feed = (rows: number[][]) =>
      new runtime.Tensor('int64' as never, BigInt64Array.from(rows.flat(), BigInt) as never, [2, 5]);
    const { logits } = await session.run({ input_ids: feed(batch.ids), attention_mask: feed(batch.mask) });
    const wanted = numbers((await model.outputs(batch)).logits!);
    for (const [i, value] of numbers(logits!).entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
  });

  it('that are not in the model’s folder are not read', async () => {
    for (const [i, location] of ['../plain/weights', '/etc/hostname', ''].entries()) {
      const file = await externalBert(`outside-${i}`, location);
      const text = /bert.onnx: weight '.*' is in '.*'; expected a file in the model's folder/;
      await rejects(() => onnxObjective(file, options), 'ERR_ZEST_ONNX', text);
    }
  });

  it('that are missing or cut are an error', async () => {
    const missing = await externalBert('missing', 'elsewhere');
    await rejects(
      () => onnxObjective(missing, options),
      'ERR_ZEST_FILE',
      /elsewhere, which has weights of .*bert.onnx/,
    );
    const cut = await externalBert('cut');
    const data = join(folder, 'cut/weights');
    truncateSync(data, 1000);
    await rejects(
      () => onnxObjective(cut, options),
      'ERR_ZEST_ONNX',
      /ends at byte \d+ of .*weights, which has \d+: it was cut/,
    );
  });

  it('are not written over', async () => {
    using model = await onnxObjective(await externalBert('over', 'tuned.onnx.data').then(renamed), options);
    await rejects(() => model.save(join(folder, 'over/tuned.onnx')), 'ERR_ZEST_FILE', /has its weights there/);
  });
});

/** The same with its values where they are said to be. */
const renamed = (file: string): string => {
  writeFileSync(join(folder, 'over/tuned.onnx.data'), readFileSync(join(folder, 'over/weights')));
  return file;
};
