import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tensorsOf } from '../../lib/onnx/feeds.ts';
import { HALVES } from '../../lib/onnx/half.ts';
import { type OnnxObjective, type OnnxOptions, onnxObjective } from '../../lib/onnx/index.ts';
import { modelFields, readOnnx } from '../../lib/onnx/model-file.ts';
import { newInput, newNode, valueInfo } from '../../lib/onnx/nodes.ts';
import { type ElementType, elementNumber } from '../../lib/onnx/proto.ts';
import { runSession } from '../../lib/onnx/runtime.ts';
import { newTensor } from '../../lib/onnx/tensor.ts';
import { bytesOf, type Message } from '../../lib/onnx/wire.ts';
import { numbers, onnxFile, runtime, sines } from '../fixtures/onnx.ts';

/** Elements of a type as a tensor stores them. */
const ARRAYS: Partial<Record<ElementType, (values: readonly number[]) => ArrayBufferView>> = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
  int64: (values) => BigInt64Array.from(values, BigInt),
  int8: (values) => Int8Array.from(values),
  float16: (values) => Uint16Array.from(values, HALVES.float16.bits),
  bfloat16: (values) => Uint16Array.from(values, HALVES.bfloat16.bits),
};

/** A weight of a small graph: its type and sizes, and its values, by default those of a wave. */
export interface SmallWeight {
  type: ElementType;
  shape: readonly number[];
  values?: readonly number[];
}

/** A graph that makes y of x. */
export interface SmallGraph {
  weights: Readonly<Record<string, SmallWeight>>;
  nodes: readonly Message[];
  /** Type of x and y; default float32. */
  type?: ElementType;
  /** Sizes of x; default any × 4. */
  x?: readonly (number | string)[];
}

export const cast = (from: string, to: string, type: ElementType): Message =>
  newNode('Cast', [from], to, { to: elementNumber(type) });

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Writes a small graph in `folder`. */
export const writeGraph = async (
  folder: string,
  { weights, nodes, type = 'float32', x = ['rows', 4] }: SmallGraph,
): Promise<string> => {
  // Of operator set 17.
  const model = await readOnnx(onnxFile('half.onnx'));
  const tensors = Object.entries(weights).map(([name, { type, shape, values }]) => {
    const { buffer } = ARRAYS[type]!(values ?? [...sines(sizeOf(shape), name.charCodeAt(0))]);
    return [name, newTensor(name, shape, type, new Uint8Array(buffer))] as const;
  });
  const graph = {
    ...model.graph,
    ...{ nodes, initializers: new Map(tensors) },
    ...{ inputs: [newInput('x', x, type)], outputs: [newInput('y', ['any', 'columns'], type)] },
  };
  const file = join(folder, 'small.onnx');
  await writeFile(file, bytesOf(modelFields(model, graph)));
  return file;
};

/** Rows of the wave that is fed as x. */
export const rowsOfWave = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => Math.sin(3 * i + 7 * j)));

/** The objective of a small graph, which has a loss for each row of y. */
export const smallObjective = (
  file: string,
  trainable: OnnxOptions<number[][]>['trainable'],
  options: Partial<OnnxOptions<number[][]>> = {},
): Promise<OnnxObjective<number[][]>> =>
  onnxObjective(file, {
    ...{ runtime, trainable, session: { intraOpNumThreads: 1, interOpNumThreads: 1 } },
    inputs: (x) => ({ x }),
    loss: ({ y }) => {
      const [rows = 0, columns = 0] = y!.dims;
      const all = numbers(y!);
      return Array.from({ length: rows }, (_, i) => all[i * columns]! - 2 * all[i * columns + 1]!);
    },
    ...options,
  });

/** What onnxruntime alone computes of a file's y. */
const plainY = async (file: string, x: number[][]): Promise<number[]> => {
  const { graph } = await readOnnx(file);
  const session = await runtime.InferenceSession.create((await readFile(file)) as Uint8Array);
  const feeds = tensorsOf(runtime, graph.inputs.map(valueInfo), { x });
  const { y } = await runSession(runtime, session, feeds, file);
  await session.release();
  return numbers(y!);
};

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

/** How far a point brings y, and how far y is there from that of the file that is saved there. */
export const moved = async (
  model: OnnxObjective<number[][]>,
  x: number[][],
  scale: number,
  folder: string,
): Promise<{ byPoint: number; bySaving: number }> => {
  const yAt = async (at: { stream: bigint; scale: number }[]) => numbers((await model.outputs(x, { at })).y!);
  const [start, there] = [await yAt([]), await yAt([{ stream: 1n, scale }])];
  await model.apply({ decay: 0, terms: [{ stream: 1n, coefficient: -Math.fround(scale) }] });
  const file = join(folder, 'saved.onnx');
  await model.save(file);
  return { byPoint: distance(start, there), bySaving: distance(there, await plainY(file, x)) };
};
