import { rangeError, ZestError } from '../errors.ts';
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from './chat-template.ts';
import { continuationTokens, WITHOUT_SPACES } from './continuation.ts';
import { cutLongest, lengthWithout, type Preface, parsePreface, tokenized, withoutEnds } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

type Texts = Readonly<Record<string, string>>;

/** What a causal model reads before it answers. */
export interface Prefaced {
  ids: number[];
  /** Number of tokens that were cut, those of demonstrations that were left out among them. */
  cut: number;
}

/** A question with its answer, shown before the one that is asked. */
export interface Demonstration {
  fields: Texts;
  answer: string;
  /** Token that ends the answer; templates end a turn themselves. Default: none. */
  end?: number;
}

/** A text with fields, as a model reads it, and the answers that follow it. */
export interface PrefaceReader {
  readonly fields: readonly string[];
  /**
   * Fills the fields: the ids begin with the special tokens that begin a text, then come the demonstrations. Where that is
   * more than `most` tokens, the first demonstrations are left out; where it still is, tokens are cut, one at a time from
   * the end of whichever field has most then.
   *
   * @throws ERR_ZEST_SEQUENCE_LENGTH (RangeError) if the prompt without its fields is longer than that
   */
  fill(fields: Texts, most: number): Prefaced;
  /** The tokens of an answer that follows. */
  answer(text: string): number[];
  /** Shows questions with their answers before each that is asked from now on. */
  demonstrate(shown: readonly Demonstration[], separator: string): void;
}

/** Stands for a text of which only its surroundings are wanted; no token has this id. */
const PLACE = -1;
/** Stands for the text of a message. No template that writes it otherwise, as JSON say, leaves a NUL as it is. */
const contentOf = (message: number | string): string => `\u0000content ${message}\u0000`;
const CONTENTS = new RegExp(contentOf('(\\d+)'));

/** A space that goes with the answer, and not with the text before it. */
const SPACE = /[^\S\n\r]/;

const trailingSpace = (text: string): string => text.slice(text.trimEnd().length);

/** The last word of a text, with the white space behind it. */
const lastWord = (text: string): string => text.slice(lengthWithout(text.trimEnd(), /\S/));

const readerOf = (preface: Preface, tokenizer: Tokenizer, chat: ChatTemplate | undefined): PrefaceReader => {
  const { parts } = preface;
  let shown: readonly Demonstration[] = [];
  let separator = '';
  const framed = tokenizer.frame([PLACE]).ids;
  const begin = framed.slice(0, framed.indexOf(PLACE));
  const last = parts.at(-1);
  const end = typeof last === 'string' ? last : '';
  const gap = chat ? '' : trailingSpace(end).replace(/^.*\n/s, '');
  /** The white space and the text of an answer. */
  const joined = (answer: string): string => {
    const isApart =
      chat !== undefined || trailingSpace(end) !== '' || /^\s/.test(answer) || WITHOUT_SPACES.test(answer);
    return `${isApart ? gap : ' '}${answer}`;
  };
  const filled = (fields: Texts): string => {
    const text = parts.map((part) => (typeof part === 'string' ? part : fields[part.field]!)).join('');
    return chat ? text : text.slice(0, lengthWithout(text, SPACE));
  };
  /** A conversation around the question, the texts in it plain: what comes before, and what behind. */
  const conversation = (
    template: ChatTemplate,
    turns: readonly Demonstration[],
  ): { before: number[]; after: number[] } => {
    const texts = turns.flatMap(({ fields, answer }) => [filled(fields), answer]);
    const messages: ChatMessage[] = [...texts, ''].map((_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content: contentOf(i),
    }));
    const parts = template.render(messages).split(CONTENTS);
    const around = parts.filter((_, i) => i % 2 === 0);
    const written = parts.filter((_, i) => i % 2 === 1);
    if (written.join() !== messages.map((_, i) => i).join()) {
      throw new ZestError(
        'ERR_ZEST_TEMPLATE',
        `the chat template of ${tokenizer.folder} writes the texts of ${messages.length} messages ${written.length} times as they are; expected each once, in their order`,
      );
    }
    const encoded = around.map((text) => tokenizer.encode(text, { addSpecialTokens: false }));
    const before = texts.flatMap((text, i) => [...encoded[i]!, ...tokenizer.tokenize(text)]);
    return { before: [...before, ...encoded[texts.length]!], after: encoded[texts.length + 1]! };
  };
  const around = new Map<number, { before: number[]; after: number[] }>();
  /** What stands around the question after the last `count` demonstrations. */
  const surroundings = (count: number) => {
    const known = around.get(count);
    if (known) return known;
    const turns = shown.slice(shown.length - count);
    const made = chat
      ? conversation(chat, turns)
      : {
          before: [
            ...begin,
            ...turns.flatMap(({ fields, answer, end }) => {
              const text = `${filled(fields)}${joined(answer)}`;
              return end === undefined
                ? tokenizer.tokenize(text + separator)
                : [...tokenizer.tokenize(text), end, ...tokenizer.tokenize(separator)];
            }),
          ],
          after: [],
        };
    around.set(count, made);
    return made;
  };
  // What an answer's tokens are made behind: the last word, with what white space stays with the text.
  const context = chat ? '\n' : lastWord(end.slice(0, end.length - gap.length));
  return {
    fields: preface.fields,
    fill(fields, most) {
      const { ids, spans } = tokenized(parts, fields, tokenizer, { end: chat ? undefined : SPACE });
      const sizeOf = (count: number) => {
        const { before, after } = surroundings(count);
        return before.length + ids.length + after.length;
      };
      let count = shown.length;
      while (count > 0 && sizeOf(count) > most) count--;
      const { before, after } = surroundings(count);
      const leftOut = sizeOf(shown.length) - sizeOf(count);
      const excess = sizeOf(count) - most;
      if (excess <= 0) return { ids: [...before, ...ids, ...after], cut: leftOut };
      const found = spans();
      const lengths = found.map((span) => span.end - span.start);
      const kept = cutLongest(lengths, excess);
      if (kept === undefined) {
        const least = most + excess - lengths.reduce((sum, length) => sum + length, 0);
        throw rangeError(
          'ERR_ZEST_SEQUENCE_LENGTH',
          `prompt ${JSON.stringify(preface.text)} takes ${least} tokens without its fields, more than the ${most} that are left for it; use a larger training.maxLength, as far as the model goes`,
        );
      }
      return { ids: [...before, ...withoutEnds(ids, found, kept), ...after], cut: leftOut + excess };
    },
    answer: (text) => continuationTokens(context, joined(text), tokenizer),
    demonstrate(demonstrations, between) {
      shown = demonstrations;
      separator = between;
      around.clear();
    },
  };
};

/**
 * Reads a text that an answer follows. Between the two stands the white space that the text ends with, or else a space,
 * unless the answer begins with one or is of a script without spaces; a chat's answer follows its template at once. Spaces
 * go with the answer, as the tokens of most models have them, line ends with the text.
 *
 * With `chat`, the text is what the user says in the chat template of the tokenizer's model.
 *
 * @throws ERR_ZEST_UNSUPPORTED for an encoder, ERR_ZEST_TEMPLATE for a broken text, or a model without a chat template;
 * what it makes throws that for a chat template which changes texts, repeats them or leaves some out
 */
export const prefaceReader = async (
  { kind, prompt, chat = false }: { kind: string; prompt: string; chat?: boolean },
  tokenizer: Tokenizer,
): Promise<PrefaceReader> => {
  const preface = parsePreface(prompt);
  if (!tokenizer.causal) {
    throw new ZestError(
      'ERR_ZEST_UNSUPPORTED',
      `a task of kind ${kind} needs a causal model, and that of ${tokenizer.folder} is an encoder; take one of kind labelWords or class`,
    );
  }
  const template = chat ? await loadChatTemplate(tokenizer.folder) : undefined;
  if (chat && template === undefined) {
    throw new ZestError(
      'ERR_ZEST_TEMPLATE',
      `task.chat is true, and the model ${tokenizer.folder} has no chat template; leave chat out, or take an instruct model`,
    );
  }
  return readerOf(preface, tokenizer, template);
};

/** Why a task shows no demonstrations. */
export const noDemonstrations = (kind: string): Error =>
  new ZestError(
    'ERR_ZEST_UNSUPPORTED',
    `data.demonstrations are shown to a causal model, by tasks of kind choice or generate; this one is of kind ${kind}`,
  );
