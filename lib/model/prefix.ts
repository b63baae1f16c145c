import { rangeError, ZestError } from '../errors.ts';
import type { NativeLayer } from '../native/binding.ts';
import type { PrefixOptions } from './adapter-options.ts';
import type { ModelConfig } from './config-json.ts';
import type { AdapterTensor } from './lora.ts';
import type { TensorEntry } from './safetensors.ts';
import { checkpointName, layerModule } from './tensor-names.ts';
import { assertFits, newTensor } from './tensors.ts';

type Checkpoint = ReadonlyMap<string, TensorEntry>;

/** A tensor of a prefix by its role in a layer. */
interface PrefixRole {
  name: string;
  layer: number;
  role: keyof NativeLayer['prefix'];
}

/** The tensors of a prefix: prefix_key and prefix_value beside each layer's query, as far as there are layers. */
const prefixRoles = ({ family, layers }: ModelConfig, checkpoint: Checkpoint): PrefixRole[] => {
  const roles: PrefixRole[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const query = checkpointName(`${layerModule(family, layer, 'query')}.weight`, family, checkpoint);
    if (query === undefined) break;
    const spelled = query.replace(/[^.]+\.weight$/, '');
    roles.push({ name: `${spelled}prefix_key`, layer, role: 'key' });
    roles.push({ name: `${spelled}prefix_value`, layer, role: 'value' });
  }
  return roles;
};

/**
 * Finds the prefix of a checkpoint that has one.
 *
 * @throws ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE, ERR_ZEST_TENSOR_DTYPE
 */
const storedPrefix = (checkpoint: Checkpoint, roles: readonly PrefixRole[], columns: number): TensorEntry[] => {
  const found = roles.flatMap(({ name }) => checkpoint.get(name) ?? []);
  const [first] = found;
  if (!first) return [];
  for (const { name } of roles) {
    const tensor = checkpoint.get(name);
    if (!tensor) {
      const message = `${first.file}: tensor '${name}' is missing; a prefix has keys and values in every layer`;
      throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
    }
    assertFits(tensor, [first.shape[0] || 1, columns], 'its prefix');
  }
  return found;
};

/**
 * The prefix (Li and Liang 2021, https://arxiv.org/abs/2101.00190, without their reparametrisation) of a checkpoint, or a
 * new one from N(0, initializer_range²): keys and values, tokens × columns of all their heads, of every layer.
 *
 * @throws ERR_ZEST_TRAINABLE for a length that is not the checkpoint's prefix's, or beyond the model's positions;
 * ERR_ZEST_TENSOR_MISSING, ERR_ZEST_TENSOR_SHAPE or ERR_ZEST_TENSOR_DTYPE for a prefix that is not whole
 */
export const prefixTensors = (
  config: ModelConfig,
  checkpoint: Checkpoint,
  options: Required<PrefixOptions> | undefined,
): AdapterTensor[] => {
  const { keyValueHeads, headWidth, positions, initializerRange } = config;
  const columns = keyValueHeads * headWidth;
  const roles = prefixRoles(config, checkpoint);
  const stored = storedPrefix(checkpoint, roles, columns);
  const length = stored[0]?.shape[0];
  if (length === undefined && !options) return [];
  if (options && length !== undefined && options.tokens !== length) {
    const message = `trainable.prefix.tokens is ${options.tokens}, but the checkpoint has a prefix of ${length}`;
    throw rangeError('ERR_ZEST_TRAINABLE', message);
  }
  if (options && length === undefined && options.tokens > positions) {
    const message = `trainable.prefix.tokens is ${options.tokens}; expected at most the model's ${positions} positions`;
    throw rangeError('ERR_ZEST_TRAINABLE', message);
  }
  const { tokens, seed } = options ?? { tokens: 0, seed: 0 };
  return roles.map(({ name, layer, role }, i) => ({
    adapter: 'prefix',
    tensor: stored[i] ?? newTensor(name, [tokens, columns], initializerRange, seed),
    place: ({ layers }, index) => {
      const of = layers[layer]!;
      of.prefix = { ...of.prefix, [role]: index };
    },
  }));
};
