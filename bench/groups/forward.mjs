import { interleave, ratio, time } from '../measure.mjs';
import { BASE, equalLengths, FILM, sst2Lengths, tokensOf } from './workloads.mjs';

const OURS = 'node-zest';
const WHOLE = 'node-zest, as the peers compute';
const PYTORCH = 'PyTorch';
const ONNX = 'onnxruntime-node';

/** The peers compute the last layer at every token, and every output of the vocabulary. */
const AS_PEERS = { lastLayerAtLabels: false, scoredWordsOnly: false };

const withRates = (rows, lengths) =>
  rows.map((row) => ({ ...row, rates: { 'tokens/s': (tokensOf(lengths) / row.ms.median) * 1e3 } }));

/** The loss at θ of one batch, beside the peers. */
const besidePeers = async (workloads, { title, shape, lengths, bounds }, { repeats, onRun }) => {
  const model = await workloads.load(shape.model);
  const whole = await workloads.load(shape.model, AS_PEERS);
  const onnx = await workloads.onnx(shape.model);
  const batch = await workloads.sharedBatch(shape, lengths, model);
  const [wholeLosses] = await whole.sequenceLosses(batch.ours, [[]]);
  const lossDifference = Math.max(
    batch.lossDifference,
    batch.check(WHOLE, wholeLosses),
    batch.check(ONNX, (await onnx.forward(batch.theirs)).losses),
  );
  const padded = new Set(lengths).size > 1 ? ', padded' : '';
  const theirWork = `hidden states whole, head at the mask${padded}`;
  const rows = await interleave(
    [
      {
        name: OURS,
        work: 'every shortcut',
        side: 'ours',
        run: () => time(() => model.evaluate(batch.ours, [[]])),
      },
      {
        name: WHOLE,
        work: 'hidden states whole, head at the mask',
        side: 'ours',
        run: () => time(() => whole.evaluate(batch.ours, [[]])),
      },
      {
        name: PYTORCH,
        work: theirWork,
        side: 'PyTorch',
        run: async () => (await workloads.peer.request('forward', { model: shape.model, batch: batch.name })).ms,
      },
      { name: ONNX, work: theirWork, side: 'onnxruntime', run: async () => (await onnx.forward(batch.theirs)).ms },
    ],
    repeats,
    onRun,
  );
  return {
    title: `forward, ${title}`,
    lossDifference,
    rows: withRates(rows, lengths),
    floors: [
      { name: 'the same work over PyTorch', value: ratio(rows, WHOLE, PYTORCH), most: bounds?.pytorch },
      { name: 'the same work over onnxruntime', value: ratio(rows, WHOLE, ONNX), most: bounds?.onnxruntime },
      { name: 'with every shortcut over PyTorch', value: ratio(rows, OURS, PYTORCH) },
      { name: 'with every shortcut over onnxruntime', value: ratio(rows, OURS, ONNX) },
    ],
  };
};

/** What each shortcut adds: the time without it. */
const shortcuts = async (workloads, { title, shape, lengths }, { repeats, onRun }) => {
  const batch = workloads.batch(shape, lengths);
  const without = [
    'lastLayerAtLabels',
    'scoredWordsOnly',
    'labelledPositionsOnly',
    'gatherEmbeddings',
    'packSequences',
  ];
  const contestants = [{ name: OURS, work: 'every shortcut', model: await workloads.load(shape.model) }];
  for (const shortcut of without) {
    const model = await workloads.load(shape.model, { [shortcut]: false });
    contestants.push({ name: `without ${shortcut}`, work: 'all others', model });
  }
  const rows = await interleave(
    contestants.map(({ model, ...description }) => ({
      ...description,
      side: 'ours',
      run: () => time(() => model.evaluate(batch, [[]])),
    })),
    repeats,
    onRun,
  );
  return {
    title: `what each shortcut adds, ${title}`,
    rows: withRates(rows, lengths),
    floors: without.map((name) => ({ name: `without ${name}`, value: ratio(rows, `without ${name}`, OURS) })),
  };
};

export const forward = async (workloads, { quick, ...options }) => {
  const full = { title: 'roberta-base, 16 × 64 tokens', shape: BASE, lengths: equalLengths(16, 64) };
  const results = [await besidePeers(workloads, { ...full, bounds: { pytorch: 0.95, onnxruntime: 1 } }, options)];
  if (!quick) results.push(await shortcuts(workloads, full, options));
  for (const count of quick ? [16] : [16, 64]) {
    const title = `roberta-base, ${count} sequences of SST-2's lengths`;
    results.push(await besidePeers(workloads, { title, shape: BASE, lengths: sst2Lengths(count) }, options));
  }
  const film = { title: 'film-roberta-mini, 16 × 32 tokens', shape: FILM, lengths: equalLengths(16, 32) };
  results.push(await besidePeers(workloads, film, options));
  return results;
};
