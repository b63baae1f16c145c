import { RATED_WORDS, ratedWords } from '../demo/words.ts';
import { coefficients } from '../methods/estimators.ts';
import { curvatureShare } from '../methods/zest.ts';
import { BUILT_IN_MODEL } from '../model/built-in.ts';
import { Model } from '../model/model.ts';
import { populationDeviation } from '../numbers/statistics.ts';
import { cosine } from '../numbers/vectors.ts';
import { loadTask } from '../tasks/load.ts';
import { Tokenizer } from '../tasks/tokenizer.ts';
import { combine } from './directions.ts';
import { brief } from './figures.ts';
import { ESTIMATORS, gatherEstimates, type Quality } from './quality.ts';
import type { Study, StudyContext, StudyLine } from './study.ts';

// The loss of the built-in model on a few words of its demo, as a function of one layer norm: so few numbers that very
// many directions give ∇F_t itself. All estimates are made of these evaluations, a few at a time.

const TRAINABLE = ['*.layer.3.output.LayerNorm.*'];
const WORDS = 4;
/** Far enough for curvature to show: at 1e-3 the loss is a plane, and its ∇F_t is ∇f. */
const RHO = 0.3;
const TAUS = [0, 0.5, 1, 1.5];
const FORWARDS = [4, 10, 32, 64];
const NAMES = Object.keys(ESTIMATORS);
/** Directions of a call of the engine. */
const CALL = 50;

interface Sample {
  dimension: number;
  /** The loss of the model as it came. */
  start: number;
  /** The directions, one behind another. */
  v: Float32Array;
  /** f(θ + ρv) and f(θ − ρv) of each. */
  losses: Float64Array;
}

const draw = async ({ seed, size, turn }: StudyContext): Promise<Sample> => {
  const task = await loadTask(RATED_WORDS, await Tokenizer.load(BUILT_IN_MODEL));
  const batch = task.batch((await ratedWords()).train.slice(0, WORDS));
  const model = await Model.load(BUILT_IN_MODEL, { device: 'cpu', trainable: { include: TRAINABLE } });
  try {
    const { dimension, trainableNames } = model;
    const directions = { seed, law: 'gaussian' } as const;
    const [start] = (await model.evaluate(batch, [[]])) as unknown as [number];
    const v = new Float32Array(size * dimension);
    const losses = new Float64Array(2 * size);
    for (let from = 0; from < size; from += CALL) {
      const streams = Array.from({ length: Math.min(CALL, size - from) }, (_, i) => BigInt(from + i));
      const points = streams.flatMap((stream) => [RHO, -RHO].map((scale) => ({ stream, scale })));
      losses.set(await model.evaluate(batch, points, { directions }), 2 * from);
      let offset = from * dimension;
      for (const stream of streams) {
        for (const name of trainableNames) {
          const part = await model.direction(stream, name, { directions });
          v.set(part, offset);
          offset += part.length;
        }
      }
      await turn(from + streams.length, size);
    }
    return { dimension, start, v, losses };
  } finally {
    model.dispose();
  }
};

/** Of the sum of two parts with independent errors of one size: its cosine with the truth, from theirs with each other. */
export const cosineOfWhole = (ofHalves: number): number => 1 / Math.sqrt(1 + (1 / ofHalves - 1) / 2);

/** ∇F_t by all directions. */
const reference = ({ dimension, v, losses }: Sample, tau: number) => {
  const tilt = tau / populationDeviation(losses);
  const by = (from: number, to: number): Float64Array => {
    const options = { rho: RHO, tilt, estimator: 'naive', sides: 'two' } as const;
    const { coefficients: c } = coefficients(losses.subarray(2 * from, 2 * to), options);
    return combine(c, v.subarray(from * dimension, to * dimension), dimension);
  };
  const size = losses.length / 2;
  const half = Math.floor(size / 2);
  return { tau, tilt, gradient: by(0, size), known: cosineOfWhole(cosine(by(0, half), by(half, size))) };
};
type Reference = ReturnType<typeof reference>;

type Cell = { forwards: number; tau: number; name: string } & Quality;

/** Every estimator at so many forwards, over all of the sample. */
const qualities = ({ dimension, v, losses }: Sample, { tau, tilt, gradient }: Reference, forwards: number): Cell[] => {
  const gathered = NAMES.map((name) => ({ name, ...ESTIMATORS[name]!, estimates: gatherEstimates(gradient) }));
  for (let from = 0; from + forwards <= losses.length / 2; from += forwards) {
    const pairs = losses.subarray(2 * from, 2 * (from + forwards));
    const values = { two: pairs.subarray(0, forwards), one: pairs.filter((_, i) => i % 2 === 0) };
    const own = v.subarray(from * dimension, (from + forwards) * dimension);
    for (const { estimator, sides, estimates } of gathered) {
      const { coefficients: c } = coefficients(values[sides], { rho: RHO, tilt, estimator, sides });
      estimates.add(combine(c, own, dimension));
    }
  }
  return gathered.map(({ name, estimates }) => ({ forwards, tau, name, ...estimates.quality() }));
};

/** Open question 1, on a transformer. */
export const estimatorsModel: Study = {
  title: 'Estimators of the tilted gradient of a transformer',
  question: 'Do the ratio estimators do on a part of the built-in model what they do on a quadratic?',
  size: { of: 'directions that give the tilted gradient', usual: 100_000, quick: 400, least: 200, most: 1_000_000 },
  async run(context) {
    const { size } = context;
    const sample = await draw(context);
    const { dimension, start, losses } = sample;
    const references = TAUS.map((tau) => reference(sample, tau));
    const cells: Cell[] = [];
    for (const one of references) {
      for (const forwards of FORWARDS) cells.push(...qualities(sample, one, forwards));
      await context.turn(size, size);
    }
    const cell = (forwards: number, tau: number, name: string): Cell =>
      cells.find((one) => one.forwards === forwards && one.tau === tau && one.name === name)!;
    const of10 = (of: keyof Quality): string =>
      NAMES.map((name) => `${brief(cell(10, 1, name)[of])} ${name}`).join(', ');
    const plain = references[0]!.gradient;
    const turned = references.map(({ gradient }) => cosine(gradient, plain));
    const length = Math.sqrt(plain.reduce((sum, value) => sum + value ** 2, 0));
    const lines = (of: keyof Quality): StudyLine[] =>
      NAMES.map((name) => ({ name, x: FORWARDS, y: FORWARDS.map((forwards) => cell(forwards, 1, name)[of]) }));
    const charts: [keyof Quality, string, string][] = [
      ['cosine', 'Cosine with the tilted gradient', 'Of one estimate. It does not depend on the learning rate.'],
      ['tunedError', 'Error at the best length', 'E‖aG − ∇F_t‖²/‖∇F_t‖² with the best a.'],
      ['scale', 'Scale', 'E[G]·∇F_t/‖∇F_t‖²: the bias is that the step is shorter.'],
    ];
    return {
      settings: {
        model: BUILT_IN_MODEL,
        trainable: TRAINABLE,
        dimension,
        words: WORDS,
        rho: RHO,
        law: 'gaussian',
        directions: size,
        forwards: FORWARDS,
        loss: start,
        sigma: populationDeviation(losses),
        gradient: length,
        curvatureShare: curvatureShare(losses),
      },
      findings: [
        `${size.toLocaleString('en-US')} directions give the tilted gradient to a cosine of ${references.map(({ tau, known }) => `${known.toFixed(4)} at τ = ${tau}`).join(', ')}, by the cosine of the estimates of either half.`,
        `The tilt turns the gradient: its cosine with that of t = 0 is ${references
          .map(({ tau }, i) => `${turned[i]!.toFixed(3)} at τ = ${tau}`)
          .slice(1)
          .join(', ')}. The curvature share is ${brief(curvatureShare(losses))}.`,
        `With 10 forwards at τ = 1 E G has of the length of ∇F_t ${of10('scale')}.`,
        `The cosines with it are ${of10('cosine')}; the errors at the best length ${of10('tunedError')}.`,
      ],
      tables: [
        {
          caption: `∇F_t by ${size.toLocaleString('en-US')} directions of ${dimension} numbers`,
          columns: ['τ', 't', 'cosine with the truth', 'cosine with t = 0', 'length over that of t = 0'],
          rows: references.map(({ tau, tilt, known, gradient }, i) => [
            String(tau),
            tilt,
            known,
            turned[i]!,
            Math.sqrt(gradient.reduce((sum, value) => sum + value ** 2, 0)) / length,
          ]),
        },
        ...TAUS.slice(2).flatMap((tau) =>
          [10, 32].map((forwards) => ({
            caption: `τ = ${tau}, ${forwards} forwards`,
            columns: ['estimator', 'scale', 'noise', 'error', 'error at the best length', 'cosine', 'length'],
            rows: NAMES.map((name) => {
              const { scale, noise, error, tunedError, cosine, length } = cell(forwards, tau, name);
              return [name, scale, noise, error, tunedError, cosine, length];
            }),
          })),
        ),
      ],
      charts: charts.map(([of, title, words]) => ({
        id: of.toLowerCase(),
        title: `${title}, τ = 1`,
        words,
        x: { label: 'forwards', log: true },
        y: { label: title },
        lines: lines(of),
      })),
    };
  },
};
