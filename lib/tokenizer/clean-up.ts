import type { TokenizerJson } from './json.ts';

/** What loses its spaces where a text is cleaned up, in the order of transformers. */
const SPACED = [' .', ' ?', ' !', ' ,', " ' ", " n't", " 'm", " 's", " 've", " 're"];

/** Takes spaces out before marks and the ends of contractions, as transformers does (`clean_up_tokenization_spaces`). */
export const cleanedUp = (text: string): string =>
  SPACED.reduce((cleaned, spaced) => cleaned.replaceAll(spaced, spaced.trim()), text);

/** The characters that stand before the last one of what loses its spaces: after any other, nothing that follows counts. */
const OPEN = new Set(SPACED.flatMap((spaced) => [...spaced.slice(0, -1)]));

/** The part of a text that is cleaned up alike whatever follows it. */
export const settled = (text: string): string => {
  let end = text.length;
  while (end > 0 && OPEN.has(text[end - 1]!)) end--;
  return text.slice(0, end);
};

/** Whether decoded texts are cleaned up: as tokenizer_config.json says, but never BPE's, whose spaces are the text's own. */
export const isCleanedUp = ({ model }: TokenizerJson, config: Readonly<Record<string, unknown>>): boolean => {
  const isBpe = model.type === 'BPE' || (model.type === undefined && 'merges' in model);
  return config.clean_up_tokenization_spaces === true && !isBpe;
};
