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

/** Whether the names of a checkpoint lack the prefix of the encoder. */
const isBare = ({ prefix, embeddings }: Family, checkpoint: { has(name: string): boolean }): boolean =>
  !checkpoint.has(`${prefix}${embeddings.words}.weight`);

/** What a tensor is called in a checkpoint, or would be if it were there. */
export const spelling = (name: string, family: Family, checkpoint: { has(name: string): boolean }): string =>
  checkpointName(name, family, checkpoint) ?? (isBare(family, checkpoint) ? bareName(name, family) : name);

/** A name with that of the decoder as checkpoints have it, where transformers' class, and so PEFT, has another. */
const storedName = (name: string, { languageModel: { decoder, decoderModule = decoder } }: Family): string =>
  name.startsWith(`${decoderModule}.`) || name === decoderModule ? decoder + name.slice(decoderModule.length) : name;

/** A map of tensors under other names. */
export const renamed = (
  tensors: ReadonlyMap<string, TensorEntry>,
  nameOf: (name: string) => string,
): Map<string, TensorEntry> =>
  new Map([...tensors].map(([name, tensor]) => [nameOf(name), { ...tensor, name: nameOf(name) }]));

/**
 * The tensors of a checkpoint under the names that transformers gives, without what a wrapper (of torch.compile, of
 * distributed training, of PEFT, or a class of one's own) puts before them: what precedes the only word embeddings.
 *
 * @throws ERR_ZEST_UNSUPPORTED for weights that PEFT has split
 */
export const unwrapped = (
  checkpoint: ReadonlyMap<string, TensorEntry>,
  family: Family,
  folder: string,
): ReadonlyMap<string, TensorEntry> => {
  const { prefix, embeddings } = family;
  const adapted = [...checkpoint.keys()].find((name) => /\.(base_layer|lora_[AB]\.[^.]+)\./.test(name));
  if (adapted !== undefined) {
    const message = `${folder}: tensor '${adapted}' is of a model with an adapter of PEFT's; save it after merge_and_unload(), or the adapter beside its base`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const plain = renamed(checkpoint, (name) => storedName(name, family));
  const words = `${embeddings.words}.weight`;
  if (plain.has(prefix + words) || plain.has(words)) return plain;
  const [found, ...others] = [...plain.keys()].filter((name) => name.endsWith(`.${words}`));
  if (found === undefined || others.length > 0) return plain; // what is missing is told later
  const before = found.slice(0, -words.length);
  const wrapper = before.endsWith(`.${prefix}`) ? before.slice(0, -prefix.length) : before;
  return renamed(plain, (name) => storedName(name.startsWith(wrapper) ? name.slice(wrapper.length) : name, family));
};

/** A name without the prefix of the encoder. */
export const bareName = (name: string, { prefix }: Family): string =>
  name.startsWith(prefix) ? name.slice(prefix.length) : name;

/** What the names of the encoder's tensors begin with after its prefix. */
const encoderParts = (family: Family): string[] => {
  const { prefix, layers, embeddings, finalNorm, outputProjection, classifier } = family;
  const pooler = classifier.dense?.startsWith(prefix) ? bareName(classifier.dense, family) : undefined;
  const parts = [layers, ...Object.values(embeddings), finalNorm, outputProjection, pooler];
  return parts.flatMap((part) => (part === undefined ? [] : `${linearOf(part).name}.`));
};

/**
 * The name of a tensor or a module as node-zest has it of any other: with the prefix of the encoder, which checkpoints and
 * adapters of a bare model lack.
 */
export const fullName = (name: string, family: Family): string => {
  const stored = storedName(name, family);
  const isBare =
    !stored.startsWith(family.prefix) && encoderParts(family).some((part) => `${stored}.`.startsWith(part));
  return isBare ? family.prefix + stored : stored;
};

/** The name of a tensor or a module in transformers' class with a head, as PEFT needs it. */
export const className = (name: string, family: Family): string => {
  const { languageModel, formerEnds = {} } = family;
  const full = fullName(name, family);
  const { decoder, decoderModule = decoder } = languageModel;
  if (full.startsWith(`${decoder}.`)) return decoderModule + full.slice(decoder.length);
  const [end, former] = Object.entries(formerEnds).find(([, former]) => full.endsWith(former)) ?? ['', ''];
  return full.slice(0, full.length - former.length) + end;
};

/** The module of a part of layer N. */
export const layerModule = ({ prefix, layers, layer }: Family, n: number, part: 'query' | 'value'): string =>
  `${prefix}${layers}.${n}.${linearOf(layer[part]).name}`;
