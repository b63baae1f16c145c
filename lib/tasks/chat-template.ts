import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { typeError, ZestError } from '../errors.ts';
import { fetchedFolder } from '../model/fetched-folder.ts';
import { isGguf, readGguf } from '../model/gguf/format.ts';
import { ggufTokenizer } from '../model/gguf/tokenizer.ts';
import { assertPath } from '../options/calls.ts';
import { checkedList } from '../options/reading.ts';
import { show } from '../show.ts';

/** A message of a conversation. */
export interface ChatMessage {
  /** Who says it: `system`, `user` or `assistant`, as the template knows them. */
  role: string;
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

/** Named templates come as a list; the one called `default` is used. */
const templateOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  const named = Array.isArray(value) ? (value as Json[]).find(({ name }) => name === 'default') : undefined;
  return typeof named?.template === 'string' ? named.template : undefined;
};

const contentOf = (token: unknown): string | undefined =>
  typeof token === 'string' ? token : ((token as { content?: string } | null | undefined)?.content ?? undefined);

/**
 * Reads the chat template of a model's folder: chat_template.jinja, or what tokenizer_config.json has under
 * `chat_template`. Undefined: the model has none.
 *
 * @example
 * import { loadChatTemplate } from 'node-zest';
 * console.log(await loadChatTemplate('film-roberta-mini')); // undefined
 *
 * @throws ERR_ZEST_TEMPLATE for a template that is broken; what {@link Tokenizer.load} throws for a GGUF file
 */
export const loadChatTemplate = async (name: string): Promise<ChatTemplate | undefined> => {
  assertPath(name, 'name');
  const folder = await fetchedFolder(name, 'tokenizer');
  const read = (file: string) => readFile(join(folder, file), 'utf8').catch(() => undefined);
  const readConfig = async (): Promise<Json> => {
    if (isGguf(folder)) return ggufTokenizer(await readGguf(folder)).config;
    try {
      return JSON.parse((await read('tokenizer_config.json')) ?? '{}');
    } catch {
      return {}; // Tokenizer.load says what is wrong with it
    }
  };
  const config = await readConfig();
  const text = (await read('chat_template.jinja')) ?? templateOf(config.chat_template);
  if (text === undefined) return undefined;
  const failure = (what: string, cause: unknown) =>
    new ZestError('ERR_ZEST_TEMPLATE', `the chat template of ${folder} ${what}: ${(cause as Error).message}`, {
      cause,
    });
  let template: Template;
  try {
    template = new Template(text);
  } catch (cause) {
    throw failure('is broken', cause);
  }
  const tokens = Object.fromEntries(
    ['bos_token', 'eos_token', 'unk_token', 'pad_token'].map((key) => [key, contentOf(config[key]) ?? '']),
  );
  return {
    render(given) {
      const messages = checkedMessages(given);
      try {
        return template.render({ messages, add_generation_prompt: true, ...tokens });
      } catch (cause) {
        throw failure('refuses these messages', cause);
      }
    },
  };
};
