import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { native } from '../dist/native.js';

const git = (...args) => {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined; // not a checkout
  }
};

/** What a figure depends on. `loadAverage` (1, 5, 15 minutes, before the run) shows whether the machine was quiet. */
export const describeMachine = (peer, threads) => ({
  date: new Date().toISOString(),
  commit: git('describe', '--always', '--dirty'),
  processor: cpus()[0]?.model,
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  loadAverage: loadavg(),
  node: process.versions.node,
  threads,
  instructions: native().isa().used,
  peer,
});

const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const rates = (row) =>
  Object.entries(row.rates ?? {})
    .map(([unit, value]) => `${number(value)} ${unit}`)
    .join(', ');

const table = (header, rows) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const group = ({ title, lossDifference, rows, floors }) => {
  const lines = [`### ${title}`, ''];
  if (lossDifference !== undefined) lines.push(`Largest difference of a loss: ${lossDifference.toExponential(1)}`, '');
  lines.push(
    table(
      ['', 'what', 'median ms', 'quartiles', 'min', 'rate'],
      rows.map((row) => {
        const { median, q1, q3, min } = row.ms;
        return [row.name, row.work, number(median), `${number(q1)} – ${number(q3)}`, number(min), rates(row)];
      }),
    ),
    '',
  );
  for (const { name, value, least, most } of floors) {
    const met = least === undefined ? value <= most : value >= least;
    const bound = least === undefined ? `at most ${most}` : `at least ${least}`;
    lines.push(`- ${name}: ${value.toFixed(2)} (${bound}: ${met ? 'met' : 'missed'})`);
  }
  return lines.join('\n').trimEnd();
};

/** The whole run as Markdown. */
export const markdown = ({ machine, repeats, groups, calls }) => {
  const { date, processor, cores, instructions, node, threads, peer, commit } = machine;
  const parts = [
    `${date.slice(0, 10)}, ${commit ?? 'no commit'}: ${processor}, ${cores} cores, ${instructions}, ${threads} threads on both sides; ` +
      `Node ${node}; PyTorch ${peer.torch} (${peer.instructions}), transformers ${peer.transformers}. ` +
      `Contestants in turn, ${repeats} rounds after a warm-up.`,
    ...groups.map(group),
  ];
  if (calls) {
    const rows = calls.map(({ name, microseconds, relativeMargin, samples }) => [
      name,
      number(microseconds),
      `± ${(100 * relativeMargin).toFixed(1)} %`,
      samples,
    ]);
    parts.push('### Calls across the boundary of the addon', table(['', 'µs', 'margin', 'samples'], rows));
  }
  return parts.join('\n\n');
};
