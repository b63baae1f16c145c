// npm run bench [-- --only forward,step,noise,apply,calls] [--repeats 7] [--quick] [--threads N] [--output FILE]
//
// Ours and PyTorch in turn, in one run, on the same weights and token ids. Prints Markdown and writes everything as JSON.
// Fails if the losses of the two sides differ by more than 1e-4.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { apply } from './groups/apply.mjs';
import { calls } from './groups/calls.mjs';
import { forward } from './groups/forward.mjs';
import { noise } from './groups/noise.mjs';
import { step } from './groups/step.mjs';
import { BASE, createWorkloads, FILM } from './groups/workloads.mjs';
import { findPython, runPython, startPeer } from './peer.mjs';
import { describeMachine, markdown } from './report.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GROUPS = { forward, step, noise, apply };
const NAMES = [...Object.keys(GROUPS), 'calls'];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    repeats: { type: 'string' },
    threads: { type: 'string' },
    quick: { type: 'boolean', default: false }, // three rounds, and no shape that takes minutes
    output: { type: 'string' },
  },
});
const chosen = values.only?.split(',') ?? NAMES;
const unknown = chosen.find((name) => !NAMES.includes(name));
const repeats = Number(values.repeats ?? (values.quick ? 3 : 7));
const threads = Number(values.threads ?? availableParallelism());
if (unknown !== undefined || !(repeats >= 1) || !(threads >= 1)) {
  console.error(`--only takes some of ${NAMES.join(',')}; --repeats and --threads take a number of at least 1`);
  process.exit(2);
}

const python = findPython();
if (!python) {
  console.error(
    'bench skipped: it needs Python with PyTorch. Make it with\n' +
      '  python3 -m venv bench/peers/.venv && bench/peers/.venv/bin/pip install -r bench/peers/requirements.txt\n' +
      'or name a Python that has bench/peers/requirements.txt in ZEST_PEERS_PYTHON.',
  );
  process.exit(0);
}

/** The random RoBERTa-base, made once and kept between runs. */
const baseFolder = async () => {
  const folder = join(tmpdir(), 'node-zest-bench', 'roberta-base');
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  await runPython(python, 'make_checkpoint.py', [partial]);
  renameSync(partial, folder);
  return folder;
};

const peer = startPeer(python);
const folders = { [BASE.model]: await baseFolder(), [FILM.model]: here('../models/film-roberta-mini') };
const workloads = createWorkloads(peer, folders, threads);
const run = { machine: describeMachine(await peer.request('start', { threads }), threads), repeats, groups: [] };
const onRun = ({ name }, round, ms) =>
  console.error(`${round ? `round ${round}` : 'warm-up'}: ${name}: ${ms.toFixed(1)} ms`);
for (const name of chosen) {
  console.error(`--- ${name}`);
  if (name === 'calls') run.calls = calls();
  else run.groups.push(...(await GROUPS[name](workloads, { repeats, quick: values.quick, onRun })));
}
workloads.dispose();
await peer.stop();

console.log(markdown(run));
const whole = chosen.length === NAMES.length && !values.quick;
const output = values.output ?? (whole ? here(`results/cpu-${run.machine.date.slice(0, 10)}.json`) : undefined);
if (output) {
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, `${JSON.stringify(run, null, 1)}\n`);
  console.error(`written: ${output}`);
}
