import type { NativeLayer, NativeLinear, NativeModelSpec, NativeNorm } from '../native/binding.ts';
import type { ModelConfig } from './config-json.ts';
import { type HeadKind, type LinearName, linearOf } from './families/family.ts';

/** The roles of a NativeModelSpec: indexes of parameters. */
export type Roles = Pick<
  NativeModelSpec,
  | 'wordEmbeddings'
  | 'positionEmbeddings'
  | 'segmentEmbeddings'
  | 'embeddingNorm'
  | 'embeddingProjection'
  | 'layers'
  | 'finalNorm'
  | 'outputProjection'
  | 'headDense'
  | 'headNorm'
  | 'headOutput'
>;

/** What a parameter that the loss reads is. */
export interface Role {
  /** Added, not multiplied with: of a linear layer or a norm. */
  isBias: boolean;
  isNorm: boolean;
  /** After the layers, and not shared with the embeddings. */
  isHead: boolean;
  /** Adapter that it is a tensor of. */
  adapter?: 'lora' | 'prefix';
}

const NO_NORM: NativeNorm = { weight: -1, bias: -1 };
const NO_LINEAR: NativeLinear = {
  ...NO_NORM,
  adapterA: -1,
  adapterB: -1,
  transposed: false,
  outputs: { first: 0, count: 0, block: 0, step: 0 },
};
const NO_PREFIX = { key: -1, value: -1 };

const isLinear = (part: unknown): part is NativeLinear =>
  typeof part === 'object' && part !== null && 'adapterA' in part && (part as NativeLinear).weight >= 0;

/** The linear layers: of each layer, and of embeddings and head. */
export const linearsOf = ({ layers, ...rest }: Roles): NativeLinear[] => [
  ...layers.flatMap((layer) => Object.values(layer).filter(isLinear)),
  ...Object.values(rest).filter(isLinear),
];

/** Which outputs of one module queries, keys or values are, as core/transformer/spec.h has it. */
const slice = (fused: 'blocks' | 'heads', part: number, count: number, headWidth: number): NativeLinear['outputs'] =>
  fused === 'blocks'
    ? { first: part * count, count, block: count, step: 0 }
    : { first: part * headWidth, count, block: headWidth, step: 3 * headWidth };

/**
 * The parameters in their roles, each found by `find` under its name in transformers and with the shape that the
 * configuration asks for, and what each of them is.
 */
export const assignRoles = (
  config: ModelConfig,
  head: { kind: HeadKind; outputs: number; hasDecoderBias: boolean },
  find: (name: string, shape: readonly number[]) => number,
): { roles: Roles; read: Map<number, Role> } => {
  const { hidden, heads, keyValueHeads, headWidth, intermediate, embedding, vocabulary, family } = config;
  const { prefix, embeddings, layer: parts, languageModel, classifier } = family;
  const queries = heads * headWidth;
  const keys = keyValueHeads * headWidth;
  const read = new Map<number, Role>();
  const use = (name: string, shape: readonly number[], role: Partial<Role>): number => {
    const index = find(name, shape);
    // The first use counts: word embeddings that a decoder shares are no head.
    if (!read.has(index)) read.set(index, { isBias: false, isNorm: false, isHead: false, ...role });
    return index;
  };
  const matrix = (name: string, rows: number, columns: number, role: Partial<Role> = {}) =>
    use(`${name}.weight`, [rows, columns], role);
  /** A linear layer; `part`, where it is one of three that a module may make, all alike. */
  const linear = (
    at: string,
    named: LinearName | undefined,
    [outputs, inputs]: readonly [number, number],
    { part, ...role }: Partial<Role> & { part?: number } = {},
  ): NativeLinear => {
    if (named === undefined) return NO_LINEAR;
    const { name, bias = true, transposed = false, fused } = linearOf(named);
    const made = fused === undefined ? outputs : 3 * outputs;
    return {
      ...NO_LINEAR,
      weight: use(`${at}${name}.weight`, transposed ? [inputs, made] : [made, inputs], role),
      bias: config.flag(bias) ? use(`${at}${name}.bias`, [made], { ...role, isBias: true }) : -1,
      transposed,
      outputs: fused === undefined ? NO_LINEAR.outputs : slice(fused, part as number, outputs, headWidth),
    };
  };
  const norm = (name: string | undefined, columns: number, role: Partial<Role> = {}): NativeNorm =>
    name === undefined
      ? NO_NORM
      : {
          weight: use(`${name}.weight`, [columns], { ...role, isNorm: true }),
          bias: family.norm === 'rms' ? -1 : use(`${name}.bias`, [columns], { ...role, isNorm: true, isBias: true }),
        };
  const layer = (n: number): NativeLayer => {
    const at = `${prefix}${family.layers}.${n}.`;
    const headNorm = (name: string | undefined) => norm(name && at + name, headWidth);
    return {
      query: linear(at, parts.query, [queries, hidden], { part: 0 }),
      key: linear(at, parts.key, [keys, hidden], { part: 1 }),
      value: linear(at, parts.value, [keys, hidden], { part: 2 }),
      attentionOutput: linear(at, parts.attentionOutput, [hidden, queries]),
      gate: linear(at, parts.gate, [intermediate, hidden]),
      intermediate: linear(at, parts.intermediate, [intermediate, hidden]),
      output: linear(at, parts.output, [hidden, intermediate]),
      attentionNorm: norm(at + parts.attentionNorm, hidden),
      outputNorm: norm(at + parts.outputNorm, hidden),
      queryNorm: headNorm(parts.queryNorm),
      keyNorm: headNorm(parts.keyNorm),
      prefix: NO_PREFIX,
    };
  };

  const wordEmbeddings = matrix(prefix + embeddings.words, vocabulary, embedding);
  const isProjected = embedding !== hidden;
  // Positions join the words before their projection where they are normed together, or after it.
  const summed = embeddings.norm === undefined ? hidden : embedding;
  const body = {
    wordEmbeddings,
    positionEmbeddings: embeddings.positions ? matrix(prefix + embeddings.positions, config.positions, summed) : -1,
    segmentEmbeddings: embeddings.segments ? matrix(prefix + embeddings.segments, config.segments, summed) : -1,
    embeddingNorm: norm(embeddings.norm && prefix + embeddings.norm, summed),
    embeddingProjection: isProjected ? linear(prefix, embeddings.projection, [hidden, embedding]) : NO_LINEAR,
    layers: Array.from({ length: config.layers }, (_, n) => layer(n)),
    // Without norms before its parts, what a layer gives is normed already.
    finalNorm: config.normFirst ? norm(family.finalNorm && prefix + family.finalNorm, hidden) : NO_NORM,
    outputProjection: isProjected ? linear(prefix, family.outputProjection, [embedding, hidden]) : NO_LINEAR,
  };
  const isHead = true;
  if (head.kind === 'classifier') {
    const inputs = body.outputProjection === NO_LINEAR ? hidden : embedding;
    const headDense = linear('', classifier.dense, [hidden, hidden], { isHead });
    const headOutput = linear('', classifier.output, [head.outputs, inputs], { isHead });
    return { roles: { ...body, headDense, headNorm: NO_NORM, headOutput }, read };
  }
  const { decoder } = languageModel;
  const bias = head.hasDecoderBias ? `${decoder}.bias` : languageModel.bias;
  const headOutput = {
    ...NO_LINEAR,
    weight: config.tied ? wordEmbeddings : matrix(decoder, vocabulary, embedding, { isHead }),
    bias: bias === undefined ? -1 : use(bias, [vocabulary], { isHead, isBias: true }),
  };
  const headDense = linear('', languageModel.dense, [embedding, hidden], { isHead });
  const headNorm = norm(languageModel.norm, embedding, { isHead });
  return { roles: { ...body, headDense, headNorm, headOutput }, read };
};
