import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { native } from '../dist/native/load.js';
import { markdownTable } from '../dist/text/markdown.js';

const git = (...args) => {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined; // not a checkout
  }
};

/** What a figure depends on. `loadAverage` (1, 5, 15 minutes, before the run) shows whether the machine was quiet. */
export const describeMachine = (peer, onnxruntime, threads) => ({
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
  onnxruntime,
});

const number = (value) => (value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
const rates = (row) =>
  Object.entries(row.rates ?? {})
    .map(([unit, value]) => `${number(value)} ${unit}`)
    .join(', ');

const table = (header, rows) => markdownTable([header, ...rows]);

const timed = (rows) =>
  table(
    ['', 'what', 'median ms', 'quartiles', 'min', 'rate'],
    rows.map((row) => {
      const { median, q1, q3, min } = row.ms;
      return [row.name, row.work, number(median), `${number(q1)} – ${number(q3)}`, number(min), rates(row)];
    }),
  );

const listed = (figures) => {
  const { name: _, ...units } = figures[0];
  return table(
    ['', ...Object.keys(units)],
    figures.map(({ name, ...values }) => [name, ...Object.values(values).map(number)]),
  );
};

const met = ({ value, least = -Infinity, most = Infinity }) => value >= least && value <= most;
const bounded = ({ least, most }) => least !== undefined || most !== undefined;

const floor = (each) => {
  const { name, value, least, most } = each;
  const line = `- ${name}: ${value.toFixed(2)}`;
  if (!bounded(each)) return line;
  const bound = least === undefined ? `at most ${number(most)}` : `at least ${number(least)}`;
  return `${line} (${bound}: ${met(each) ? 'met' : 'missed'})`;
};

const group = ({ title, lossDifference, rows, figures, floors }) =>
  [
    `### ${title}`,
    ...(lossDifference === undefined ? [] : [`Largest difference of a loss: ${lossDifference.toExponential(1)}`]),
    ...(rows ? [timed(rows)] : []),
    ...(figures ? [listed(figures)] : []),
    ...(floors.length ? [floors.map(floor).join('\n')] : []),
  ].join('\n\n');

/** The whole run as Markdown. */
export const markdown = ({ machine, repeats, groups }) => {
  const { date, processor, cores, instructions, node, threads, peer, onnxruntime, commit } = machine;
  const bounds = groups.flatMap(({ floors }) => floors).filter(bounded);
  return [
    `${date.slice(0, 10)}, ${commit ?? 'no commit'}: ${processor}, ${cores} cores, ${instructions}, ${threads} threads on all sides; ` +
      `Node ${node}; PyTorch ${peer.torch} (${peer.instructions}), transformers ${peer.transformers}; onnxruntime-node ${onnxruntime}. ` +
      `Contestants in turn, ${repeats} rounds after a warm-up.`,
    ...groups.map(group),
    `${bounds.filter(met).length} of ${bounds.length} bounds met.`,
  ].join('\n\n');
};
