import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { typeError, ZestError } from '../errors.ts';
import { ifThere } from '../files/files.ts';
import { fetchedFolder } from '../model/fetched-folder.ts';
import { isGguf, readGguf } from '../model/gguf/format.ts';
import { ggufTokenizer } from '../model/gguf/tokenizer.ts';
import { hasOwnTokenizer, tokenizerFolder } from '../model/peft.ts';
import type { CallOptions } from '../objective.ts';
import { assertPath, callOptions } from '../options/calls.ts';
import { withoutMoreOptions } from '../options/no-options.ts';
import { checkedList } from '../options/reading.ts';
import { isObject, readJson } from '../text/json.ts';
import { show } from '../text/show.ts';
import { withinTime } from '../time-limit.ts';

/** A message of a conversation. */
export interface ChatMessage {
  /** Who says it: `system`, `user` or `assistant`, as the template knows them. */
  role: string;
  /** What is said. */
  content: string;
}

/** A model's way of writing a conversation as one text. */
export interface ChatTemplate {
  /**
   * Writes the messages, special tokens included, up to where the assistant's answer begins.
   *
   * @throws ERR_ZEST_TEMPLATE for messages that the template refuses, ERR_ZEST_ARGUMENT for what is no list of messages
   */
  render(messages: readonly ChatMessage[]): string;
}

/** Messages may have more than role and content: templates decide. */
const checkedMessages = (messages: unknown): object[] => {
  const each = (message: unknown, place: string): object => {
    if (typeof message === 'object' && message !== null) return { ...message };
    throw typeError('ERR_ZEST_ARGUMENT', `${place} is ${show(message)}; expected { role, content }`);
  };
  return checkedList(messages, { name: 'messages', code: 'ERR_ZEST_ARGUMENT', expected: 'a list of messages', each });
};

type Json = Record<string, unknown>;

/** Time that a template has for a conversation. */
const SECONDS = 2;
const LONGEST_RANGE = 100_000;

/** Jinja's range, which the library makes a list of, however long. */
const range = (first: number, end?: number, step = 1): number[] => {
  const [start, stop] = end === undefined ? [0, first] : [first, end];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= LONGEST_RANGE)) throw new Error(`a range has ${length} numbers; expected at most ${LONGEST_RANGE}`);
  return Array.from({ length }, (_, i) => start + i * step);
};

/** What {@link range} is called in templates: no name that they could have. */
const OUR_RANGE = 'range()';

/** Lets a template call our range instead of the library's, whose name cannot be given anew. */
const withRange = (template: Template): Template => {
  const left: unknown[] = [template.parsed];
  while (left.length > 0) {
    const node = left.pop();
    if (!isObject(node)) continue;
    if (node.type === 'Identifier' && node.value === 'range') node.value = OUR_RANGE;
    const { property, ...others } = node;
    // A field of that name is none of it.
    const parts = node.type === 'MemberExpression' && node.computed !== true ? others : node;
    left.push(...Object.values(parts).flat());
  }
  return template;
};

/** Named templates come as a list; the one called `default` is used. */
const templateOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  const named = Array.isArray(value) ? (value as Json[]).find(({ name }) => name === 'default') : undefined;
  return typeof named?.template === 'string' ? named.template : undefined;
};

const contentOf = (token: unknown): string | undefined =>
  typeof token === 'string' ? token : ((token as { content?: string } | null | undefined)?.content ?? undefined);

/** The template of a folder, with the configuration of its tokenizer; undefined if there is none. */
const templateIn = async (folder: string): Promise<{ folder: string; text: string; config: Json } | undefined> => {
  const readConfig = async (): Promise<Json> => {
    if (isGguf(folder)) return ggufTokenizer(await readGguf(folder)).config;
    const json = await readJson(join(folder, 'tokenizer_config.json'));
    return isObject(json) ? json : {}; // Tokenizer.load says what is wrong with it
  };
  const config = await readConfig();
  const file = join(folder, 'chat_template.jinja');
  const text = (await ifThere(file, readFile(file, 'utf8'))) ?? templateOf(config.chat_template);
  return text === undefined ? undefined : { folder, text, config };
};

/**
 * Reads the chat template of a model's folder: chat_template.jinja, or what tokenizer_config.json has under
 * `chat_template`. Undefined: the model has none. An adapter that came with neither a template nor a tokenizer has its
 * base's.
 *
 * @example
 * import { loadChatTemplate } from 'node-zest';
 * console.log(await loadChatTemplate('film-roberta-mini')); // undefined
 *
 * @throws ERR_ZEST_TEMPLATE for a template that is broken, ERR_ZEST_FILE for a file that cannot be read; what
 * {@link Tokenizer.load} throws for a GGUF file
 */
export const loadChatTemplate = async (name: string, options?: CallOptions): Promise<ChatTemplate | undefined> => {
  assertPath(name, 'name');
  const { signal } = callOptions(options);
  const own = await fetchedFolder(name, 'tokenizer', signal);
  const found =
    (await templateIn(own)) ??
    ((await hasOwnTokenizer(own)) ? undefined : await templateIn(await tokenizerFolder(name, signal)));
  if (found === undefined) return undefined;
  const { folder, text, config } = found;
  const failure = (what: string, cause: unknown) =>
    new ZestError('ERR_ZEST_TEMPLATE', `the chat template of ${folder} ${what}: ${(cause as Error).message}`, {
      cause,
    });
  let template: Template;
  try {
    template = withRange(new Template(text));
  } catch (cause) {
    throw failure('is broken', cause);
  }
  const late = () => new Error(`it takes more than ${SECONDS} s; expected one that ends`);
  const tokens = Object.fromEntries(
    ['bos_token', 'eos_token', 'unk_token', 'pad_token'].map((key) => [key, contentOf(config[key]) ?? '']),
  );
  return withoutMoreOptions({
    render(given: readonly ChatMessage[]) {
      const messages = checkedMessages(given);
      try {
        const values = { messages, add_generation_prompt: true, ...tokens, [OUR_RANGE]: range };
        return withinTime(SECONDS, () => template.render(values), late);
      } catch (cause) {
        throw failure('refuses these messages', cause);
      }
    },
  });
};
