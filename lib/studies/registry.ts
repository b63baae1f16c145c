import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../abort.ts';
import { rangeError } from '../errors.ts';
import { show } from '../text/show.ts';
import { version } from '../version.ts';
import { ablation } from './ablation.ts';
import { adaptiveTilt } from './adaptive-tilt.ts';
import { estimators } from './estimators.ts';
import { estimatorsModel } from './estimators-model.ts';
import { flatness } from './flatness.ts';
import type { Study, StudyOptions, StudyResult } from './study.ts';
import { synthetic } from './synthetic.ts';
import { toy2d } from './toy-2d.ts';
import { variance } from './variance.ts';

const studies: Readonly<Record<string, Study>> = {
  variance,
  estimators,
  'estimators-model': estimatorsModel,
  'toy-2d': toy2d,
  synthetic,
  'adaptive-tilt': adaptiveTilt,
  ablation,
  flatness,
};

/** Names of the studies. */
export const STUDIES: readonly string[] = Object.keys(studies);

/** What a study is called, and asks. */
export const describeStudy = (name: string): Pick<Study, 'title' | 'question' | 'size'> => {
  const study = Object.hasOwn(studies, name) ? studies[name] : undefined;
  if (study) return study;
  throw rangeError('ERR_ZEST_OPTION', `study is ${show(name)}; expected ${STUDIES.join(', ')}`);
};

/** The size that a study is to have. */
const sizeOf = (name: string, { size, quick }: StudyOptions): number => {
  const { size: range } = describeStudy(name);
  if (!range) {
    if (size === undefined) return 0;
    throw rangeError('ERR_ZEST_OPTION', `size is ${show(size)}; expected none: ${name} has no size to choose`);
  }
  const { of, usual, quick: few, least, most } = range;
  const chosen = size ?? (quick ? few : usual);
  if (Number.isSafeInteger(chosen) && chosen >= least && chosen <= most) return chosen;
  const expected = `a whole number from ${least} to ${most}, of ${of}`;
  throw rangeError('ERR_ZEST_OPTION', `size is ${show(size)}; expected ${expected}`);
};

/**
 * Runs a study. The same name, seed, size and `quick` give the same numbers.
 *
 * @throws ERR_ZEST_OPTION for an unknown name, a seed that is no whole number ≥ 0, or a size that the study cannot
 * have; the signal's reason
 */
export const runStudy = async (name: string, options: StudyOptions = {}): Promise<StudyResult> => {
  const { seed = 0, quick = false, signal, onProgress } = options;
  const { title, question, size: range, run } = describeStudy(name) as Study;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw rangeError('ERR_ZEST_OPTION', `seed is ${show(seed)}; expected a whole number ≥ 0`);
  const size = sizeOf(name, options);
  throwIfAborted(signal);
  const turn = async (done: number, total: number): Promise<void> => {
    await setImmediate();
    throwIfAborted(signal);
    onProgress?.(done, total);
  };
  const found = await run({ seed, quick, size, turn });
  return { kind: 'study', name, title, question, seed, quick, ...(range && { size }), version, ...found };
};
