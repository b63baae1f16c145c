// node bench/llama.mjs FILE.gguf … [--repeats 5] [--prompt 128] [--tokens 128] [--threads 2] [--output FILE]
//
// A prompt and generation after it, batch 1, beside node-llama-cpp on the same files: both in turn, greedy, in one run.
// node-llama-cpp is looked for under bench/peers/node_modules and in the folder that ZEST_LLAMA names.
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Model } from '../dist/index.js';
import { describeMachine } from './report.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string', default: '5' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '128' },
    threads: { type: 'string', default: String(availableParallelism()) },
    output: { type: 'string' },
  },
});
const [repeats, length, count, threads] = ['repeats', 'prompt', 'tokens', 'threads'].map((name) =>
  Number(values[name]),
);
const folders = [process.env.ZEST_LLAMA, fileURLToPath(new URL('peers', import.meta.url))].filter(Boolean);
const found = folders.map((folder) => join(folder, 'node_modules/node-llama-cpp')).find(existsSync);
if (!found || positionals.length === 0) {
  console.error('usage: ZEST_LLAMA=FOLDER_WITH_node-llama-cpp node bench/llama.mjs FILE.gguf …');
  process.exit(2);
}
process.env.ZEST_THREADS = String(threads);
const { getLlama } = await import(pathToFileURL(join(found, 'dist/index.js')));
const llama = await getLlama({ gpu: false, maxThreads: threads });

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const tokens = (round) => Array.from({ length }, (_, i) => 100 + ((i * 37 + round * 7919) % 40000));

/** Milliseconds until the first token after a prompt, and for each one after that. */
const ours = async (file, options) => {
  const model = await Model.load(file, { trainable: 'none', ...options });
  const run = async (round) => {
    const [began, times] = [performance.now(), []];
    for await (const _ of model.stream([tokens(round)], { maxTokens: count, stop: [] })) times.push(performance.now());
    return { prompt: times[0] - began, token: (times.at(-1) - times[0]) / (times.length - 1) };
  };
  return { run, close: () => model.dispose() };
};

const theirs = async (file) => {
  const model = await llama.loadModel({ modelPath: file });
  const context = await model.createContext({ contextSize: length + count + 8, threads });
  const sequence = context.getSequence();
  const run = async (round) => {
    await sequence.clearHistory();
    const [began, times] = [performance.now(), []];
    for await (const _ of sequence.evaluate(tokens(round), { temperature: 0, yieldEogToken: true })) {
      times.push(performance.now());
      if (times.length === count) break;
    }
    return { prompt: times[0] - began, token: (times.at(-1) - times[0]) / (times.length - 1) };
  };
  return { run, close: () => model.dispose() };
};

const results = [];
for (const file of positionals) {
  const sides = [
    ['node-zest', await ours(file, {})],
    ['node-zest, widened', await ours(file, { dequantize: true })],
    ['node-llama-cpp', await theirs(file)],
  ];
  const times = sides.map(() => []);
  for (let round = 0; round <= repeats; round++) {
    for (const [i, [, { run }]] of sides.entries()) {
      const one = await run(round);
      if (round > 0) times[i].push(one); // the first is a warm-up
    }
  }
  const rows = sides.map(([name], i) => ({
    name,
    prompt: length / (median(times[i].map(({ prompt }) => prompt)) / 1e3),
    generation: 1e3 / median(times[i].map(({ token }) => token)),
  }));
  console.log(`\n${basename(file)}: ${count} tokens after ${length}, ${threads} threads, medians of ${repeats}\n`);
  console.log('| | prompt, tokens/s | generation, tokens/s |\n|---|---|---|');
  for (const { name, prompt, generation } of rows) {
    console.log(`| ${name} | ${prompt.toFixed(0)} | ${generation.toFixed(1)} |`);
  }
  results.push({ file: basename(file), rows });
  for (const [, { close }] of sides) await close();
}
if (values.output) {
  writeFileSync(
    values.output,
    `${JSON.stringify({ machine: describeMachine(), length, count, threads, repeats, results }, null, 2)}\n`,
  );
}
process.exit(0);
