import { interleave, ratio, time } from '../measure.mjs';
import { STEP } from './workloads.mjs';

const OURS = 'node-zest';
const OURS_BF16 = 'node-zest, bfloat16';
const PYTORCH = 'PyTorch';
const ONNX = 'onnxruntime-node';
const PYTORCH_BF16 = 'PyTorch, bfloat16';
const TEN = 'node-zest, ten evaluations';
const GAUSSIAN = 'node-zest step, Gaussian';
const RADEMACHER = 'node-zest step, Rademacher';
const MEZO = 'node-zest, MeZO';
const PYTORCH_MEZO = 'PyTorch, MeZO in place';
const LOSS_TOLERANCE = 1e-3; // thirty layers, other orders of sums
const SEED = 7;

/** The shape of SmolLM2-135M, random weights. */
export const SMOL = { model: 'smollm2-135m', vocabulary: 49152 };

/** Numerical Recipes' linear congruential generator. */
const tokenIds = (count, length) => {
  let state = 20260101;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 5 + (state % (SMOL.vocabulary - 5));
  };
  return Array.from({ length: count }, () => Array.from({ length }, next));
};

/** Every token but the first is predicted, over the whole vocabulary, here as there. */
const batchOf = async (workloads, count, length) => {
  const sequences = tokenIds(count, length);
  const name = `causal ${count} x ${length}`;
  await workloads.peer.request('next_tokens', { batch: name, sequences });
  return { name, ours: { sequences, targets: sequences.map(() => ({ kind: 'tokens', from: 1, to: length })) } };
};

/** The losses of a batch in onnxruntime, whose graph has them; and how long they take. */
const openCausalOnnx = async (workloads) => {
  const { onnxruntime, file, session } = await workloads.causalOnnx(SMOL.model);
  const opened = await onnxruntime.InferenceSession.create(file, session);
  const feeds = ({ sequences }) => ({
    input_ids: new onnxruntime.Tensor('int64', BigInt64Array.from(sequences.flat(), BigInt), [
      sequences.length,
      sequences[0].length,
    ]),
  });
  return {
    losses: async (batch) => (await opened.run(feeds(batch))).losses.data,
    time: (batch) => time(() => opened.run(feeds(batch))),
    release: () => opened.release(),
  };
};

const forward = async (workloads, [count, length], { repeats, onRun }) => {
  const model = await workloads.load(SMOL.model);
  const batch = await batchOf(workloads, count, length);
  const request = () => workloads.peer.request('causal_forward', { model: SMOL.model, batch: batch.name });
  const [losses] = await model.sequenceLosses(batch.ours, [[]]);
  const onnx = await openCausalOnnx(workloads);
  const theirs = [...(await request()).losses, ...(await onnx.losses(batch.ours))];
  const lossDifference = Math.max(...theirs.map((loss, i) => Math.abs(loss - losses[i % count])));
  if (!(lossDifference < LOSS_TOLERANCE)) throw new Error(`losses of ${batch.name} differ by ${lossDifference}`);
  const contestants = [
    { name: OURS, work: 'all logits', side: 'ours', run: () => time(() => model.evaluate(batch.ours, [[]])) },
    { name: PYTORCH, work: 'all logits, sdpa', side: 'PyTorch', run: async () => (await request()).ms },
    { name: ONNX, work: 'all logits, as exported', side: 'onnxruntime', run: () => onnx.time(batch.ours) },
  ];
  const rows = await interleave(contestants, repeats, onRun);
  await onnx.release();
  return {
    title: `forward, SmolLM2-135M, ${count} × ${length} tokens`,
    lossDifference,
    rows: rows.map((row) => ({ ...row, rates: { 'tokens/s': ((count * length) / row.ms.median) * 1e3 } })),
    floors: [
      { name: 'over PyTorch', value: ratio(rows, OURS, PYTORCH), most: 0.95 },
      { name: 'over onnxruntime', value: ratio(rows, OURS, ONNX), most: 1 },
    ],
  };
};

const step = async (workloads, [count, length], { repeats, onRun }) => {
  const model = await workloads.load(SMOL.model);
  const batch = await batchOf(workloads, count, length);
  let firstStream = 0n;
  const ours = (directions, law) => () => {
    model.directions = { seed: SEED, law };
    firstStream += 8n;
    return time(() => model.step(batch.ours, { ...STEP, directions, firstStream }));
  };
  const theirs = async () => {
    const options = { directions: 1, rho: STEP.rho, learning_rate: STEP.learningRate, seed: SEED };
    return (await workloads.peer.request('step', { model: SMOL.model, batch: batch.name, ...options })).ms;
  };
  const contestants = [
    {
      name: TEN,
      work: 'the loss at θ, ten calls',
      side: 'ours',
      run: () =>
        time(async () => {
          for (let i = 0; i < 10; i++) await model.evaluate(batch.ours, [[]]);
        }),
    },
    { name: GAUSSIAN, work: 'k = 5, two-sided', side: 'ours', run: ours(5, 'gaussian') },
    { name: RADEMACHER, work: 'k = 5, two-sided', side: 'ours', run: ours(5, 'rademacher') },
    { name: MEZO, work: 'one direction', side: 'ours', run: ours(1, 'gaussian') },
    { name: PYTORCH_MEZO, work: 'one direction', side: 'PyTorch', run: theirs },
  ];
  const rows = await interleave(contestants, Math.min(repeats, 3), onRun);
  return {
    title: `step, SmolLM2-135M, ${count} × ${length} tokens`,
    rows,
    floors: [
      { name: 'Gaussian step over ten evaluations', value: ratio(rows, GAUSSIAN, TEN), most: 1.07 },
      { name: 'Rademacher step over ten evaluations', value: ratio(rows, RADEMACHER, TEN), most: 1.03 },
      { name: "PyTorch's MeZO step over ours", value: ratio(rows, PYTORCH_MEZO, MEZO), least: 3 },
    ],
  };
};

const generation = async (workloads, [count, length, tokens], { repeats, onRun }) => {
  const prompts = tokenIds(count, length);
  const options = { maxTokens: tokens, stop: [] };
  const sides = [];
  for (const [name, theirs, dtype] of [
    [OURS, PYTORCH, 'float32'],
    [OURS_BF16, PYTORCH_BF16, 'bfloat16'],
  ]) {
    const model = await workloads.load(SMOL.model, {}, dtype);
    const peer = `${SMOL.model} ${dtype}`;
    await workloads.peer.request('load', { model: peer, folder: workloads.folders[SMOL.model], causal: true, dtype });
    sides.push({ name, work: 'greedy, cached', side: 'ours', run: () => time(() => model.generate(prompts, options)) });
    sides.push({
      name: theirs,
      work: 'greedy, cached',
      side: 'PyTorch',
      run: async () => (await workloads.peer.request('generate', { model: peer, prompts, tokens })).ms,
    });
  }
  const rows = await interleave(sides, Math.min(repeats, 3), onRun);
  return {
    title: `generation, SmolLM2-135M, ${count} × ${tokens} tokens after ${length}`,
    rows: rows.map((row) => ({ ...row, rates: { 'tokens/s': ((count * tokens) / row.ms.median) * 1e3 } })),
    floors: [
      { name: "PyTorch's time over ours", value: ratio(rows, PYTORCH, OURS), least: 1 },
      { name: "PyTorch's time over ours, bfloat16", value: ratio(rows, PYTORCH_BF16, OURS_BF16), least: 1 },
    ],
  };
};

/** One prompt with four options: computed once, or for each. */
const questions = async (workloads, { repeats, onRun }) => {
  const shared = await workloads.load(SMOL.model);
  const apart = await workloads.load(SMOL.model, { sharePrompts: false });
  const sequences = tokenIds(4, 96);
  const options = tokenIds(4, 6);
  const batch = {
    sequences,
    targets: sequences.map(() => ({ kind: 'options', options, label: 0, normalize: 'tokens' })),
  };
  const rows = await interleave(
    [
      ['the prompt once', shared],
      ['the prompt for each option', apart],
    ].map(([name, model]) => ({
      name,
      work: 'four options of 6 tokens after 96',
      side: 'ours',
      run: () => time(() => model.evaluate(batch, [[]])),
    })),
    repeats,
    onRun,
  );
  const value = ratio(rows, 'the prompt for each option', 'the prompt once');
  return { title: 'questions, SmolLM2-135M, 4 × 96 tokens', rows, floors: [{ name: 'for each over once', value }] };
};

export const decoders = async (workloads, { quick, ...options }) => {
  await workloads.peer.request('load', { model: SMOL.model, folder: workloads.folders[SMOL.model], causal: true });
  const results = [];
  for (const shape of quick
    ? [[16, 64]]
    : [
        [16, 64],
        [4, 512],
      ])
    results.push(await forward(workloads, shape, options));
  results.push(await step(workloads, [16, 64], options));
  for (const shape of quick
    ? [[1, 32, 32]]
    : [
        [1, 128, 128],
        [8, 128, 128],
      ]) {
    results.push(await generation(workloads, shape, options));
  }
  results.push(await questions(workloads, options));
  return results;
};
