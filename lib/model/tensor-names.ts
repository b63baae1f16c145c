import { ZestError } from '../errors.ts';
import { type Family, linearOf } from './families/family.ts';
import type { TensorEntry } from './safetensors.ts';

const formerName = (name: string, { formerEnds }: Family): string => {
  const [end, former] = Object.entries(formerEnds ?? {}).find(([end]) => name.endsWith(end)) ?? ['', ''];
  return name.slice(0, name.length - end.length) + former;
};

/**
 * What a tensor is called in a checkpoint: the encoder may lack its prefix, ends of names may be older ones. `undefined`
 * if it is not there.
 */
export const checkpointName = (
  name: string,
  family: Family,
  checkpoint: { has(name: string): boolean },
): string | undefined =>
  [name, formerName(name, family)]
    .flatMap((full) => [full, bareName(full, family)])
    .find((spelling) => checkpoint.has(spelling));

/**
 * The tensors of a checkpoint under the names that transformers gives, without what a wrapper (of torch.compile, of
 * distributed training, of PEFT, or a class of one's own) puts before them: what precedes the only word embeddings.
 *
 * @throws ERR_ZEST_UNSUPPORTED for weights that PEFT has split
 */
export const unwrapped = (
  checkpoint: ReadonlyMap<string, TensorEntry>,
  { prefix, embeddings }: Family,
  folder: string,
): ReadonlyMap<string, TensorEntry> => {
  const adapted = [...checkpoint.keys()].find((name) => /\.(base_layer|lora_[AB]\.[^.]+)\./.test(name));
  if (adapted !== undefined) {
    const message = `${folder}: tensor '${adapted}' is of a model with an adapter of PEFT's; save it after merge_and_unload(), or the adapter beside its base`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const words = `${embeddings.words}.weight`;
  if (checkpoint.has(prefix + words) || checkpoint.has(words)) return checkpoint;
  const [found, ...others] = [...checkpoint.keys()].filter((name) => name.endsWith(`.${words}`));
  if (found === undefined || others.length > 0) return checkpoint; // what is missing is told later
  const before = found.slice(0, -words.length);
  const wrapper = before.endsWith(`.${prefix}`) ? before.slice(0, -prefix.length) : before;
  return new Map(
    [...checkpoint].map(([name, tensor]) => {
      const bare = name.startsWith(wrapper) ? name.slice(wrapper.length) : name;
      return [bare, { ...tensor, name: bare }];
    }),
  );
};

/** A name without the prefix of the encoder. */
export const bareName = (name: string, { prefix }: Family): string =>
  name.startsWith(prefix) ? name.slice(prefix.length) : name;

/** The module of a part of layer N. */
export const layerModule = ({ prefix, layers, layer }: Family, n: number, part: 'query' | 'value'): string =>
  `${prefix}${layers}.${n}.${linearOf(layer[part]).name}`;
