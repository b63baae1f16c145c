// An estimator of one's own: what matters is only the rank of each loss, as in evolution strategies, so that no single
// bad perturbation decides a step. Run: npm run build && node dist/examples/custom-estimator.js
import { type Estimator, loadTask, Model, Tokenizer, zest } from 'node-zest';

/** Centred ranks, −½ for the smallest loss and ½ for the largest; a direction's coefficient is the difference of its two. */
const ranks: Estimator = (losses, { rho }) => {
  const order = [...losses.keys()].sort((a, b) => losses[a]! - losses[b]!);
  const shaped = new Float64Array(losses.length);
  for (const [rank, i] of order.entries()) shaped[i] = rank / (losses.length - 1) - 0.5;
  const directions = losses.length / 2;
  return Float64Array.from(
    { length: directions },
    (_, i) => (shaped[2 * i]! - shaped[2 * i + 1]!) / (2 * rho * directions),
  );
};

const folder = 'film-roberta-mini';
const task = await loadTask('sst2', await Tokenizer.load(folder));
const batch = task.batch([
  { sentence: 'a bore from beginning to end', label: 0 },
  { sentence: 'i would see it again tomorrow', label: 1 },
  { sentence: 'two hours that feel like four', label: 0 },
  { sentence: 'nothing in it is wasted', label: 1 },
]);

for (const estimator of ['naive', ranks] as const) {
  const model = await Model.load(folder);
  // The length of a step then does not depend on the estimator: what is compared is the direction.
  const optimizer = zest({ estimator, directions: 5, normalize: 'norm', learningRate: 0.3, seed: 1 });
  const first = await optimizer.step(model, batch);
  let last = first;
  for (let step = 1; step < 30; step++) last = await optimizer.step(model, batch);
  const name = typeof estimator === 'string' ? estimator : 'ranks';
  console.log(`${name}: loss ${first.meanLoss.toFixed(3)} → ${last.meanLoss.toFixed(3)}`);
  model.dispose();
}
