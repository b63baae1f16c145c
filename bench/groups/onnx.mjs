import { mezo } from '../../dist/index.js';
import { onnxObjective } from '../../dist/onnx/index.js';
import { interleave, ratio, time } from '../measure.mjs';
import { BASE, equalLengths, FILM } from './workloads.mjs';

const STEP = 'a step of MeZO, LoRA';
const RUNS = 'its two runs of the session';
const PLAIN = 'two runs of the model as it is';

/** A step over an ONNX model, against the runs of onnxruntime that it takes, and those of the model without LoRA. */
const overRuns = async (workloads, { title, shape, lengths }, { repeats, onRun }) => {
  const { onnxruntime, file, session } = await workloads.plainOnnx(shape.model);
  const { sequences, words, positions, labels } = workloads.rawBatch(shape, lengths);
  // What the objective feeds is kept, to run the same again.
  let own;
  const runtime = {
    Tensor: onnxruntime.Tensor,
    InferenceSession: {
      create: async (model, options) => {
        const opened = await onnxruntime.InferenceSession.create(model, options);
        own = { run: () => opened.run(own.feeds) };
        return {
          run: (feeds) => {
            own.feeds = feeds;
            return opened.run(feeds);
          },
          release: () => opened.release(),
        };
      },
    },
  };
  const model = await onnxObjective(file, {
    session,
    runtime,
    trainable: { lora: { rank: 8, targets: ['query', 'value'] } },
    inputs: () => ({ input_ids: sequences, attention_mask: sequences.map((ids) => ids.map(() => 1)), positions }),
    loss: ({ logits: { data, dims } }) =>
      labels.map((label, i) => {
        const [a, b] = words.map((word) => data[i * dims[1] + word]);
        return Math.log1p(Math.exp(label === 0 ? b - a : a - b));
      }),
  });
  const optimizer = mezo({ learningRate: 1e-6 });
  await optimizer.step(model);
  const plain = await onnxruntime.InferenceSession.create(file, session);
  const names = ['input_ids', 'attention_mask', 'positions'];
  const feeds = Object.fromEntries(names.map((name) => [name, own.feeds[name]]));
  const twice = (run) => time(() => run().then(run));
  const rows = await interleave(
    [
      {
        name: STEP,
        work: `rank 8, ${model.dimension} parameters`,
        side: 'ours',
        run: () => time(() => optimizer.step(model)),
      },
      { name: RUNS, work: 'the same feeds', side: 'onnxruntime', run: () => twice(own.run) },
      { name: PLAIN, work: 'no LoRA', side: 'onnxruntime', run: () => twice(() => plain.run(feeds)) },
    ],
    repeats,
    onRun,
  );
  model.dispose();
  await plain.release();
  return {
    title: `ONNX, ${title}`,
    rows,
    floors: [
      { name: 'a step over its runs', value: ratio(rows, STEP, RUNS), most: 1.15 },
      { name: 'a step over runs without LoRA', value: ratio(rows, STEP, PLAIN) },
    ],
  };
};

export const onnx = async (workloads, { quick, ...options }) => {
  const cases = [
    { title: 'film-roberta-mini, 16 × 32', shape: FILM, lengths: equalLengths(16, 32) },
    { title: 'RoBERTa-base, 8 × 32', shape: BASE, lengths: equalLengths(8, 32) },
  ];
  const groups = [];
  for (const each of quick ? cases.slice(0, 1) : cases) groups.push(await overRuns(workloads, each, options));
  return groups;
};
