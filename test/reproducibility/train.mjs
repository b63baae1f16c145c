// Trains a model anew with each number of threads, on the instruction set of ZEST_ISA. The parent sends the folder, the
// batches (one a step), the options of a step and the numbers of threads; it is sent digests of the losses and updates
// of all steps, and of the weights after them, or an error's code.
import { createHash } from 'node:crypto';
import { Model } from '../../dist/index.js';
import { native } from '../../dist/native/load.js';

const train = async ({ folder, batches, options }, threads) => {
  const model = await Model.load(folder, { device: 'cpu', threads, directions: { seed: 7 } });
  const record = createHash('sha256');
  for (const [i, batch] of batches.entries()) {
    const firstStream = BigInt(i * options.directions);
    const { losses, update } = await model.step(batch, { ...options, firstStream });
    record.update(losses);
    record.update(Float64Array.of(update.decay, ...update.terms.map(({ coefficient }) => coefficient)));
    record.update(BigUint64Array.from(update.terms, ({ stream }) => stream));
  }
  const weights = await model.digest();
  model.dispose();
  return { record: record.digest('hex'), weights };
};

process.once('message', async (work) => {
  try {
    const runs = [];
    for (const threads of work.threads) runs.push({ threads, ...(await train(work, threads)) });
    process.send({ isa: native().isa().used, runs });
  } catch (error) {
    process.send({ code: error.code ?? error.message });
  }
  process.disconnect();
});
