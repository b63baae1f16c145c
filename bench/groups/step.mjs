import { interleave, ratio, time } from '../measure.mjs';
import { BASE, equalLengths, FILM, STEP, sst2Lengths } from './workloads.mjs';

const SEED = 7;
const TEN = 'node-zest, ten evaluations';
const GAUSSIAN = 'node-zest step, Gaussian';
const RADEMACHER = 'node-zest step, Rademacher';
const PYTORCH = 'PyTorch, MeZO in place';

// `bounds`: a step over ten evaluations, by law; and how many times faster than PyTorch's loop. `alone`: without PyTorch.
const FILM_FULL_LENGTH = {
  title: 'film-roberta-mini, 16 × 32 tokens',
  shape: FILM,
  lengths: equalLengths(16, 32),
  bounds: {},
};
const FILM_SST2 = {
  title: "film-roberta-mini, 16 sequences of SST-2's lengths",
  shape: FILM,
  lengths: sst2Lengths(16),
  bounds: { peer: 10 },
};
const FEW_TOKENS = {
  title: 'roberta-base, 2 × 64 tokens',
  shape: BASE,
  lengths: equalLengths(2, 64),
  alone: true,
  bounds: { gaussian: 1.35, rademacher: 1.12 },
};
const FULL_LENGTH = {
  title: 'roberta-base, 16 × 64 tokens',
  shape: BASE,
  lengths: equalLengths(16, 64),
  bounds: { gaussian: 1.07, rademacher: 1.03, peer: 3.3 },
};
const SST2 = {
  title: "roberta-base, 16 sequences of SST-2's lengths",
  shape: BASE,
  lengths: sst2Lengths(16),
  bounds: { peer: 5 },
};

/** A step of five directions, two-sided, against ten plain evaluations here and against the same loop in PyTorch. */
const measure = async (workloads, { title, shape, lengths, alone, bounds }, { repeats, onRun }) => {
  const model = await workloads.load(shape.model);
  const batch = await workloads.sharedBatch(shape, lengths, model);
  let firstStream = 0n;
  const ours = (law) => () => {
    model.directions = { seed: SEED, law };
    firstStream += BigInt(STEP.directions);
    return time(() => model.step(batch.ours, { ...STEP, firstStream }));
  };
  const tenEvaluations = () =>
    time(async () => {
      for (let i = 0; i < 2 * STEP.directions; i++) await model.evaluate(batch.ours, [[]]);
    });
  const theirs = async () => {
    const request = { directions: STEP.directions, rho: STEP.rho, learning_rate: STEP.learningRate, seed: SEED };
    return (await workloads.peer.request('step', { model: shape.model, batch: batch.name, ...request })).ms;
  };
  const contestants = [
    { name: TEN, work: 'the loss at θ, ten calls', side: 'ours', run: tenEvaluations },
    { name: GAUSSIAN, work: 'k = 5, two-sided', side: 'ours', run: ours('gaussian') },
    { name: RADEMACHER, work: 'k = 5, two-sided', side: 'ours', run: ours('rademacher') },
  ];
  if (!alone) contestants.push({ name: PYTORCH, work: 'k = 5, two-sided, Gaussian', side: 'PyTorch', run: theirs });
  const rows = await interleave(contestants, repeats, onRun);
  const floors = [
    { name: 'Gaussian step over ten evaluations', value: ratio(rows, GAUSSIAN, TEN), most: bounds.gaussian },
    { name: 'Rademacher step over ten evaluations', value: ratio(rows, RADEMACHER, TEN), most: bounds.rademacher },
  ];
  if (!alone) {
    const value = ratio(rows, PYTORCH, GAUSSIAN);
    floors.push({ name: "PyTorch's loop over the Gaussian step", value, least: bounds.peer });
  }
  return { title: `step, ${title}`, lossDifference: batch.lossDifference, rows, floors };
};

export const step = async (workloads, { quick, ...options }) => {
  const results = [];
  for (const workload of quick
    ? [FEW_TOKENS, FILM_FULL_LENGTH, FILM_SST2]
    : [FULL_LENGTH, FEW_TOKENS, SST2, FILM_FULL_LENGTH, FILM_SST2]) {
    results.push(await measure(workloads, workload, options));
  }
  return results;
};
