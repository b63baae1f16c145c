import { z } from 'zod';
import { dataError } from '../data/rows.ts';
import { rangeError } from '../errors.ts';
import { exactMatch } from '../metrics/texts.ts';
import { assertHas } from '../options/calls.ts';
import { refuseMoreOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import type { AskedSequence } from './asked.ts';
import type { Answer } from './base-task.ts';
import { continuationTokens, specialToken } from './continuation.ts';
import type { ReferencedExample } from './example.ts';
import { fieldValue } from './fields.ts';
import type { Derive, TaskKind } from './kind.ts';
import { metricList } from './labels.ts';
import type { Metric, MetricOf } from './metrics.ts';
import { type Prefaced, type PrefaceReader, prefaceReader } from './preface.ts';
import { ReferenceTask } from './reference-task.ts';
import type { ExampleFields, Preview, ScoreOptions, Scorer, Writer } from './task.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Generation by a causal model: a text follows the prompt. */
export interface GenerateSpec {
  kind: 'generate';
  /** Text with fields that the answer follows: `"{context}\nQuestion: {question}\nAnswer:"`, say. */
  prompt: string;
  /**
   * Name of the field that holds the answer, a text or a list of texts that are right; the first is trained on. Default
   * `answer`.
   */
  answer?: string;
  /**
   * Name of the field of the prompt in which one of the right answers must occur, where they are taken from it.
   * Default: none.
   */
  within?: string;
  /** Number of tokens of an answer, at most. Default 50. */
  maxTokens?: number;
  /**
   * Texts that end an answer and are no part of it, beside the model's end of text; `</s>` and its like are the token
   * that they spell out. Default: none.
   */
  stop?: readonly string[];
  /** Whether the prompt is what a user says in the model's chat template. Default false. */
  chat?: boolean;
  /** Metrics that it is judged by; the first decides which weights are best. Default `['exactMatch', 'tokenF1']`. */
  metrics?: readonly MetricOf<'texts'>[];
}

const DEFAULT_METRICS: readonly Metric[] = ['exactMatch', 'tokenF1'];
const DEFAULT_TOKENS = 50;

/** Where one of some texts begins; the length of the text where none does. */
const firstOf = (text: string, stops: readonly string[]): number =>
  Math.min(text.length, ...stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0));

/**
 * A task whose answer is a text. It is trained by teacher forcing: the loss is the cross-entropy of the answer's tokens
 * and of the one that ends it, after the prompt. It is scored by what the model writes, the likeliest token each time.
 */
export class GenerationTask extends ReferenceTask<readonly string[], string> {
  /** Spec that the task was made of. */
  readonly spec: GenerateSpec;
  /** Number of tokens of an answer, at most. */
  readonly maxTokens: number;
  /** Number of tokens that a sequence may have, prompt and answer; longer prompts are cut. Undefined: no limit. */
  readonly maxLength: number | undefined;
  protected override readonly answerKey = 'answer';
  readonly #reader: PrefaceReader;
  readonly #tokenizer: Tokenizer;
  readonly #stops: readonly string[];
  #prompts = new WeakMap<ReferencedExample<readonly string[]>, Prefaced>();

  constructor(
    spec: GenerateSpec,
    tokenizer: Tokenizer,
    { maxLength, reader, derive }: { maxLength: number | undefined; reader: PrefaceReader; derive?: Derive },
  ) {
    if (spec.within !== undefined && !reader.fields.includes(spec.within)) {
      throw rangeError(
        'ERR_ZEST_OPTION',
        `task.within is ${show(spec.within)}; expected a field of the prompt: ${reader.fields.join(', ')}`,
      );
    }
    super({
      fields: reader.fields,
      labelField: spec.answer ?? 'answer',
      metrics: (spec.metrics as readonly Metric[] | undefined) ?? DEFAULT_METRICS,
      derive,
    });
    this.spec = spec;
    this.maxTokens = spec.maxTokens ?? DEFAULT_TOKENS;
    this.maxLength = maxLength;
    this.#tokenizer = tokenizer;
    this.#stops = spec.stop ?? [];
    this.#reader = reader;
    this.#fill(Object.fromEntries(this.fields.map((field) => [field, ''])));
  }

  #fill(fields: Readonly<Record<string, string>>): Prefaced {
    const { maxLength = Number.POSITIVE_INFINITY, maxTokens } = this;
    if (maxLength > maxTokens) return this.#reader.fill(fields, maxLength - maxTokens);
    throw rangeError(
      'ERR_ZEST_SEQUENCE_LENGTH',
      `task.maxTokens is ${maxTokens}, and a sequence has ${maxLength} tokens at most; expected room for the prompt, too: use a larger training.maxLength, as far as the model goes, or a smaller task.maxTokens`,
    );
  }

  #prefaced(example: ReferencedExample<readonly string[]>): Prefaced {
    const known = this.#prompts.get(example) ?? this.#fill(example.fields);
    this.#prompts.set(example, known);
    return known;
  }

  /** What an answer ends with where it is shown or trained: a text, or the token that it spells out. */
  #ending(): { text: string; token?: number } {
    const [stop = ''] = this.#stops;
    const token = specialToken(stop, this.#tokenizer);
    return token === undefined ? { text: stop } : { text: '', token };
  }

  /** Shows examples with their answers before each prompt from now on, with `separator` behind each. */
  override demonstrate(examples: readonly ReferencedExample<readonly string[]>[], separator: string): void {
    const { text, token } = this.#ending();
    const shown = this.checked(examples, { unlabelled: true }).map(({ fields, reference }) => ({
      fields,
      answer: this.shownReference(reference ?? []) + text,
      end: token,
    }));
    this.#reader.demonstrate(shown, separator);
    this.#prompts = new WeakMap();
  }

  /** Makes the token ids that an answer follows, at most those that leave room for `maxTokens`. */
  prompt(example: ReferencedExample<readonly string[]> | ExampleFields): number[] {
    const [checked] = this.checked([example], { unlabelled: true });
    return [...this.#prefaced(checked!).ids];
  }

  /** Makes the text of tokens that a model wrote: up to the first text that ends an answer, without white space around it. */
  decode(ids: ArrayLike<number>): string {
    // Vocabularies are padded with ids that no tokenizer knows.
    const known = Array.from(ids).filter((id) => this.#tokenizer.token(id) !== undefined);
    const text = this.#tokenizer.decode(known, { skipSpecialTokens: true });
    return text.slice(0, firstOf(text, this.#stops)).trim();
  }

  /** How a model is asked to write answers: how many tokens, and the tokens that end one. */
  generation({ endTokens = [] }: Pick<Writer, 'endTokens'>): { maxTokens: number; stop: number[][] } {
    const ends = this.#stops.map((stop) => {
      const token = specialToken(stop, this.#tokenizer);
      return token === undefined ? continuationTokens('.', stop, this.#tokenizer) : [token];
    });
    return { maxTokens: this.maxTokens, stop: [...endTokens.map((token) => [token]), ...ends] };
  }

  /** Shows what the model sees of an example: its tokens, how many were cut, and the right answer. */
  preview(example: ReferencedExample<readonly string[]>): Preview {
    const { ids, cut } = this.#prefaced(this.own(example));
    return { ids, cut, answer: this.shownReference(example.reference ?? []) };
  }

  protected read(fields: ExampleFields, place: string): readonly string[] {
    const value = fieldValue(fields, this.labelField);
    const texts = Array.isArray(value) ? value : [value];
    const wrong = texts.find((text) => typeof text !== 'string' && typeof text !== 'number');
    if (texts.length > 0 && wrong === undefined) return this.#found(texts.map(String), fields, place);
    throw dataError(
      place,
      `field ${JSON.stringify(this.labelField)} is ${show(value)}; expected the answer, a text or a list of texts`,
    );
  }

  /** Checks that an answer which is taken from a field is there. */
  #found(answers: readonly string[], fields: ExampleFields, place: string): readonly string[] {
    const { within } = this.spec;
    const text = within === undefined ? undefined : fieldValue(fields, within);
    if (typeof text !== 'string' || answers.some((answer) => text.includes(answer))) return answers;
    throw dataError(
      place,
      `the answer ${show(answers[0])} is not in ${JSON.stringify(within)}; expected a stretch of it, as task.within says`,
    );
  }

  protected asked(example: ReferencedExample<readonly string[]>): AskedSequence {
    const { ids } = this.#prefaced(example);
    const [answer = ''] = example.reference as readonly string[];
    const { text, token = text === '' ? this.#tokenizer.endId : undefined } = this.#ending();
    const tokens = this.#reader.answer(answer + text);
    const whole = token === undefined ? tokens : [...tokens, token];
    const sequence = [...ids, ...whole.slice(0, this.maxTokens)];
    return { ids: sequence, target: { kind: 'tokens', from: ids.length, to: sequence.length } };
  }

  protected async respond(
    model: Scorer & Writer,
    examples: readonly ReferencedExample<readonly string[]>[],
    { signal }: ScoreOptions,
  ): Promise<Answer<string>[]> {
    assertHas(model, 'model', ['generate', 'sequenceLosses'], 'a Model');
    const prompts = examples.map((example) => this.#prefaced(example).ids);
    const written = await model.generate(prompts, { ...this.generation(model), signal });
    const known = examples.filter(({ reference }) => reference !== undefined);
    const [losses] = known.length > 0 ? await model.sequenceLosses(this.batch(known), [[]], { signal }) : [];
    const lossOf = new Map(known.map((example, i) => [example, losses![i]!]));
    return examples.map((example, i) => ({ answer: this.decode(written[i]!), loss: lossOf.get(example) }));
  }

  protected fits({ reference }: ReferencedExample<unknown>): boolean {
    return reference === undefined || (Array.isArray(reference) && reference.every((text) => typeof text === 'string'));
  }

  protected shownReference([first = '']: readonly string[]): string {
    return first;
  }

  protected shownAnswer(answer: string): string {
    return answer;
  }

  protected told(answer: string): Record<string, unknown> {
    return { answer };
  }

  protected isRight(answer: string, reference: readonly string[]): boolean {
    return exactMatch([answer], [reference]) === 1;
  }

  static {
    refuseMoreOptions(this, ['demonstrate', 'prompt', 'decode', 'generation', 'preview']);
  }
}

export const generation: TaskKind<GenerateSpec, GenerationTask> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z.strictObject({
    kind: z.literal('generate').describe('a text that a causal model writes'),
    prompt: z.string().min(1).describe('text with {field} for a field of the data; the answer follows it'),
    answer: z
      .string()
      .min(1)
      .optional()
      .describe('field of the data that holds the answer, a text or a list of right ones; default answer'),
    within: z
      .string()
      .min(1)
      .optional()
      .describe('field of the prompt in which a right answer must occur; default none'),
    maxTokens: z.int().min(1).optional().describe(`tokens of an answer, at most; default ${DEFAULT_TOKENS}`),
    stop: z
      .array(z.string().min(1))
      .optional()
      .describe('texts that end an answer, beside the end of text; the first is trained on; default none'),
    chat: z
      .boolean()
      .optional()
      .describe("whether the prompt is a user's message in the model's chat template; default false"),
    metrics: metricList('texts', DEFAULT_METRICS),
  }),
  async make(spec, tokenizer, maxLength, derive) {
    return new GenerationTask(spec, tokenizer, { maxLength, reader: await prefaceReader(spec, tokenizer), derive });
  },
};
