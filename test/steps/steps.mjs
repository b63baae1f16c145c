// Takes many steps of a black box of three numbers, or of a model, with a log of them, and replays the log. Prints JSON:
// what the process held meanwhile, and whether log and weights agree at the end.
import { join } from 'node:path';
import { blackBox, Model, mezo, recordTrajectory, replayTrajectory } from '../../dist/index.js';
import { held } from './held.mjs';

const [kind, steps, folder] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const seed = 7;
const box = () =>
  blackBox({ parameters: { x: [3] }, evaluate: ({ x: [a, b, c] }) => (a - 1) ** 2 + b ** 2 + Math.cos(c) });
const load = () => (kind === 'box' ? box() : Model.load(folder, { device: 'cpu', threads: 1 }));
const batch =
  kind === 'box'
    ? undefined
    : { sequences: [[3, 9, 4]], targets: [{ kind: 'maskedTokens', positions: [1], ids: [6] }] };

const log = join(folder, `${kind}.zest`);
const trained = await load();
const recorded = await recordTrajectory(trained, log, { directions: { seed, law: 'gaussian' } });
const optimizer = mezo({ learningRate: 1e-4, seed });
const samples = [];
for (let step = 0; step < steps; step++) {
  const { update, losses } = await optimizer.step(trained, batch);
  await recorded.append({ ...update, losses });
  if (step % Math.floor(steps / 20) === 0) samples.push(held());
}
samples.push(held());
await recorded.close();
const again = await load();
const { updates, tornBytes } = await replayTrajectory(again, log);
const [digest, replayed] = [await trained.digest(), await again.digest()];
console.log(JSON.stringify({ samples, records: updates.length, tornBytes, digest, replayed }));
