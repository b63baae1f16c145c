import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ZestError } from '../errors.ts';
import { notThere } from '../files/not-there.ts';
import { lfsFault } from '../model/git-lfs.ts';
import { GRAPH, MODEL, TENSOR } from './proto.ts';
import { type Field, fieldsNumbered, fieldsOf, integerAt, type Message, messageField, opened, textAt } from './wire.ts';

/** A graph, taken apart as far as it is changed here. */
export interface Graph {
  /** In an order in which they can be computed. */
  nodes: readonly Message[];
  /** Weights and other constants by name, in the order of the file. */
  initializers: ReadonlyMap<string, Message>;
  inputs: readonly Message[];
  outputs: readonly Message[];
  /** All other fields. */
  rest: Message;
}

/** An ONNX file in memory; values in files of their own are not. */
export interface OnnxModel {
  file: string;
  /** 'sha256:…' of the file. */
  digest: string;
  graph: Graph;
  /** All fields but the graph. */
  rest: Message;
}

/** An error that says what is wrong with a file. */
export const badOnnx = (file: string, what: string, cause?: unknown): ZestError =>
  new ZestError('ERR_ZEST_ONNX', `${file}: ${what}`, { cause });

const TAKEN: readonly number[] = [GRAPH.node, GRAPH.initializer, GRAPH.input, GRAPH.output];

const graphOf = (message: Message): Graph => {
  const all = (number: number) => fieldsNumbered(message, number).map(opened);
  return {
    nodes: all(GRAPH.node),
    initializers: new Map(all(GRAPH.initializer).map((tensor) => [textAt(tensor, TENSOR.name) ?? '', tensor])),
    inputs: all(GRAPH.input),
    outputs: all(GRAPH.output),
    rest: message.filter(({ number }) => !TAKEN.includes(number)),
  };
};

const graphFields = ({ nodes, initializers, inputs, outputs, rest }: Graph): Field[] => [
  ...rest,
  ...nodes.map((node) => messageField(GRAPH.node, node)),
  ...[...initializers.values()].map((tensor) => messageField(GRAPH.initializer, tensor)),
  ...inputs.map((input) => messageField(GRAPH.input, input)),
  ...outputs.map((output) => messageField(GRAPH.output, output)),
];

/** The fields of a model with a graph. */
export const modelFields = ({ rest }: OnnxModel, graph: Graph): Message => [
  ...rest,
  messageField(MODEL.graph, graphFields(graph)),
];

const parsed = (bytes: Uint8Array, file: string): Pick<OnnxModel, 'graph' | 'rest'> => {
  const sign = lfsFault(Buffer.from(bytes.subarray(0, 64)).toString());
  if (sign !== undefined) throw badOnnx(file, sign);
  let fields: Message;
  let graph: Graph | undefined;
  try {
    fields = fieldsOf(bytes);
    const last = fieldsNumbered(fields, MODEL.graph).at(-1);
    graph = last && graphOf(opened(last));
  } catch (cause) {
    throw badOnnx(file, `is no ONNX model, or was cut: ${(cause as Error).message}`, cause);
  }
  // A cut between two fields leaves a message; a model without a graph or operators is none.
  if (!graph || integerAt(fields, MODEL.irVersion) === undefined)
    throw badOnnx(file, 'is no ONNX model: it has no graph');
  if (!fields.some(({ number }) => number === MODEL.operatorSets)) {
    throw badOnnx(file, 'names no operator set; expected one: the file was cut, or is no ONNX model');
  }
  return { graph, rest: fields.filter(({ number }) => number !== MODEL.graph) };
};

/**
 * Reads an ONNX file.
 *
 * @throws ERR_ZEST_FILE for one that cannot be read, ERR_ZEST_ONNX for what is no ONNX model or was cut
 */
export const readOnnx = async (file: string): Promise<OnnxModel> => {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const fault = code === 'ENOENT' ? notThere(file) : `${file} cannot be read: ${message}`;
    throw new ZestError('ERR_ZEST_FILE', fault, { cause });
  }
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { file, digest, ...parsed(bytes, file) };
};
