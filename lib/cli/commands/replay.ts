import { InvalidArgumentError, Option } from 'commander';
import { formatCount } from '../../text/show.ts';
import type { VerifiedCheckpoint } from '../../training/verify-run.ts';
import { type CommandDefinition, type ConfigOptions, configOptions, counting } from '../command.ts';
import { EXIT_FAILED } from '../terminal/failure.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { megabytes, printJson, printLine, sayTorn } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

interface ReplayCommandOptions extends ConfigOptions {
  toStep?: number;
  average?: [number, number];
  output?: string;
  verify?: boolean;
}

const stretch = (value: string): [number, number] => {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(value) ?? [];
  if (from === undefined) throw new InvalidArgumentError('Expected two steps, 600..1000 say.');
  return [Number(from), Number(to)];
};

const verifiedText = ({ name, step, isLogged, isRight }: VerifiedCheckpoint): string => {
  if (Number.isNaN(step)) return `${name}, of no known step: NOT what the log leads to`;
  const found = isRight ? 'as the log leads to it' : 'NOT what the log leads to';
  return `${name}, step ${formatCount(step)}: ${isLogged ? found : 'NOT in the log, which ends before it'}`;
};

export const command: CommandDefinition = {
  argument: 'the folder of a run, which may go on meanwhile',
  options: [
    ...configOptions,
    counting('--to-step <n>', 'the step whose weights are wanted (default: the last)'),
    new Option('--average <from..to>', 'the mean of the weights of these steps instead')
      .argParser(stretch)
      .conflicts('toStep'),
    new Option('--output <folder>', 'write the weights there, as a model folder'),
    new Option('--verify', 'check the checkpoints, and the digest in the summary, against base and log').conflicts([
      'toStep',
      'average',
      'output',
    ]),
  ],
  async action(path: string, { toStep, average, output, verify, set: overrides, json }: ReplayCommandOptions) {
    const signal = stopSignal();
    const progress = progressDisplay();
    const options = {
      overrides,
      signal,
      onProgress: ({ done, total }: { done: number; total: number }) =>
        progress({ label: 'reading', done, total, detail: megabytes(done) }),
    };
    if (verify) {
      const { verifyRun } = await import('../../training/verify-run.ts');
      const verified = await verifyRun(path, options);
      if (json) for (const one of verified) printJson({ kind: 'verified', ...one });
      for (const one of verified) printLine(verifiedText(one));
      if (verified.length === 0) printLine('there is no checkpoint that says its step, and no summary');
      if (verified.some(({ isRight }) => !isRight)) process.exitCode = EXIT_FAILED;
      return;
    }
    const { replayRun } = await import('../../training/replay-run.ts');
    const { assertNoOtherWeights } = await import('../../model/save.ts');
    if (output !== undefined) await assertNoOtherWeights(output, 'merged'); // before the work
    const { model, step, from, tornBytes } = await replayRun(path, { ...options, toStep, average });
    try {
      if (output !== undefined) await model.save(output);
      const digest = await model.digest();
      if (json) printJson({ kind: 'replayed', step, from, digest, output, average, tornBytes });
      const what = average ? `the mean of steps ${average[0]} to ${average[1]}` : `step ${formatCount(step)}`;
      printLine(`${output ?? path}: the weights of ${what}, ${digest}`);
      if (toStep === undefined) sayTorn(path, tornBytes);
    } finally {
      model.dispose();
    }
  },
};
