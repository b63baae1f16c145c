import { rangeError } from '../errors.ts';
import { show } from '../show.ts';

const MOST = 2 ** 31 - 1; // sequences

/**
 * Checks the number of sequences evaluated at a time, and gives it as the engine takes it; 0: all.
 *
 * @throws ERR_ZEST_OPTION
 */
export const nativeMicroBatch = (microBatch: number | undefined): number => {
  if (microBatch === undefined) return 0;
  if (Number.isSafeInteger(microBatch) && microBatch >= 1 && microBatch <= MOST) return microBatch;
  throw rangeError('ERR_ZEST_OPTION', `microBatch is ${show(microBatch)}; expected a whole number ≥ 1`);
};
