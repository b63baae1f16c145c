import { ZestError } from '../errors.ts';
import { isPositiveFloat32, POSITIVE_FLOAT32 } from '../numbers/float32.ts';
import { show } from '../text/show.ts';
import type { Family } from './families/family.ts';

type Json = Readonly<Record<string, unknown>>;

/** Kinds of scaling of rotary positions that are computed. */
const TYPES = ['default', 'linear', 'llama3'] as const;

const { fround } = Math;

/** What the engine turns by is exact below this angle. */
const MOST_ANGLE = 2 ** 20;

/** The frequencies, whatever angles they make. */
const scaledFrequencies = (
  { file, json }: { file: string; json: Json },
  { share, base }: NonNullable<Family['rotary']>,
  headWidth: number,
): Float32Array => {
  const objects = ['rope_parameters', 'rope_scaling'].filter((key) => json[key] !== undefined && json[key] !== null);
  const [key = 'rope_parameters'] = objects;
  const given = (json[key] ?? {}) as Json;
  const bad = (name: string, value: unknown, expected: string) =>
    new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${name} is ${show(value)}; expected ${expected}`);
  if (typeof given !== 'object' || Array.isArray(given)) throw bad(key, given, 'an object');
  const positive = (name: string, absent?: unknown): number => {
    const value = given[name] ?? absent;
    if (isPositiveFloat32(value)) return value;
    throw bad(`${key}.${name}`, value, POSITIVE_FLOAT32);
  };

  const type = given.rope_type ?? given.type ?? 'default';
  if (!(TYPES as readonly unknown[]).includes(type)) {
    const message = `${file}: ${key}.rope_type is ${show(type)}; this version takes ${TYPES.join(', ')}`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const theta = positive('rope_theta', json[base[0]] ?? base[1]);
  const rotated = positive('partial_rotary_factor', typeof share === 'number' ? share : (json[share[0]] ?? share[1]));
  const columns = Math.floor(headWidth * rotated);
  if (columns < 2 || columns % 2 !== 0 || columns > headWidth) {
    throw bad(`${key}: the share of a head's ${headWidth} columns that turn`, rotated, 'one of an even number of them');
  }
  const frequencies = Float32Array.from({ length: columns / 2 }, (_, i) =>
    fround(1 / fround(theta ** fround((2 * i) / columns))),
  );
  if (type === 'default') return frequencies;
  const factor = positive('factor');
  if (type === 'linear') return frequencies.map((frequency) => frequency / factor);

  // Llama 3: slow turns are slowed by the factor, fast ones are left, and those between are interpolated.
  const [low, high] = [positive('low_freq_factor'), positive('high_freq_factor')];
  const context = positive('original_max_position_embeddings');
  return frequencies.map((frequency) => {
    const wavelength = fround(fround(2 * Math.PI) / frequency);
    if (wavelength < context / high) return frequency;
    if (wavelength > context / low) return frequency / factor;
    const smooth = fround(fround(fround(context / wavelength) - low) / (high - low));
    return fround(fround(fround(1 - smooth) * frequency) / factor) + fround(smooth * frequency);
  });
};

/**
 * Computes the frequencies of rotary positions (Su et al. 2021, https://arxiv.org/abs/2104.09864) as transformers does,
 * in float32: base^(−2i ÷ columns), i from 0, scaled as the configuration says. Settings are read in both dialects:
 * `rope_theta` with `rope_scaling`, and `rope_parameters`.
 *
 * @throws ERR_ZEST_CONFIG_JSON for values that are none or make angles beyond what is computed, ERR_ZEST_UNSUPPORTED for
 *   another kind of scaling
 */
export const rotaryFrequencies = (
  from: { file: string; json: Json },
  rotary: NonNullable<Family['rotary']>,
  { headWidth, positions }: { headWidth: number; positions: number },
): Float32Array => {
  const frequencies = scaledFrequencies(from, rotary, headWidth);
  const last = Math.min(positions, MOST_ANGLE) - 1;
  const wrong = frequencies.find((frequency) => !(Math.abs(last * frequency) < MOST_ANGLE));
  if (wrong === undefined) return frequencies;
  throw new ZestError(
    'ERR_ZEST_CONFIG_JSON',
    `${from.file}: rope_theta and its scaling turn position ${last} by ${last * wrong}; expected an angle below ${MOST_ANGLE}`,
  );
};
