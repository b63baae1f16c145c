import { ACCENT, byteCharacters, CONTROL, IDEOGRAPH, SPACE, spaceAtEnd, spaceAtStart } from './characters.ts';
import type { NormalizerJson } from './json.ts';
import { everywhere, patternOf } from './pattern.ts';
import { precompiledNormalizer } from './precompiled.ts';

/** Makes a text into what is split and looked up. */
export type Normalize = (text: string) => string;

// Rust lower-cases a character at a time, so that a word's last Σ is σ; JavaScript makes it ς.
const lowerCase: Normalize = (text) => text.replaceAll('Σ', 'σ').toLowerCase();

const control = everywhere(CONTROL);
const space = everywhere(SPACE);
const ideograph = new RegExp(IDEOGRAPH, 'gu');
const accent = everywhere(ACCENT);

const bert = (json: NormalizerJson): Normalize => {
  const { clean_text = true, handle_chinese_chars = true, lowercase = true } = json;
  const steps: Normalize[] = [];
  if (clean_text) steps.push((text) => space.replaced(control.replaced(text, ''), ' '));
  if (handle_chinese_chars) steps.push((text) => text.replace(ideograph, ' $& '));
  if (json.strip_accents ?? lowercase) steps.push((text) => accent.replaced(text.normalize('NFD'), ''));
  if (lowercase) steps.push(lowerCase);
  return sequence(steps);
};

const sequence =
  (steps: readonly Normalize[]): Normalize =>
  (text) =>
    steps.reduce((at, step) => step(at), text);

const strip = ({ strip_left = true, strip_right = true }: NormalizerJson): Normalize => {
  return (text) => {
    const left = strip_left ? text.slice(spaceAtStart(text)) : text;
    return strip_right ? left.slice(0, left.length - spaceAtEnd(left)) : left;
  };
};

/** Makes the function that a normalizer of tokenizer.json describes, with the results of Hugging Face's tokenizers. */
export const normalizer = (json: NormalizerJson | null | undefined): Normalize => {
  switch (json?.type) {
    case undefined:
      return (text) => text;
    case 'Sequence':
      return sequence((json?.normalizers ?? []).map(normalizer));
    case 'BertNormalizer':
      return bert(json as NormalizerJson);
    case 'Precompiled':
      return json?.precompiled_charsmap ? precompiledNormalizer(json.precompiled_charsmap) : (text) => text;
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(json?.type);
    case 'Lowercase':
      return lowerCase;
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Strip':
      return strip(json as NormalizerJson);
    case 'Prepend':
      return (text) => (text === '' ? text : (json?.prepend ?? '') + text);
    case 'Replace': {
      const pattern = patternOf(json?.pattern);
      return (text) => pattern.replaced(text, json?.content ?? '');
    }
    case 'ByteLevel':
      return byteCharacters;
    default:
      throw new Error(`normalizer ${json?.type} is not known`);
  }
};
