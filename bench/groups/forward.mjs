import { interleave, ratio, time } from '../measure.mjs';
import { BASE, FILM, sameLosses } from './workloads.mjs';

// What PyTorch computes in each of its two forms, switched on here.
const WHOLE_LAST_LAYER = { lastLayerAtLabels: false, scoredWordsOnly: false };
const HEAD_EVERYWHERE = { ...WHOLE_LAST_LAYER, labelledPositionsOnly: false };

const OURS = [
  { name: 'node-zest', work: 'last layer and head at the mask, two words', shortcuts: {} },
  { name: 'node-zest, whole last layer', work: 'head at the mask, whole vocabulary', shortcuts: WHOLE_LAST_LAYER },
  { name: 'node-zest, head everywhere', work: 'head at every token, whole vocabulary', shortcuts: HEAD_EVERYWHERE },
];
const THEIRS = [
  { name: 'PyTorch, head at the mask', work: 'as MeZO: head at the mask, whole vocabulary', head: 'at the mask' },
  { name: 'PyTorch, model(…).logits', work: 'head at every token, whole vocabulary', head: 'everywhere' },
];

/** The loss at θ of one batch. */
export const forward = async (workloads, { repeats, quick, onRun }) => {
  const shapes = [
    { ...BASE, sequences: 16, length: 64 },
    ...(quick ? [] : [{ ...BASE, sequences: 64, length: 128 }]),
    { ...FILM, sequences: 16, length: 32 },
  ];
  const results = [];
  for (const shape of shapes) {
    const title = `forward, ${shape.model}, ${shape.sequences} × ${shape.length} tokens`;
    await workloads.load(shape.model);
    const batch = await workloads.batch(shape);
    const reference = await workloads.peer.request('forward', {
      model: shape.model,
      batch: batch.theirs,
      head: 'everywhere',
    });
    const contestants = [];
    let lossDifference = 0;
    for (const { name, work, shortcuts } of OURS) {
      const model = await workloads.load(shape.model, shortcuts);
      const [losses] = await model.sequenceLosses(batch.ours, [[]]);
      lossDifference = Math.max(lossDifference, sameLosses(`${title}, ${name}`, losses, reference.losses));
      contestants.push({ name, work, side: 'ours', run: () => time(() => model.evaluate(batch.ours, [[]])) });
    }
    for (const { name, work, head } of THEIRS) {
      const run = async () =>
        (await workloads.peer.request('forward', { model: shape.model, batch: batch.theirs, head })).ms;
      contestants.push({ name, work, side: 'PyTorch', run });
    }
    const tokens = shape.sequences * shape.length;
    const rows = await interleave(contestants, repeats, onRun);
    results.push({
      title,
      lossDifference,
      rows: rows.map((row) => ({ ...row, rates: { 'tokens/s': (tokens / row.ms.median) * 1e3 } })),
      floors: [
        { name: 'forward over PyTorch, head at the mask', value: ratio(rows, OURS[0].name, THEIRS[0].name), most: 1 },
        {
          name: 'the same work over PyTorch, head at the mask',
          value: ratio(rows, OURS[1].name, THEIRS[0].name),
          most: 1,
        },
        {
          name: 'the same work over PyTorch, head everywhere',
          value: ratio(rows, OURS[2].name, THEIRS[1].name),
          most: 1,
        },
      ],
    });
  }
  return results;
};
