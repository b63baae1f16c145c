import { rangeError } from '../errors.ts';
import type { PrefaceReader } from './preface.ts';
import type { Prompt } from './prompt.ts';

/** How a choice is asked for, as its spec says. */
interface Choosing {
  prompt: string;
  normalize?: 'tokens' | 'none';
  loss?: 'options' | 'answer';
}

/** The prompt of a choice, cut so that its longest option fits behind it. */
export const cutToFit = (
  { prompt, normalize = 'tokens', loss = 'options' }: Choosing,
  reader: PrefaceReader,
  {
    fields,
    options,
    maxLength = Number.POSITIVE_INFINITY,
  }: { fields: Readonly<Record<string, string>>; options: readonly number[][]; maxLength: number | undefined },
): Prompt => {
  const longest = options.reduce((most, { length }) => Math.max(most, length), 0);
  if (longest >= maxLength) {
    throw rangeError(
      'ERR_ZEST_SEQUENCE_LENGTH',
      `an option of prompt ${JSON.stringify(prompt)} has ${longest} tokens, and a sequence ${maxLength} at most; expected room for the prompt, too: use a larger training.maxLength, as far as the model goes`,
    );
  }
  const { ids, cut } = reader.fill(fields, maxLength - longest);
  const sequence = Int32Array.from(ids);
  return {
    ids: sequence,
    cut,
    target: (label) => ({ kind: 'options', options, label, normalize }),
    ...(loss === 'answer' && {
      training(label) {
        const whole = [...ids, ...options[label]!];
        return { ids: whole, target: { kind: 'tokens', from: ids.length, to: whole.length } };
      },
    }),
  };
};
