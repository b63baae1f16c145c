// npm run bench [-- --only product,forward,…] [--repeats 7] [--quick] [--threads N] [--output FILE]
//
// Ours, PyTorch and onnxruntime in turn, in one run, on the same weights and token ids. Prints Markdown and writes
// everything as JSON. Fails if the losses of two sides differ by more than 1e-4.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { apply } from './groups/apply.mjs';
import { calls } from './groups/calls.mjs';
import { decoders, SMOL } from './groups/decoders.mjs';
import { forward } from './groups/forward.mjs';
import { lengths } from './groups/lengths.mjs';
import { memory } from './groups/memory.mjs';
import { noise } from './groups/noise.mjs';
import { onnx } from './groups/onnx.mjs';
import { product } from './groups/product.mjs';
import { sharing } from './groups/sharing.mjs';
import { step } from './groups/step.mjs';
import { BASE, createWorkloads, FILM } from './groups/workloads.mjs';
import { findOnnxruntime, openOnnx, sessionOptions } from './onnxruntime.mjs';
import { findPython, runPython, startPeer } from './peer.mjs';
import { describeMachine, markdown } from './report.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GROUPS = { product, forward, step, apply, noise, memory, sharing, lengths, calls, onnx, decoders };
const NAMES = Object.keys(GROUPS);

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
const onnxruntime = findOnnxruntime();
if (!python || !onnxruntime) {
  console.error(
    'bench skipped: it needs Python with PyTorch, and onnxruntime-node. Install them with\n' +
      '  python3 -m venv bench/peers/.venv && bench/peers/.venv/bin/pip install -r bench/peers/requirements.txt\n' +
      '  npm install --prefix bench/peers --ignore-scripts --no-package-lock\n' +
      'or name a Python that has bench/peers/requirements.txt in ZEST_PEERS_PYTHON.',
  );
  process.exit(0);
}

/** A file or folder that a script of bench/peers makes, once, kept between runs. */
const made = async (name, script, ...args) => {
  const path = join(tmpdir(), 'node-zest-bench', name);
  if (existsSync(path)) return path;
  const partial = `${path}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  await runPython(python, script, [...args, partial]);
  renameSync(partial, path);
  return path;
};

const peer = startPeer(python);
const machine = describeMachine(await peer.request('start', { threads }), onnxruntime.version, threads);
const folders = {
  [BASE.model]: await made('roberta-base', 'make_checkpoint.py'),
  [FILM.model]: here('../models/film-roberta-mini'),
  ...(chosen.includes('decoders') && { [SMOL.model]: await made('smollm2-135m', 'make_causal.py') }),
};
const workloads = createWorkloads({
  peer,
  folders,
  openOnnx: async (name) => openOnnx(onnxruntime, await made(`${name}.onnx`, 'make_onnx.py', folders[name]), threads),
  plainOnnx: async (name) => ({
    onnxruntime,
    file: await made(`${name}-plain.onnx`, 'make_onnx.py', 'plain', folders[name]),
    session: sessionOptions(threads),
  }),
  causalOnnx: async (name) => ({
    onnxruntime,
    file: await made(`${name}-losses.onnx`, 'make_causal_onnx.py', folders[name]),
    session: sessionOptions(threads),
  }),
  threads,
});
const run = { machine, repeats, groups: [] };
const onRun = ({ name, work }, round, ms) =>
  console.error(`${round ? `round ${round}` : 'warm-up'}: ${name}, ${work}: ${ms.toFixed(1)} ms`);
for (const name of chosen) {
  console.error(`--- ${name}`);
  run.groups.push(...(await GROUPS[name](workloads, { repeats, quick: values.quick, onRun })));
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
