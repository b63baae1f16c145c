import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

type Line = Record<string, unknown>;

export interface RunFiles {
  /** Lines of metrics.jsonl, each an object or text as it is; none: no such file. */
  metrics?: readonly (Line | string)[];
  /** config.yaml; none: no such file. */
  config?: string;
  summary?: object | string;
}

/** Writes the folder of a run. */
export const writeRun = async (folder: string, { metrics, config, summary }: RunFiles): Promise<string> => {
  await mkdir(folder, { recursive: true });
  const text = (value: object | string) => (typeof value === 'string' ? value : JSON.stringify(value));
  if (metrics) await writeFile(join(folder, 'metrics.jsonl'), metrics.map((line) => `${text(line)}\n`).join(''));
  if (config !== undefined) await writeFile(join(folder, 'config.yaml'), config);
  if (summary !== undefined) await writeFile(join(folder, 'summary.json'), text(summary));
  return folder;
};

/** A step of k = `forwards`/2 directions with a loss; the other scalars follow from its number. */
export const stepLine = (step: number, forwards: number, meanLoss: number | null, seconds = step / 10): Line => ({
  kind: 'step',
  step,
  learningRate: 1e-4,
  meanLoss,
  tiltedLoss: meanLoss,
  tilt: 100 + step,
  tau: 1,
  effectiveSampleSize: forwards / 2,
  gradientNorm: 1000 / step,
  coefficientSpread: 3,
  forwards: forwards * step,
  seconds,
});

export const evaluationLine = (step: number, forwards: number, accuracy: number, split = 'validation'): Line => ({
  kind: 'evaluation',
  split,
  step,
  forwards: forwards * step,
  accuracy,
  loss: 1 - accuracy,
  count: 10,
});

/** The lines of a whole run: a loss that falls from 1 to 0.5, an evaluation every `every` steps. */
export const metricLines = (steps: number, forwards: number, every: number): Line[] => {
  const accuracy = (step: number) => 0.5 + (0.4 * step) / steps;
  const lines = [evaluationLine(0, forwards, accuracy(0))];
  for (let step = 1; step <= steps; step++) {
    lines.push(stepLine(step, forwards, 1 - (0.5 * step) / steps));
    if (step % every === 0) lines.push(evaluationLine(step, forwards, accuracy(step)));
  }
  return lines;
};

export const configText = (method: 'mezo' | 'zest', seed: number, steps: number): string =>
  `optimizer: { method: ${method}, learningRate: 0.0001 }\ntraining: { steps: ${steps}, seed: ${seed} }\noutput: runs/${method}${seed}\n`;

export const finished = (steps: number, forwards: number): object => ({
  steps,
  forwards: steps * forwards,
  interrupted: false,
  test: { accuracy: 0.75, loss: 0.5, count: 10 },
  device: 'cpu',
  version: '0.1.0',
  digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
});
