import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../abort.ts';
import { rangeError } from '../errors.ts';
import { show } from '../show.ts';
import { version } from '../version.ts';
import { adaptiveTilt } from './adaptive-tilt.ts';
import { estimators } from './estimators.ts';
import type { Study, StudyOptions, StudyResult } from './study.ts';
import { synthetic } from './synthetic.ts';
import { toy2d } from './toy-2d.ts';
import { variance } from './variance.ts';

const studies: Readonly<Record<string, Study>> = {
  variance,
  estimators,
  'toy-2d': toy2d,
  synthetic,
  'adaptive-tilt': adaptiveTilt,
};

/** Names of the studies. */
export const STUDIES: readonly string[] = Object.keys(studies);

/** What a study is called, and asks. */
export const describeStudy = (name: string): Pick<Study, 'title' | 'question'> => {
  const study = Object.hasOwn(studies, name) ? studies[name] : undefined;
  if (study) return study;
  throw rangeError('ERR_ZEST_OPTION', `study is ${show(name)}; expected ${STUDIES.join(', ')}`);
};

/**
 * Runs a study. The same name, seed and `quick` give the same numbers.
 *
 * @throws ERR_ZEST_OPTION for an unknown name or a seed that is no whole number ≥ 0; the signal's reason
 */
export const runStudy = async (name: string, options: StudyOptions = {}): Promise<StudyResult> => {
  const { seed = 0, quick = false, signal, onProgress } = options;
  const { title, question, run } = describeStudy(name) as Study;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw rangeError('ERR_ZEST_OPTION', `seed is ${show(seed)}; expected a whole number ≥ 0`);
  throwIfAborted(signal);
  const turn = async (done: number, total: number): Promise<void> => {
    await setImmediate();
    throwIfAborted(signal);
    onProgress?.(done, total);
  };
  return { kind: 'study', name, title, question, seed, quick, version, ...(await run({ seed, quick, turn })) };
};
