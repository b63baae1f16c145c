import { rangeError } from '../errors.ts';
import type { NativeUpdate } from '../native/binding.ts';
import { NAMES } from '../native/names.ts';
import type { StateName } from '../objective.ts';
import { show } from '../text/show.ts';

// What updates of a vector keep, and what their rules make of it: UpdateRule's formulas in float64.

const STATES: readonly string[] = [...NAMES.state, 'curvature' satisfies StateName];

/**
 * Checks the name of a state, and of the one parameter that a vector is.
 *
 * @throws ERR_ZEST_PARAMETER
 */
export const assertState = (name: unknown, parameter: unknown): void => {
  if (parameter !== 'x')
    throw rangeError('ERR_ZEST_PARAMETER', `there is no parameter ${show(parameter)}; the only one is 'x'`);
  if (!STATES.includes(name as string))
    throw rangeError('ERR_ZEST_PARAMETER', `there is no state ${show(name)}; expected one of ${STATES.join(', ')}`);
};

/** The state that updates keep of a vector x. */
export class VectorState {
  readonly #x: Float64Array;
  readonly #kept = new Map<StateName, Float64Array>();

  constructor(x: Float64Array) {
    this.#x = x;
  }

  get names(): StateName[] {
    return [...this.#kept.keys()];
  }

  get(name: StateName): Float64Array | undefined {
    return this.#kept.get(name);
  }

  set(name: StateName, values: Float64Array): void {
    this.#kept.set(name, values);
  }

  /** The state of a name, made where there is none: 0, the anchor x, the curvature 1. */
  #made(name: StateName): Float64Array {
    const start =
      name === 'anchor' ? this.#x.slice() : new Float64Array(this.#x.length).fill(name === 'curvature' ? 1 : 0);
    const state = this.#kept.get(name) ?? start;
    this.#kept.set(name, state);
    return state;
  }

  /** decay·(x − anchor), without an anchor decay·x. */
  pull({ decay, anchored }: NativeUpdate): Float64Array {
    const anchor = anchored ? this.#made('anchor') : undefined;
    return this.#x.map((value, j) => decay * (value - (anchor?.[j] ?? 0)));
  }

  /** What a rule that is not plain makes of the sum g of an update's terms, rate and all. */
  ruled(g: Float64Array, { rule, rate = 0, beta1 = 0, beta2 = 0, epsilon = 0 }: NativeUpdate): Float64Array {
    if (rule === 'sign') return g.map((value) => rate * Math.sign(value));
    if (rule === 'momentum') {
      const momentum = this.#made('momentum');
      return g.map((value, j) => {
        momentum[j] = beta1 * momentum[j]! + value;
        return rate * momentum[j];
      });
    }
    const [first, second] = [this.#made('firstMoment'), this.#made('secondMoment')];
    return g.map((value, j) => {
      first[j] = beta1 * first[j]! + (1 - beta1) * value;
      second[j] = beta2 * second[j]! + (1 - beta2) * value * value;
      return (rate * first[j]) / (Math.sqrt(second[j]) + epsilon);
    });
  }

  /** curvature ← curvature·(keep + Σ weightᵢ·vᵢ²). */
  curve(keep: number, weights: readonly number[], directions: readonly Float32Array[]): void {
    const curvature = this.#made('curvature');
    for (const [j, value] of curvature.entries()) {
      const growth = weights.reduce((sum, weight, i) => sum + weight * directions[i]![j]! ** 2, keep);
      curvature[j] = value * growth;
    }
  }
}
