import { interleave, ratio, time } from '../measure.mjs';
import { BASE, FILM, sameLosses } from './workloads.mjs';

const RHO = 1e-3;
const LEARNING_RATE = 1e-9; // weights stay near where both sides agree
const SEED = 7;
const TEN = 'node-zest, ten evaluations';
const GAUSSIAN = 'node-zest step, k = 5';
const RADEMACHER = 'node-zest step, k = 5, Rademacher';

/** A whole step of five directions, two-sided, against ten plain evaluations here and against MeZO's loop in PyTorch. */
export const step = async (workloads, { repeats, quick, onRun }) => {
  const results = [];
  for (const shape of [
    ...(quick ? [] : [{ ...BASE, sequences: 16, length: 64 }]),
    { ...FILM, sequences: 16, length: 32 },
  ]) {
    const title = `step, ${shape.model}, ${shape.sequences} × ${shape.length} tokens`;
    const model = await workloads.load(shape.model);
    const batch = await workloads.batch(shape);
    const reference = await workloads.peer.request('forward', {
      model: shape.model,
      batch: batch.theirs,
      head: 'at the mask',
    });
    const [losses] = await model.sequenceLosses(batch.ours, [[]]);
    const lossDifference = sameLosses(title, losses, reference.losses);

    let firstStream = 0n;
    const ours = (directions, law) => () => {
      model.directions = { seed: SEED, law };
      firstStream += BigInt(directions);
      const options = {
        directions,
        firstStream,
        rho: RHO,
        tilt: 0,
        estimator: 'naive',
        sides: 'two',
        learningRate: LEARNING_RATE,
      };
      return time(() => model.step(batch.ours, options));
    };
    const tenEvaluations = () =>
      time(async () => {
        for (let i = 0; i < 10; i++) await model.evaluate(batch.ours, [[]]);
      });
    const theirs = (directions) => async () =>
      (
        await workloads.peer.request('step', {
          model: shape.model,
          batch: batch.theirs,
          directions,
          rho: RHO,
          learning_rate: LEARNING_RATE,
          seed: SEED,
        })
      ).ms;
    const rows = await interleave(
      [
        { name: TEN, work: 'the loss at θ, ten calls', side: 'ours', run: tenEvaluations },
        { name: GAUSSIAN, work: 'Gaussian, two-sided', side: 'ours', run: ours(5, 'gaussian') },
        { name: RADEMACHER, work: 'two-sided', side: 'ours', run: ours(5, 'rademacher') },
        { name: 'PyTorch MeZO, k = 5', work: 'in place, head at the mask', side: 'PyTorch', run: theirs(5) },
        { name: 'node-zest step, k = 1', work: 'Gaussian, two-sided', side: 'ours', run: ours(1, 'gaussian') },
        { name: 'PyTorch MeZO, k = 1', work: 'in place, head at the mask', side: 'PyTorch', run: theirs(1) },
      ],
      repeats,
      onRun,
    );
    results.push({
      title,
      lossDifference,
      rows,
      floors: [
        { name: 'Gaussian step over ten evaluations', value: ratio(rows, GAUSSIAN, TEN), most: 1.25 },
        { name: 'Rademacher step over ten evaluations', value: ratio(rows, RADEMACHER, TEN), most: 1.25 },
      ],
    });
  }
  return results;
};
