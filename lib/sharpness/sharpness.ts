import type { Objective } from '../objective.ts';
import { MEASURING_STREAM } from '../objectives/directions.ts';
import { assertObjective, given, optionsOf } from '../options/calls.ts';
import { hessianTrace, type Trace } from './curvature.ts';
import { checkedEigenvalueCount, defaultIterations, type Eigenvalues, topEigenvalues } from './eigenvalues.ts';
import { checkedSamples } from './losses.ts';
import {
  checkedRadii,
  type Neighbourhood,
  type NeighbourhoodOptions,
  neighbourhood,
  neighbourhoodShape,
} from './neighbourhood.ts';
import { checkedSize, lossSlice, type Slice } from './slice.ts';

/** Options of {@link sharpness}. `samples` counts the directions of the neighbourhood, and those of the trace. */
export interface SharpnessOptions extends NeighbourhoodOptions {
  /** Number of points along each axis of a slice that reaches to the largest radius, odd; 0: no slice. Default 0. */
  slice?: number;
  /** Number of largest eigenvalues, for at most 512 trainable parameters; 0: none. Default 0. */
  eigenvalues?: number;
}

/** The schemas of {@link SharpnessOptions}. */
export const sharpnessShape = { ...neighbourhoodShape, slice: given, eigenvalues: given };

const sharpnessOptions = optionsOf<SharpnessOptions>(sharpnessShape);

/** How sharp a minimum is, in several measures; docs/sharpness.md says what they mean. */
export interface Sharpness extends Neighbourhood {
  /** Trace of the Hessian. */
  trace: Trace;
  /** Loss on a plane, if one was asked for. */
  slice?: Slice;
  /** Largest eigenvalues of the Hessian, if some were asked for. */
  eigenvalues?: Eigenvalues;
}

/** Each measure has streams of its own, so that their errors are independent. */
const STREAMS_OF_MEASURE = 2n ** 32n;

const checked = (dimension: number, options: SharpnessOptions) => {
  const { slice = 0, eigenvalues = 0 } = options;
  return {
    radii: checkedRadii(options.radii),
    samples: checkedSamples(options.samples),
    slice: slice === 0 ? 0 : checkedSize('slice', slice, dimension),
    eigenvalues: eigenvalues === 0 ? 0 : checkedEigenvalueCount('eigenvalues', eigenvalues, dimension),
  };
};

/**
 * How many forwards {@link sharpness} takes, at most: Lanczos' iteration may end sooner.
 *
 * @throws ERR_ZEST_OPTION or ERR_ZEST_DIMENSION for options that it cannot be called with
 */
export const forwardsOfSharpness = (dimension: number, options: SharpnessOptions): number => {
  const { radii, samples, slice, eigenvalues } = checked(dimension, options);
  const lanczos = eigenvalues > 0 ? 4 * dimension * defaultIterations(dimension, eigenvalues) : 0;
  return 2 + 2 * samples * (radii.length + 1) + slice ** 2 + lanczos;
};

/**
 * Measures {@link neighbourhood} and {@link hessianTrace}, with {@link lossSlice} and {@link topEigenvalues} where
 * asked for, from forward evaluations alone. Directions are of the objective's law and seed.
 *
 * @example
 * import { loadTask, Model, sharpness, Tokenizer } from 'node-zest';
 * const model = await Model.load('film-roberta-mini');
 * const task = await loadTask('sst2', await Tokenizer.load('film-roberta-mini'));
 * const batch = task.batch([{ sentence: 'a charming film', label: 1 }]);
 * const { radii, trace } = await sharpness(model, batch, { samples: 4 });
 * console.log(radii[0].increase.value, trace.value);
 *
 * @throws what {@link neighbourhood}, {@link hessianTrace}, {@link lossSlice} and {@link topEigenvalues} throw
 */
export const sharpness = async <B>(
  objective: Objective<B>,
  batch: B | readonly B[],
  unchecked?: SharpnessOptions,
): Promise<Sharpness> => {
  assertObjective(objective);
  const options = sharpnessOptions(unchecked);
  const { firstStream = MEASURING_STREAM, signal, onForwards } = options;
  const { radii, samples, slice, eigenvalues } = checked(objective.dimension, options);
  const shared = (measure: bigint) => ({ signal, onForwards, firstStream: firstStream + measure * STREAMS_OF_MEASURE });
  return {
    ...(await neighbourhood(objective, batch, { ...shared(0n), radii, samples })),
    trace: await hessianTrace(objective, batch, { ...shared(1n), samples }),
    ...(slice > 0 && {
      slice: await lossSlice(objective, batch, { ...shared(2n), size: slice, radius: radii.at(-1)! }),
    }),
    ...(eigenvalues > 0 && {
      eigenvalues: await topEigenvalues(objective, batch, { ...shared(3n), count: eigenvalues }),
    }),
  };
};
