import type { Target } from '../batch.ts';
import { rangeError } from '../errors.ts';
import { labelWordIds } from './label-words.ts';
import type { ClassSpec, LabelWordSpec, TaskSpec } from './spec.ts';
import { fillTemplate, parseTemplate } from './template.ts';
import type { Encoding, Tokenizer } from './tokenizer.ts';
import { cutLongest } from './truncation.ts';

/** A text as the model sees it, and what is asked of it. */
export interface Prompt {
  ids: Int32Array;
  /** Absent where all are 0. */
  segments?: Int32Array;
  target(label: number): Target;
}

/** How the fields of an example become a prompt. */
export interface PromptMaker {
  /** Fields that are read, each a string. */
  fields: readonly string[];
  make(fields: Readonly<Record<string, string>>): Prompt;
}

const packed = ({ ids, segments }: Encoding): Pick<Prompt, 'ids' | 'segments'> => ({
  ids: Int32Array.from(ids),
  ...(segments.some((segment) => segment !== 0) && { segments: Int32Array.from(segments) }),
});

const byLabelWords = (spec: LabelWordSpec, tokenizer: Tokenizer, maxLength: number | undefined): PromptMaker => {
  const template = parseTemplate(spec.template);
  const words = labelWordIds(spec.labelWords, tokenizer);
  return {
    fields: template.fields,
    make(fields) {
      const { position, ...encoding } = fillTemplate(template, fields, tokenizer, maxLength);
      return { ...packed(encoding), target: (label) => ({ kind: 'labelWords', position, words, label }) };
    },
  };
};

const byClass = (spec: ClassSpec, tokenizer: Tokenizer, maxLength = Number.POSITIVE_INFINITY): PromptMaker => {
  const [first, second] = spec.fields as [string, string?];
  return {
    fields: spec.fields,
    make(fields) {
      let texts = spec.fields.map((field) => tokenizer.tokenize(fields[field]!));
      const framed = () => tokenizer.frame(texts[0]!, second === undefined ? undefined : texts[1]);
      const excess = framed().ids.length - maxLength;
      if (excess > 0) {
        const kept = cutLongest(
          texts.map((ids) => ids.length),
          excess,
        );
        if (kept === undefined) {
          throw rangeError(
            'ERR_ZEST_SEQUENCE_LENGTH',
            `the special tokens around ${[first, second].filter(Boolean).join(' and ')} alone are more than the ${maxLength} tokens allowed`,
          );
        }
        texts = texts.map((ids, i) => ids.slice(0, kept[i]));
      }
      return { ...packed(framed()), target: (label) => ({ kind: 'class', label }) };
    },
  };
};

/**
 * Makes prompts of at most `maxLength` tokens for a checked spec, and one of empty fields at once, so that a template
 * that never fits, or a tokenizer without a mask, is an error before any data is read.
 */
export const promptMaker = (spec: TaskSpec, tokenizer: Tokenizer, maxLength: number | undefined): PromptMaker => {
  const maker = spec.kind === 'class' ? byClass(spec, tokenizer, maxLength) : byLabelWords(spec, tokenizer, maxLength);
  maker.make(Object.fromEntries(maker.fields.map((field) => [field, ''])));
  return maker;
};
