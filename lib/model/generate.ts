import { types } from 'node:util';
import { rangeError, typeError, ZestError } from '../errors.ts';
import type { NativeDirections, NativeEngine, NativePoints } from '../native/binding.ts';
import type { DirectionOptions, Point } from '../objective.ts';
import { readArgument } from '../options/reading.ts';
import { show } from '../text/show.ts';
import type { CallQueue } from './call-queue.ts';

/** How {@link Model.generate} and {@link Model.stream} continue prompts. */
export interface GenerateOptions extends DirectionOptions {
  /** Number of tokens of a continuation, at most; it also ends where the model has no more positions. */
  maxTokens: number;
  /**
   * Sequences of token ids that end a continuation and are no part of it. Default: the end-of-text tokens that
   * generation_config.json names, or config.json where there is no such file; `[]`: none.
   */
  stop?: readonly (readonly number[])[];
  /** What logits are divided by before a token is drawn; 0 takes the most probable one. Default 0. */
  temperature?: number;
  /** Number of the most probable tokens that are drawn from. Default: all. */
  topK?: number;
  /** Probability that the tokens which are drawn from have together, at least; the most probable ones. Default 1. */
  topP?: number;
  /** Seed that tokens are drawn from: of sequence i always the same, whatever it is generated with. Default 0. */
  seed?: number;
  /** Point that the weights are at. Default: θ itself. */
  at?: Point;
}

/** A token that continues one of several prompts. */
export interface GeneratedToken {
  /** Index of the prompt. */
  sequence: number;
  /** Id of the token. */
  token: number;
}

/** What generation needs of a model, checked. */
export interface Generation {
  engine: NativeEngine;
  signal: AbortSignal | undefined;
  directions: NativeDirections;
  point: NativePoints;
  prompts: readonly (readonly number[])[];
  /** Tokens that a sequence may have. */
  longest: number;
  maxTokens: number;
  stop: readonly (readonly number[])[];
  sampling: { temperature: number; topK: number; topP: number; seed: bigint };
}

/**
 * Checks prompts.
 *
 * @throws ERR_ZEST_ARGUMENT, ERR_ZEST_TOKEN, or ERR_ZEST_SEQUENCE_LENGTH for one that is empty or leaves no room
 */
export const checkedPrompts = (
  prompts: unknown,
  { vocabulary, longest }: { vocabulary: number; longest: number },
): readonly (readonly number[])[] => readArgument('prompts', () => readPrompts(prompts, { vocabulary, longest }));

const readPrompts: typeof checkedPrompts = (prompts, { vocabulary, longest }) => {
  if (!Array.isArray(prompts) || prompts.length === 0) {
    throw typeError('ERR_ZEST_ARGUMENT', `prompts is ${show(prompts)}; expected an array of arrays of token ids`);
  }
  for (const [i, prompt] of prompts.entries()) {
    const name = `prompts[${i}]`;
    if (!Array.isArray(prompt) && !types.isInt32Array(prompt)) {
      throw typeError('ERR_ZEST_ARGUMENT', `${name} is ${show(prompt)}; expected an array of token ids`);
    }
    if (prompt.length === 0) {
      throw rangeError(
        'ERR_ZEST_SEQUENCE_LENGTH',
        `${name} is empty; expected at least one token, such as a beginning of text`,
      );
    }
    if (prompt.length >= longest) {
      const message = `${name} has ${prompt.length} tokens; expected fewer than ${longest}, which is what the model takes with a continuation`;
      throw rangeError('ERR_ZEST_SEQUENCE_LENGTH', message);
    }
    const wrong = Array.from(prompt as readonly unknown[]).findIndex(
      (id) => !Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= vocabulary,
    );
    if (wrong >= 0) {
      const message = `${name}[${wrong}] is ${show(prompt[wrong])}; expected a token id from 0 to ${vocabulary - 1}`;
      throw rangeError('ERR_ZEST_TOKEN', message);
    }
  }
  return prompts.map((prompt) => [...prompt]);
};

/** A continuation under way: what it has, and what of that has been told. */
class Continuation {
  readonly #tokens: number[] = [];
  #told = 0;
  /** Tokens that it may still have. */
  #left: number;
  ended = false;

  readonly #stop: readonly (readonly number[])[];

  constructor(most: number, stop: readonly (readonly number[])[]) {
    this.#left = most;
    this.#stop = stop;
  }

  /** Takes a token; returns those that are now certain to be no part of a stop. */
  push(token: number): number[] {
    this.#tokens.push(token);
    this.#left--;
    const stopped = this.#stop.find((stop) => this.#endsWith(stop, stop.length));
    if (stopped) {
      this.ended = true;
      this.#tokens.length -= stopped.length;
    } else if (this.#left === 0) {
      this.ended = true;
    }
    const held = this.ended ? 0 : this.#held();
    const told = this.#tokens.slice(this.#told, this.#tokens.length - held);
    this.#told += told.length;
    return told;
  }

  /** Whether the last `count` tokens are the first of a stop. */
  #endsWith(stop: readonly number[], count: number): boolean {
    const first = this.#tokens.length - count;
    return first >= 0 && stop.every((token, i) => i >= count || this.#tokens[first + i] === token);
  }

  /** Number of tokens at the end that may begin a stop. */
  #held(): number {
    let most = 0;
    for (const stop of this.#stop) {
      for (let count = stop.length - 1; count > most; count--) if (this.#endsWith(stop, count)) most = count;
    }
    return most;
  }
}

/** Continues prompts, a token at a time, past the calls that wait. */
export async function* continuations(generation: Generation, queue: CallQueue): AsyncGenerator<GeneratedToken> {
  const { engine, signal, directions, point, prompts, longest, maxTokens, stop, sampling } = generation;
  const most = prompts.map(({ length }) => Math.min(maxTokens, longest - length));
  const capacities = Int32Array.from(prompts, ({ length }, s) => length + most[s]! - 1);
  const session = await queue.now({
    signal,
    run: (abort) => engine.openSession(directions, point, capacities, sampling, abort),
  });
  const close = async () => engine.closeSession(session);
  try {
    const made = most.map((count) => new Continuation(count, stop));
    let tokens: readonly (readonly number[])[] = prompts;
    while (tokens.some(({ length }) => length > 0)) {
      const starts = new Int32Array(tokens.length + 1);
      for (const [s, { length }] of tokens.entries()) starts[s + 1] = starts[s]! + length;
      const ids = Int32Array.from(tokens.flat());
      const drawn = await queue.now({ signal, run: (abort) => engine.extendSession(session, ids, starts, abort) });
      const next: number[][] = [];
      let row = 0;
      for (const [s, { length }] of tokens.entries()) {
        next.push([]);
        if (length === 0) continue;
        const token = drawn[row++]!;
        const continuation = made[s]!;
        for (const told of continuation.push(token)) yield { sequence: s, token: told };
        if (!continuation.ended) next[s] = [token];
      }
      tokens = next;
    }
  } finally {
    await close().catch(() => {}); // a model that is disposed has closed it, and refuses
  }
}

/** The error of a model that continues nothing: an encoder, or a causal model with a classifier for its head. */
export const notCausal = (family: string, { causal }: { causal: boolean }): ZestError =>
  new ZestError(
    'ERR_ZEST_UNSUPPORTED',
    causal
      ? `generation needs a language model's head, and this '${family}' is loaded as a classifier; a classifier answers with zest predict, or task.classify`
      : `generation needs a causal model, and '${family}' is an encoder, which fills gaps`,
  );
