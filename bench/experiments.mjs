// node bench/experiments.mjs [FOLDER…]: what `zest experiment` found, side by side: tables for docs/results.md, and its
// picture docs/results.svg. Reads bench/results/experiment-*.json of the built-in model, and FOLDER/experiment.json.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { EXPERIMENTS } from '../dist/comparison/datasets.js';
import { BASELINE } from '../dist/comparison/embedding-baseline.js';
import { experimentMarkdown, metricAbove } from '../dist/comparison/table.js';
import { estimateMean, mean } from '../dist/numbers/statistics.js';
import { markdownTable } from '../dist/text/markdown.js';
import { forest } from './forest.mjs';

const FOLDER = new URL('results/', import.meta.url);
const PICTURE = new URL('../docs/results.svg', import.meta.url);
const REFERENCES = ['n-spsa', 'mezo'];

const files = (await readdir(FOLDER)).filter((name) => name.startsWith('experiment-') && !name.includes('smollm2'));
const read = async (name) => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'));
const order = ({ name }) => EXPERIMENTS.indexOf(name);
const more = process.argv
  .slice(2)
  .map(async (folder) => JSON.parse(await readFile(`${folder}/experiment.json`, 'utf8')));
const all = (await Promise.all([...files.map(read), ...more])).sort((a, b) => order(a) - order(b));
// Those that keep the best of several evaluations are compared with themselves alone.
const results = all.filter(({ evaluations }) => evaluations === undefined);
const proofs = all.filter(({ evaluations }) => evaluations !== undefined);
const contenders = results[0].methods.map(({ name, title }) => ({ name, title }));
// The baseline takes no steps: it is in the tables and not among the methods that are compared.
const methods = contenders.filter(({ name }) => name !== BASELINE.name);

const find = (result, name) => result.methods.find((method) => method.name === name);
const above = (result, name, reference) => metricAbove('accuracy', find(result, name), find(result, reference));
const signOf = ({ low, high }) => (low > 0 ? 1 : high < 0 ? -1 : 0);
const percent = (share) => (100 * share).toFixed(1).replace('-', '−');
const signed = (share) => `${share < 0 ? '' : '+'}${percent(share)}`;

const accuracy = (result, name) => {
  if (!find(result, name)) return '';
  const reached = percent(mean(find(result, name).runs.map(({ test }) => test.accuracy)));
  const sign = name === 'n-spsa' ? 0 : signOf(above(result, name, 'n-spsa'));
  return reached + ['▼', '', '▲'][sign + 1];
};
const overview = markdownTable([
  ['', 'before', ...contenders.map(({ title }) => title)],
  ...results.map((result) => [
    `[${result.name}](#${result.name.replace('.', '')})`,
    percent(result.before.test.accuracy),
    ...contenders.map(({ name }) => accuracy(result, name)),
  ]),
]);

const tally = (name, reference) => {
  if (name === reference) return ['', ''];
  const differences = results.map((result) => above(result, name, reference));
  const count = (sign) => differences.filter((difference) => signOf(difference) === sign).length;
  const { value, low, high } = estimateMean(differences.map((difference) => difference.value));
  return [`${count(1)} / ${count(0)} / ${count(-1)}`, `${signed(value)} [${signed(low)}, ${signed(high)}]`];
};
const summary = markdownTable([
  ['', 'n-SPSA: won / tied / lost', 'points', 'MeZO: won / tied / lost', 'points'],
  ...methods.map(({ name, title }) => [title, ...REFERENCES.flatMap((reference) => tally(name, reference))]),
]);

/** By how many points auto is above a method, over the settings. */
const meanAbove = (name) => {
  const differences = proofs.map((result) => above(result, 'auto', name).value);
  const { value, low, high } = estimateMean(differences);
  return `${signed(value)} [${signed(low)}, ${signed(high)}]`;
};

/** auto, without a search, against the best of the methods whose rates were searched for. */
const proof = () => {
  const { methods } = proofs[0];
  const searched = methods.filter(({ name }) => name !== 'auto' && name !== BASELINE.name);
  const reached = (result, name) => mean(find(result, name).runs.map(({ test }) => test.accuracy));
  return markdownTable([
    ['', 'before', ...searched.map(({ title }) => title), 'auto', 'auto above the best of them'],
    ...proofs.map((result) => {
      const [best] = [...searched].sort((a, b) => reached(result, b.name) - reached(result, a.name));
      const { value, low, high } = above(result, 'auto', best.name);
      return [
        `[${result.name}](#${result.name.replace('.', '')})`,
        percent(result.before.test.accuracy),
        ...searched.map(({ name }) => percent(reached(result, name))),
        percent(reached(result, 'auto')),
        `${signed(value)} [${signed(low)}, ${signed(high)}]`,
      ];
    }),
    ['auto above each, mean', '', ...searched.map(({ name }) => meanAbove(name)), '', ''],
  ]);
};

console.log(`${overview}\n\n${summary}\n`);
if (proofs.length > 0) console.log(`${proof()}\n`);
for (const result of [...results, ...proofs]) console.log(`### ${result.name}\n\n${experimentMarkdown(result)}\n`);

const picture = forest({
  title: 'Accuracy above n-SPSA, in points',
  rows: results.map(({ name }) => name),
  columns: methods
    .filter(({ name }) => name !== 'n-spsa')
    .map(({ name, title }) => ({
      title,
      estimates: results.map((result) => {
        const { value, low, high } = above(result, name, 'n-spsa');
        return { value: 100 * value, low: 100 * low, high: 100 * high };
      }),
    })),
});
await writeFile(PICTURE, picture);
