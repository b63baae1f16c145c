import { types } from 'node:util';
import { rangeError } from '../errors.ts';
import { native } from '../native/load.ts';
import { given, neededOptionsOf } from '../options/calls.ts';
import { checkedSeed } from '../options/seed.ts';
import { show } from '../text/show.ts';
import { checkedStream } from './directions.ts';

/** Options of {@link noise}. */
export interface NoiseOptions {
  /** Seed of the noise: a safe integer ≥ 0 or a bigint below 2⁶⁴. */
  seed: bigint | number;
  /** Stream to take values of, from 0 and below 2⁶³. */
  stream: bigint;
  /** Address of the first value, a safe integer ≥ 0. */
  offset: number;
  /** Number of values, at most 2³⁰. Default: the length of `into`. */
  length?: number;
  /** Array to fill from its beginning and return. Default: a new one. */
  into?: Float32Array;
  /** Law of a value: N(0, 1), or ±1 with equal odds. Default `gaussian`. */
  law?: 'gaussian' | 'rademacher';
}

const noiseOptions = neededOptionsOf<NoiseOptions>({
  seed: given,
  stream: given,
  offset: given,
  length: given,
  into: given,
  law: given,
});

export const MOST_VALUES = 2 ** 30;

/**
 * Computes the values of noise version 1 (docs/noise.md) at the addresses offset … offset + length − 1 of a stream:
 * N(0, 1), or ±1.
 *
 * @example
 * import { noise } from 'node-zest';
 * const values = noise({ seed: 1, stream: 0n, offset: 4, length: 6, law: 'rademacher' });
 * console.log(values.join(' ')); // -1 -1 -1 1 1 -1
 *
 * @throws ERR_ZEST_DIRECTIONS (seed, law), ERR_ZEST_STREAM or ERR_ZEST_ARGUMENT (offset, length, into)
 */
export const noise = (options: NoiseOptions): Float32Array => {
  const { seed, stream, offset, into, length = Object(into).length, law = 'gaussian' } = noiseOptions(options);
  if (law !== 'gaussian' && law !== 'rademacher') {
    throw rangeError('ERR_ZEST_DIRECTIONS', `law is ${show(law)}; expected gaussian or rademacher`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw rangeError('ERR_ZEST_ARGUMENT', `offset is ${show(offset)}; expected a whole number ≥ 0`);
  }
  if (!Number.isSafeInteger(length) || length < 0 || length > MOST_VALUES) {
    throw rangeError('ERR_ZEST_ARGUMENT', `length is ${show(length)}; expected a whole number from 0 to 2^30`);
  }
  if (into !== undefined && !(types.isFloat32Array(into) && length <= into.length)) {
    throw rangeError(
      'ERR_ZEST_ARGUMENT',
      `into is ${show(into)}; expected a Float32Array of at least ${length} values`,
    );
  }
  const values = into && into.length > length ? into.subarray(0, length) : (into ?? length);
  const filled = native().noise(checkedSeed(seed), checkedStream(stream, 'stream'), BigInt(offset), values, law);
  return into ?? filled;
};
