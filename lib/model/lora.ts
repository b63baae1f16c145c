import { rangeError, ZestError } from '../errors.ts';
import type { NativeLinear } from '../native/binding.ts';
import { listed } from '../text/show.ts';
import type { CheckedLora } from './adapter-options.ts';
import { type Family, linearOf } from './families/family.ts';
import { matchesGlob } from './glob.ts';
import type { StoredAdapter } from './peft.ts';
import { linearsOf, type Roles } from './roles.ts';
import type { TensorEntry } from './safetensors.ts';
import { fullName } from './tensor-names.ts';
import { assertFits, newTensor } from './tensors.ts';

/** A tensor of an adapter; `place` tells its role which parameter it is. */
export interface AdapterTensor {
  adapter: 'lora' | 'prefix';
  tensor: TensorEntry;
  place: (roles: Roles, index: number) => void;
}

/** A linear layer that an adapter may be put on. */
export interface LinearModule {
  /** Name of its weight in the checkpoint, without `.weight`. */
  name: string;
  outputs: number;
  inputs: number;
  /** The layers whose outputs it makes. */
  linears: readonly NativeLinear[];
}

/** The linear layers of the checkpoint: not those of a new head, nor a decoder that is tied to the word embeddings. */
const linearModules = (roles: Roles, tensors: readonly TensorEntry[]): LinearModule[] => {
  const byWeight = new Map<number, NativeLinear[]>();
  for (const linear of linearsOf(roles)) {
    if (linear.weight === roles.wordEmbeddings) continue;
    byWeight.set(linear.weight, [...(byWeight.get(linear.weight) ?? []), linear]);
  }
  return [...byWeight].flatMap(([weight, linears]) => {
    const { name, shape, file } = tensors[weight]!;
    const [outputs = 0, inputs = 0] = linears[0]?.transposed ? shape.toReversed() : shape;
    return file === '' ? [] : { name: name.replace(/\.weight$/, ''), outputs, inputs, linears };
  });
};

/** Different ends of the modules' names, after the number of their layer, for messages. */
const ends = (modules: readonly Pick<LinearModule, 'name'>[]): string[] =>
  [...new Set(modules.map(({ name }) => name.replace(/^.*\.\d+\./, '')))].sort();

/**
 * The modules whose name, or an end of it after a dot, one of the globs matches: as PEFT's `target_modules`, and globs.
 *
 * @throws ERR_ZEST_TRAINABLE for one that matches nothing
 */
export const targetModules = <T extends Pick<LinearModule, 'name'>>(
  targets: readonly string[],
  modules: readonly T[],
): T[] => {
  const matches = (glob: string, { name }: T) => matchesGlob(glob, name) || matchesGlob(`*.${glob}`, name);
  for (const glob of targets) {
    if (modules.some((module) => matches(glob, module))) continue;
    throw new ZestError(
      'ERR_ZEST_TRAINABLE',
      `trainable.lora.targets: '${glob}' matches no linear layer; there are ${listed(ends(modules))}`,
    );
  }
  return modules.filter((module) => targets.some((glob) => matches(glob, module)));
};

/** LoRA's tensors for a module, which its layers then read. */
const adapterTensors = ({ linears }: LinearModule, a: TensorEntry, b: TensorEntry): AdapterTensor[] => {
  const put = (role: 'adapterA' | 'adapterB') => (_: Roles, index: number) => {
    for (const linear of linears) linear[role] = index;
  };
  return [
    { adapter: 'lora', tensor: a, place: put('adapterA') },
    { adapter: 'lora', tensor: b, place: put('adapterB') },
  ];
};

/**
 * LoRA as it was stored, on the modules that it names.
 *
 * @throws ERR_ZEST_TENSOR_MISSING for a module that the model does not have, ERR_ZEST_TENSOR_SHAPE or
 * ERR_ZEST_TENSOR_DTYPE for tensors that do not fit it
 */
export const storedLora = (
  { rank, modules: stored }: StoredAdapter,
  family: Family,
  roles: Roles,
  tensors: readonly TensorEntry[],
): AdapterTensor[] => {
  const modules = linearModules(roles, tensors);
  return [...stored].flatMap(([name, { a, b }]) => {
    const module = modules.find((each) => fullName(each.name, family) === fullName(name, family));
    if (!module) {
      const message = `${a.file}: the adapter is for '${name}', which is no linear layer of the model; there are ${listed(ends(modules))}`;
      throw new ZestError('ERR_ZEST_TENSOR_MISSING', message);
    }
    assertFits(a, [rank, module.inputs], 'adapter_config.json, with the model,');
    assertFits(b, [module.outputs, rank], 'adapter_config.json, with the model,');
    const named = (tensor: TensorEntry, end: string) => ({ ...tensor, name: `${module.name}.${end}.weight` });
    return adapterTensors(module, named(a, 'lora_A'), named(b, 'lora_B'));
  });
};

/** The last parts of the names of queries and values. */
const defaultTargets = ({ layer: { query, value } }: Family): string[] =>
  [query, value].map((linear) => linearOf(linear).name.replace(/^.*\./, ''));

/**
 * LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685) on some of the modules, under PEFT's names: A (rank × inputs)
 * from N(0, 1 / (3·inputs)), the variance of PEFT's Kaiming-uniform U(−1/√inputs, 1/√inputs); B (outputs × rank) zero.
 *
 * @throws ERR_ZEST_TRAINABLE for a target that matches nothing, and for a rank beyond a target's rows or columns
 */
export const newLora = (
  { rank, targets, seed }: CheckedLora,
  family: Family,
  roles: Roles,
  tensors: readonly TensorEntry[],
): AdapterTensor[] =>
  targetModules(targets ?? defaultTargets(family), linearModules(roles, tensors)).flatMap((module) => {
    const { name, outputs, inputs } = module;
    if (rank > Math.min(outputs, inputs)) {
      const message = `trainable.lora.rank is ${rank}, which is more than '${name}' of ${outputs} × ${inputs} can have`;
      throw rangeError('ERR_ZEST_TRAINABLE', message);
    }
    const a = newTensor(`${name}.lora_A.weight`, [rank, inputs], 1 / Math.sqrt(3 * inputs), seed);
    const b = newTensor(`${name}.lora_B.weight`, [outputs, rank], 0, seed);
    return adapterTensors(module, a, b);
  });
