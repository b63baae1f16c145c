import { typeError } from '../errors.ts';
import type { GenerateOptions } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import { assertHas } from '../options/calls.ts';
import { checkedList, readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import { cleanedUp, settled } from '../tokenizer/clean-up.ts';
import { specialToken } from './continuation.ts';
import type { Tokenizer } from './tokenizer.ts';

/** How {@link streamText} and {@link generateText} continue a text. */
export interface TextOptions extends Omit<GenerateOptions, 'stop'> {
  /**
   * Texts that end a continuation and are no part of it, beside the model's end of text; `</s>` and its like are the
   * token that they spell out. Default: none.
   */
  stop?: readonly string[];
  /** Whether the prompt is written with special tokens, as a chat template writes it. Default false. */
  hasSpecialTokens?: boolean;
  /** Called with each token as it is drawn, also of text that is held back. */
  onToken?: (token: number) => void;
}

/** What a text cut within a character ends with. */
const INCOMPLETE = '\ufffd';

/** The first place where one of the texts is, and how many characters at the end may begin one. */
const findStop = (text: string, stops: readonly string[]): { at: number; held: number } => {
  const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  let held = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > held; length--) {
      if (text.endsWith(stop.slice(0, length))) held = length;
    }
  }
  return { at: Math.min(...places), held };
};

/**
 * Continues a text, and yields pieces of text as they are certain.
 *
 * @example
 * import { Model, streamText, Tokenizer } from 'node-zest';
 * const folder = 'film-roberta-mini'; // in its place a causal model's, which this one is not
 * const [model, tokenizer] = [await Model.load(folder), await Tokenizer.load(folder)];
 * const write = async () => {
 *   for await (const piece of streamText(model, tokenizer, 'Once upon a time', { maxTokens: 20 }))
 *   process.stdout.write(piece); }; await write().catch(({ code }) => console.log(code)); // ERR_ZEST_UNSUPPORTED
 *
 * @throws what {@link Model.stream} throws; ERR_ZEST_ARGUMENT for what is no string
 */
export async function* streamText(
  model: Model,
  tokenizer: Tokenizer,
  prompt: string,
  given: TextOptions,
): AsyncGenerator<string> {
  assertHas(model, 'model', ['stream'], 'a Model');
  assertHas(tokenizer, 'tokenizer', ['encode', 'decode'], 'what Tokenizer.load gives');
  const read = readArgument('options', () => ({ ...Object(given) }) as TextOptions);
  const { stop = [], hasSpecialTokens = false, onToken, ...options } = read;
  if (typeof prompt !== 'string') throw typeError('ERR_ZEST_ARGUMENT', `prompt is ${show(prompt)}; expected a string`);
  const expected = 'texts of one character or more';
  const each = (text: unknown): string => {
    if (typeof text === 'string' && text !== '') return text;
    throw typeError('ERR_ZEST_ARGUMENT', `stop is ${show(stop)}; expected ${expected}`);
  };
  const stops = checkedList(stop, { name: 'stop', code: 'ERR_ZEST_ARGUMENT', expected, each });
  if (onToken !== undefined && typeof onToken !== 'function')
    throw typeError('ERR_ZEST_ARGUMENT', `onToken is ${show(onToken)}; expected a function`);
  const ends = stops.map((text) => specialToken(text, tokenizer));
  const ids = tokenizer.encode(prompt, { addSpecialTokens: !hasSpecialTokens });
  // Decoded together with the prompt's last tokens: some tokenizers write the first token of a text otherwise.
  const context = ids.slice(-4);
  // Cleaned up by itself: otherwise it might change what the prompt's last tokens say.
  const decoded = (tokens: number[]) =>
    tokenizer.decode(tokens, { skipSpecialTokens: true, cleanUpTokenizationSpaces: false });
  const cleans = tokenizer.cleanUpTokenizationSpaces;
  const before = decoded(context);
  const made: number[] = [];
  let told = 0;
  const certain = (last: boolean): { text: string; ended: boolean } => {
    let whole = decoded([...context, ...made]).slice(before.length);
    while (!last && whole.endsWith(INCOMPLETE)) whole = whole.slice(0, -1);
    if (cleans) whole = cleanedUp(last ? whole : settled(whole));
    const { at, held } = findStop(whole, stops);
    if (at !== Number.POSITIVE_INFINITY) return { text: whole.slice(told, at), ended: true };
    return { text: whole.slice(told, last ? undefined : whole.length - held), ended: last };
  };
  for await (const { token } of model.stream([ids], options)) {
    onToken?.(token);
    if (ends.includes(token)) break;
    // Vocabularies are padded with ids that no tokenizer knows.
    if (tokenizer.token(token) === undefined) continue;
    made.push(token);
    const { text, ended } = certain(false);
    if (text !== '') yield text;
    told += text.length;
    if (ended) return;
  }
  const { text } = certain(true);
  if (text !== '') yield text;
}

/**
 * Continues a text, and returns the continuation.
 *
 * @example
 * import { generateText, Model, Tokenizer } from 'node-zest';
 * const folder = 'film-roberta-mini'; // in its place a causal model's, which this one is not
 * const [model, tokenizer] = [await Model.load(folder), await Tokenizer.load(folder)];
 * const call = generateText(model, tokenizer, 'Once upon a time', { maxTokens: 20, stop: ['.'] });
 * await call.catch(({ code }) => console.log(code)); // ERR_ZEST_UNSUPPORTED
 *
 * @throws what {@link streamText} throws
 */
export const generateText = async (
  model: Model,
  tokenizer: Tokenizer,
  prompt: string,
  options: TextOptions,
): Promise<string> => {
  const pieces: string[] = [];
  for await (const piece of streamText(model, tokenizer, prompt, options)) pieces.push(piece);
  return pieces.join('');
};
