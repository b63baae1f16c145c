import { ZestError } from '../errors.ts';

/**
 * Checks that an evaluation is of the version that it was asked for at, if it was of any.
 *
 * @param what has versions: `the weights are`, say
 * @throws ERR_ZEST_VERSION
 */
export const assertVersion = (asked: bigint | undefined, version: bigint, what: string): void => {
  if (asked === undefined || asked === version) return;
  const message = `the evaluation was asked for at version ${asked}, but ${what} at version ${version}`;
  throw new ZestError('ERR_ZEST_VERSION', message);
};
