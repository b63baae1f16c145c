import { z } from 'zod';
import { ZestError } from '../errors.ts';
import { ClassificationTask } from './classification.ts';
import { tokensBehind, WITHOUT_SPACES } from './continuation.ts';
import type { TaskKind } from './kind.ts';
import { type Labels, labelKeys, refuseLabels } from './labels.ts';
import { DEFAULT_METRICS } from './metrics.ts';
import { packed } from './prompt.ts';
import { fillTemplate, parseTemplate, textBeforeMask, untilMask } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Classification by a masked language model: the label word whose logit at `{mask}` is largest. */
export interface LabelWordSpec extends Labels {
  kind?: 'labelWords';
  /**
   * Text with fields and one mask: `"{sentence} It was {mask}."` or `"{premise}? {mask}, {segment}{hypothesis}"`;
   * docs/tasks.md has the rules.
   */
  template: string;
  /** Word of each label, index = label, each one token of the model: `['terrible', 'great']`, say. */
  labelWords: readonly string[];
}

const labelWordError = (word: unknown, fault: string): Error =>
  new ZestError('ERR_ZEST_LABEL_WORD', `label word ${JSON.stringify(word)} ${fault}`);

const isOneKnown = (tokens: readonly number[] | undefined, { unknownId }: Tokenizer): tokens is [number] =>
  tokens?.length === 1 && tokens[0] !== unknownId;

/**
 * Looks up the token id of each label word, as it is with a space before it: LM-BFF and MeZO do so even where a
 * template begins with the mask. Where the mask follows a text at once (`before`, undefined where it does not), the
 * word may also be one token there; in scripts without spaces that comes first.
 *
 * @throws ERR_ZEST_LABEL_WORD naming the word that is empty, not exactly one token, unknown, or the token of an earlier word
 */
export const labelWordIds = (words: readonly string[], tokenizer: Tokenizer, before?: string): number[] => {
  const ids: number[] = [];
  for (const word of words) {
    if (word.trim() === '') throw labelWordError(word, 'is empty');
    const spaced = tokenizer.tokenize(` ${word}`);
    const behind = before === undefined ? undefined : tokensBehind(before, word, tokenizer);
    const ways = WITHOUT_SPACES.test(word) ? [behind, spaced] : [spaced, behind];
    const tokens = ways.find((way) => isOneKnown(way, tokenizer)) ?? spaced;
    const id = tokens[0];
    if (id === undefined || tokens.length !== 1) {
      const spelt = tokens.map((token) => JSON.stringify(tokenizer.token(token))).join(' ');
      const fitsBehind = before === undefined && isOneKnown(tokensBehind('', word, tokenizer), tokenizer);
      const cure = fitsBehind
        ? 'it is one without a space before it: let {mask} stand directly behind the text, or take another word'
        : "take another word, or a task of kind 'class', which needs none";
      throw labelWordError(word, `is ${tokens.length} tokens (${spelt}); expected one: ${cure}`);
    }
    if (id === tokenizer.unknownId) throw labelWordError(word, 'is not in the vocabulary');
    const earlier = ids.indexOf(id);
    if (earlier >= 0) throw labelWordError(word, `is the same token as ${JSON.stringify(words[earlier])}`);
    ids.push(id);
  }
  return ids;
};

export const labelWords: TaskKind<LabelWordSpec, ClassificationTask<LabelWordSpec>> = {
  defaultMetrics: DEFAULT_METRICS,
  schema: z
    .strictObject({
      kind: z.literal('labelWords').default('labelWords').describe('words in the place of a mask'),
      template: z.string().min(1).describe('text with {field} for a field of the data, and one {mask}'),
      labelWords: z.array(z.string().min(1)).min(2).describe('one token each; index = label'),
      ...labelKeys,
    })
    .check(refuseLabels<LabelWordSpec>(({ labelWords }) => labelWords.length)),
  make(spec, tokenizer, maxLength) {
    const template = parseTemplate(spec.template);
    if (tokenizer.causal) untilMask(template.text, template.stretches);
    const words = labelWordIds(spec.labelWords, tokenizer, textBeforeMask(template));
    return new ClassificationTask(spec, maxLength, {
      classes: words.length,
      words: spec.labelWords,
      fields: template.fields,
      make(fields) {
        const { position, cut, ...encoding } = fillTemplate(template, fields, tokenizer, maxLength);
        return { ...packed(encoding), cut, target: (label) => ({ kind: 'labelWords', position, words, label }) };
      },
    });
  },
};
