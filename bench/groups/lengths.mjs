import { interleave, ratio, time } from '../measure.mjs';
import { BASE, equalLengths, tokensOf } from './workloads.mjs';

const LENGTH = 64; // tokens
const SEQUENCES = 16;
const LONGEST = 512; // tokens
const RAGGED = 'lengths 1 … 512';
const EQUAL = 'lengths 256 and 257';

/** Evenly from 1 to 512, in no order. */
const raggedLengths = Array.from({ length: SEQUENCES }, (_, i) =>
  Math.round(1 + (((7 * i) % SEQUENCES) * (LONGEST - 1)) / (SEQUENCES - 1)),
);
const tokens = tokensOf(raggedLengths);
/** As many tokens, as evenly as they go. */
const evenLengths = Array.from({ length: SEQUENCES }, (_, i) => Math.floor((tokens + i) / SEQUENCES));

const evaluations = async (workloads, batches, { repeats, onRun }) => {
  const model = await workloads.load(BASE.model);
  const contestants = batches.map(({ name, lengths }) => {
    const batch = workloads.batch(BASE, lengths);
    return {
      name,
      work: `${lengths.length} sequences`,
      side: 'ours',
      run: () => time(() => model.evaluate(batch, [[]])),
    };
  });
  const rows = await interleave(contestants, repeats, onRun);
  return rows.map((row, i) => ({
    ...row,
    rates: { 'tokens/s': (tokensOf(batches[i].lengths) / row.ms.median) * 1e3 },
  }));
};

/** What a token costs in batches of any size, and among sequences of unlike lengths. */
export const lengths = async (workloads, { quick, ...options }) => {
  const sizes = quick ? [256, 1024] : [256, 1024, 4096, 16384];
  const flat = await evaluations(
    workloads,
    sizes.map((size) => ({ name: `${size} tokens`, lengths: equalLengths(size / LENGTH, LENGTH) })),
    options,
  );
  const rates = flat.map((row) => row.rates['tokens/s']);
  const ragged = await evaluations(
    workloads,
    [
      { name: RAGGED, lengths: raggedLengths },
      { name: EQUAL, lengths: evenLengths },
    ],
    options,
  );
  return [
    {
      title: `batch sizes, roberta-base, sequences of ${LENGTH} tokens`,
      rows: flat,
      floors: [{ name: 'tokens/s, lowest over highest', value: Math.min(...rates) / Math.max(...rates), least: 0.9 }],
    },
    {
      title: `unlike lengths, roberta-base, ${tokens} tokens`,
      rows: ragged,
      floors: [{ name: 'time of unlike lengths over like ones', value: ratio(ragged, RAGGED, EQUAL), most: 1.05 }],
    },
  ];
};
