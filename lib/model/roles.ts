import type { NativeLayer, NativeLinear, NativeModelSpec, NativeNorm } from '../native/binding.ts';
import type { ModelConfig } from './config-json.ts';
import type { HeadKind } from './families/family.ts';
import { layerModule } from './tensor-names.ts';

/** The roles of a NativeModelSpec: indexes of parameters. */
export type Roles = Pick<
  NativeModelSpec,
  | 'wordEmbeddings'
  | 'positionEmbeddings'
  | 'segmentEmbeddings'
  | 'embeddingNorm'
  | 'layers'
  | 'headDense'
  | 'headNorm'
  | 'headOutput'
>;

/** What a parameter that the loss reads is. */
export interface Role {
  /** Added, not multiplied with: of a linear layer or a norm. */
  isBias: boolean;
  isNorm: boolean;
  /** After the encoder, and not shared with it. */
  isHead: boolean;
  /** Adapter that it is a tensor of. */
  adapter?: 'lora' | 'prefix';
}

const NO_NORM: NativeNorm = { weight: -1, bias: -1 };
const NO_ADAPTER = { adapterA: -1, adapterB: -1 };
const NO_PREFIX = { key: -1, value: -1 };

const isLinear = (part: object): part is NativeLinear => 'adapterA' in part;

/** The linear layers: of each encoder layer, and of the head. */
export const linearsOf = ({ layers, headDense, headOutput }: Roles): NativeLinear[] => [
  ...layers.flatMap((layer) => Object.values(layer).filter(isLinear)),
  headDense,
  headOutput,
];

/**
 * The parameters in their roles, each found by `find` under its name in transformers and with the shape that the
 * configuration asks for, and what each of them is.
 */
export const assignRoles = (
  config: ModelConfig,
  head: { kind: HeadKind; outputs: number; hasDecoderBias: boolean },
  find: (name: string, shape: readonly number[]) => number,
): { roles: Roles; read: Map<number, Role> } => {
  const { hidden, intermediate, vocabulary, family } = config;
  const { prefix, embeddings, languageModel, classifier } = family;
  const read = new Map<number, Role>();
  const use = (name: string, shape: readonly number[], role: Partial<Role>): number => {
    const index = find(name, shape);
    // The first use counts: word embeddings that a decoder shares are no head.
    if (!read.has(index)) read.set(index, { isBias: false, isNorm: false, isHead: false, ...role });
    return index;
  };
  const matrix = (name: string, rows: number, role: Partial<Role> = {}) => use(`${name}.weight`, [rows, hidden], role);
  const linear = (name: string, rows: number, columns: number, role: Partial<Role> = {}): NativeLinear => ({
    weight: use(`${name}.weight`, [rows, columns], role),
    bias: use(`${name}.bias`, [rows], { ...role, isBias: true }),
    ...NO_ADAPTER,
  });
  const norm = (name: string, role: Partial<Role> = {}): NativeNorm => ({
    weight: use(`${name}.weight`, [hidden], { ...role, isNorm: true }),
    bias: use(`${name}.bias`, [hidden], { ...role, isNorm: true, isBias: true }),
  });
  const layer = (n: number): NativeLayer => {
    const name = (part: keyof typeof family.layer) => layerModule(family, n, part);
    return {
      query: linear(name('query'), hidden, hidden),
      key: linear(name('key'), hidden, hidden),
      value: linear(name('value'), hidden, hidden),
      attentionOutput: linear(name('attentionOutput'), hidden, hidden),
      attentionNorm: norm(name('attentionNorm')),
      intermediate: linear(name('intermediate'), intermediate, hidden),
      output: linear(name('output'), hidden, intermediate),
      outputNorm: norm(name('outputNorm')),
      prefix: NO_PREFIX,
    };
  };

  const wordEmbeddings = matrix(prefix + embeddings.words, vocabulary);
  const encoder = {
    wordEmbeddings,
    positionEmbeddings: matrix(prefix + embeddings.positions, config.positions),
    segmentEmbeddings: embeddings.segments ? matrix(prefix + embeddings.segments, config.segments) : -1,
    embeddingNorm: norm(prefix + embeddings.norm),
    layers: Array.from({ length: config.layers }, (_, n) => layer(n)),
  };
  const isHead = true;
  if (head.kind === 'classifier') {
    const headOutput = linear(classifier.output, head.outputs, hidden, { isHead });
    return {
      roles: {
        ...encoder,
        headDense: linear(classifier.dense, hidden, hidden, { isHead }),
        headNorm: NO_NORM,
        headOutput,
      },
      read,
    };
  }
  const bias = head.hasDecoderBias ? `${languageModel.decoder}.bias` : languageModel.bias;
  const headOutput = {
    weight: config.tied ? wordEmbeddings : matrix(languageModel.decoder, vocabulary, { isHead }),
    bias: use(bias, [vocabulary], { isHead, isBias: true }),
    ...NO_ADAPTER,
  };
  const headDense = linear(languageModel.dense, hidden, hidden, { isHead });
  return { roles: { ...encoder, headDense, headNorm: norm(languageModel.norm, { isHead }), headOutput }, read };
};
