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

/** A place of config.json where a setting may stand, and what is there. */
interface Place {
  name: string;
  value: unknown;
}

/** Whether a key of scaling says anything: an empty object says as little as null. */
const says = (value: unknown): boolean =>
  (value ?? null) !== null && (typeof value !== 'object' || Object.keys(value as object).length > 0);

/** The frequencies, whatever angles they make. */
const scaledFrequencies = (
  { file, json }: { file: string; json: Json },
  { share, base }: NonNullable<Family['rotary']>,
  { headWidth, positions }: { headWidth: number; positions: number },
): Float32Array => {
  const key = says(json.rope_scaling) ? 'rope_scaling' : 'rope_parameters';
  const given = (json[key] ?? {}) as Json;
  const bad = (name: string, value: unknown, expected: string) =>
    new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${name} is ${show(value)}; expected ${expected}`);
  if (typeof given !== 'object' || Array.isArray(given)) throw bad(key, given, 'an object');
  const inside = (name: string): Place => ({ name: `${key}.${name}`, value: given[name] });
  const outside = (name: string, absent?: unknown): Place => ({
    name,
    value: json[name] === undefined ? absent : json[name],
  });
  /** What the first place that is not left out says. */
  const positive = (...places: [Place, ...Place[]]): number => {
    const { name, value } = places.find((place) => (place.value ?? null) !== null) ?? places[0];
    if (isPositiveFloat32(value)) return value;
    throw bad(name, value, POSITIVE_FLOAT32);
  };

  const { rope_type: type = given.type ?? 'default' } = given;
  if (!(TYPES as readonly unknown[]).includes(type)) {
    const message = `${file}: ${key}.rope_type is ${show(type)}; this version takes ${TYPES.join(', ')}`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const theta = positive(inside('rope_theta'), outside(...base));
  const rotated = typeof share === 'number' ? share : positive(inside('partial_rotary_factor'), outside(...share));
  // An odd share of columns has the powers of that number, and turns one more.
  const columns = Math.floor(headWidth * rotated);
  const turned = columns + (columns % 2);
  if (turned < 2 || turned > headWidth) {
    throw bad(`${key}: the share of a head's ${headWidth} columns that turn`, rotated, 'one of some pairs of them');
  }
  const frequencies = Float32Array.from({ length: turned / 2 }, (_, i) =>
    fround(1 / fround(theta ** fround((2 * i) / columns))),
  );
  if (type === 'default') return frequencies;
  const part = given.partial_rotary_factor ?? json.partial_rotary_factor ?? share;
  if (typeof share === 'number' && part !== share) {
    const message = `${file}: partial_rotary_factor is ${show(part)}; this version takes ${share} only where ${key} scales`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  const factor = positive(inside('factor'));
  if (type === 'linear') return frequencies.map((frequency) => frequency / factor);

  // Llama 3: slow turns are slowed by the factor, fast ones are left, and those between are interpolated.
  const [low, high] = [positive(inside('low_freq_factor')), positive(inside('high_freq_factor'))];
  const original = 'original_max_position_embeddings';
  const context = positive(outside(original), inside(original), outside('max_position_embeddings', positions));
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
 * `rope_theta` with `rope_scaling`, which counts where both are there, and `rope_parameters`.
 *
 * @throws ERR_ZEST_CONFIG_JSON for values that are none or make angles beyond what is computed, ERR_ZEST_UNSUPPORTED for
 *   another kind of scaling
 */
export const rotaryFrequencies = (
  from: { file: string; json: Json },
  rotary: NonNullable<Family['rotary']>,
  { headWidth, positions }: { headWidth: number; positions: number },
): Float32Array => {
  const frequencies = scaledFrequencies(from, rotary, { headWidth, positions });
  const last = Math.min(positions, MOST_ANGLE) - 1;
  const wrong = frequencies.find((frequency) => !(Math.abs(last * frequency) < MOST_ANGLE));
  if (wrong === undefined) return frequencies;
  throw new ZestError(
    'ERR_ZEST_CONFIG_JSON',
    `${from.file}: rope_theta and its scaling turn position ${last} by ${last * wrong}; expected an angle below ${MOST_ANGLE}`,
  );
};
