import { dot } from '../numbers/vectors.ts';

/** Probabilities of the classes of a row of features. */
export type Classifier = (row: ArrayLike<number>) => number[];

/** x + scale·y. */
const plus = (x: Float64Array, scale: number, y: Float64Array): Float64Array =>
  x.map((value, i) => value + scale * y[i]!);

/** Steps whose change of the gradient is remembered. */
const MEMORY = 10;
const MOST_STEPS = 1000;
const MOST_HALVINGS = 40;

/**
 * Minimises a smooth convex function from 0 on: L-BFGS (Nocedal and Wright 2006, algorithm 7.5) with backtracking, until no
 * element of the gradient is beyond `tolerance` or no step goes down.
 */
export const minimize = (
  size: number,
  valueAndGradient: (x: Float64Array) => { value: number; gradient: Float64Array },
  tolerance: number,
): Float64Array => {
  let x: Float64Array = new Float64Array(size);
  let { value, gradient } = valueAndGradient(x);
  const memory: { s: Float64Array; y: Float64Array; sy: number }[] = [];
  for (let step = 0; step < MOST_STEPS && gradient.some((slope) => Math.abs(slope) > tolerance); step++) {
    let direction: Float64Array = gradient.map((slope) => -slope);
    const weights = memory.map(() => 0);
    for (const [i, { s, y, sy }] of [...memory.entries()].reverse()) {
      weights[i] = dot(s, direction) / sy;
      direction = plus(direction, -weights[i]!, y);
    }
    const last = memory.at(-1);
    const scale = last ? last.sy / dot(last.y, last.y) : 1 / Math.sqrt(dot(gradient, gradient));
    direction = direction.map((value) => value * scale);
    for (const [i, { s, y, sy }] of memory.entries()) {
      direction = plus(direction, weights[i]! - dot(y, direction) / sy, s);
    }
    const slope = dot(direction, gradient);
    let length = 1;
    let ahead = valueAndGradient(plus(x, length, direction));
    for (let halvings = 0; ahead.value > value + 1e-4 * length * slope; halvings++) {
      if (halvings === MOST_HALVINGS) return x;
      length /= 2;
      ahead = valueAndGradient(plus(x, length, direction));
    }
    const s = direction.map((value) => length * value);
    const y = plus(ahead.gradient, -1, gradient);
    const sy = dot(s, y);
    if (sy > 0) memory.push({ s, y, sy });
    if (memory.length > MEMORY) memory.shift();
    x = plus(x, 1, s);
    ({ value, gradient } = ahead);
  }
  return x;
};

/** Logits to probabilities, in place; returns the log of their sum of exponentials. */
const softmax = (logits: Float64Array): number => {
  const top = Math.max(...logits);
  let sum = 0;
  for (let c = 0; c < logits.length; c++) sum += logits[c] = Math.exp(logits[c]! - top);
  for (let c = 0; c < logits.length; c++) logits[c] = logits[c]! / sum;
  return top + Math.log(sum);
};

/**
 * Fits logistic regression to rows of features, as scikit-learn's LogisticRegression defines it: the weights and intercepts
 * that minimise `strength`·Σ cross-entropy + ‖weights‖²/2, to a slope of `tolerance` an example. Two classes have one
 * vector of weights, more have one each.
 */
export const fitLogistic = (
  rows: readonly ArrayLike<number>[],
  labels: readonly number[],
  { classes, strength, tolerance = 1e-5 }: { classes: number; strength: number; tolerance?: number },
): Classifier => {
  const features = rows[0]?.length ?? 0;
  const stride = features + 1; // the intercept after the weights
  const vectors = classes === 2 ? 1 : classes;
  /** Logits; of two classes the first has 0. */
  const logitsOf = (row: ArrayLike<number>, x: Float64Array): Float64Array => {
    const logits = new Float64Array(classes);
    for (let v = 0; v < vectors; v++) {
      let sum = x[v * stride + features]!;
      for (let f = 0; f < features; f++) sum += x[v * stride + f]! * row[f]!;
      logits[classes - vectors + v] = sum;
    }
    return logits;
  };
  const penalty = 1 / (strength * rows.length);
  const x = minimize(
    vectors * stride,
    (x) => {
      let value = 0;
      const gradient = new Float64Array(x.length);
      for (const [i, row] of rows.entries()) {
        const logits = logitsOf(row, x);
        const label = labels[i]!;
        const ofLabel = logits[label]!;
        value += (softmax(logits) - ofLabel) / rows.length;
        for (let v = 0; v < vectors; v++) {
          const c = classes - vectors + v;
          const error = (logits[c]! - (c === label ? 1 : 0)) / rows.length;
          for (let f = 0; f < features; f++) {
            gradient[v * stride + f] = gradient[v * stride + f]! + error * row[f]!;
          }
          gradient[v * stride + features] = gradient[v * stride + features]! + error;
        }
      }
      for (let i = 0; i < x.length; i++) {
        if (i % stride === features) continue;
        const weight = x[i]!;
        value += (penalty / 2) * weight * weight;
        gradient[i] = gradient[i]! + penalty * weight;
      }
      return { value, gradient };
    },
    tolerance,
  );
  return (row) => {
    const logits = logitsOf(row, x);
    softmax(logits);
    return [...logits];
  };
};

/** Makes features of mean 0 and deviation 1 over some rows; what never changes becomes 0. */
export const standardizer = (rows: readonly ArrayLike<number>[]): ((row: ArrayLike<number>) => Float64Array) => {
  const features = rows[0]?.length ?? 0;
  const means = new Float64Array(features);
  const deviations = new Float64Array(features);
  for (let f = 0; f < features; f++) {
    for (const row of rows) means[f] = means[f]! + row[f]! / rows.length;
    for (const row of rows) {
      deviations[f] = deviations[f]! + (row[f]! - means[f]!) ** 2 / rows.length;
    }
    deviations[f] = Math.sqrt(deviations[f]!) || 1;
  }
  return (row) => means.map((mean, f) => (row[f]! - mean) / deviations[f]!);
};
