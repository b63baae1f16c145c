import { open, stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { Option } from 'commander';
import { ROW_FORMATS, type RowFormat } from '../../data/input.ts';
import type { Warning } from '../../runs/events.ts';
import type { Examination } from '../../tasks/task.ts';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, type ConfigOptions, configOptions } from '../command.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { counted, duration, metricsText, printJson, printLine, warningLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

interface PredictCommandOptions extends ConfigOptions {
  input: string;
  output?: string;
  format?: RowFormat;
}

/** Writes JSON lines to a file that is there only when it has all of them. */
const writeLines = async (file: string, lines: AsyncIterable<object>, signal: AbortSignal): Promise<void> => {
  const { replaceFile, writing } = await import('../../files/files.ts');
  const write = async (temporary: string): Promise<void> => {
    const handle = await open(temporary, 'w');
    try {
      for await (const line of lines) await writing(file, handle.appendFile(`${JSON.stringify(line)}\n`));
    } finally {
      await handle.close();
    }
  };
  try {
    await writing(file, replaceFile(file, write));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
};

const sizeOf = (file: string): Promise<number | undefined> =>
  stat(file).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );

export const command: CommandDefinition = {
  argument: 'the folder of a run, or a YAML or JSON file: the model as it came',
  options: [
    ...configOptions,
    new Option(
      '--input <file>',
      '.jsonl, .csv, .tsv, .parquet, or .txt with a text a line, a folder, a glob, or hf://datasets/…; - is stdin',
    ).makeOptionMandatory(),
    new Option('--output <file>', 'write the answers there; - is stdout, as without it'),
    new Option('--format <format>', 'of the input, whatever its name and its first line say').choices(ROW_FORMATS),
  ],
  async action(path: string, { input, output: file, format, set, json }: PredictCommandOptions) {
    const output = file === '-' ? undefined : file;
    if (output !== undefined) {
      const { assertWritableFile } = await import('../../files/files.ts');
      const { assertNoPart } = await import('../../runs/folder.ts');
      await assertWritableFile(output);
      await assertNoPart(output);
    }
    const { openRun } = await import('../../training/open-run.ts');
    const { predict } = await import('../../training/predict.ts');
    const signal = stopSignal();
    const progress = progressDisplay();
    const { model, task, config } = await openRun(path, {
      overrides: set,
      signal,
      onWarning: (warning) => printLine(warningLine(warning, `${path}: `)),
      onProgress: ({ stage, done, total }) => progress({ label: stage, done, total }),
    });
    try {
      const began = performance.now();
      const fromStdin = input === '-';
      if (fromStdin && process.stdin.isTTY) printLine('a line is answered when it is typed; Ctrl-D ends');
      const total = fromStdin ? undefined : await sizeOf(input);
      // Answers on a terminal are progress enough.
      const shown = total !== undefined && (output !== undefined || !process.stdout.isTTY);
      let answered = 0;
      let warning: Warning | undefined;
      let scored: Examination | undefined;
      const answers = predict({ model, task }, fromStdin ? addAbortSignal(signal, process.stdin) : input, {
        format,
        columns: config.data.columns,
        labels: config.data.labels,
        signal,
        onScore: (examination) => {
          scored = examination;
        },
        onWarning: (heard) => {
          warning = heard;
        },
        onProgress: (rows, bytes) => {
          answered = rows;
          const detail = counted(rows, 'answer');
          if (shown) progress({ label: 'answering', done: bytes, total, detail });
        },
      });
      if (output !== undefined) await writeLines(output, answers, signal);
      else for await (const answer of answers) printJson(answer);
      if (output !== undefined && json) printJson({ kind: 'done', output, count: answered, ...scored });
      printLine(`${counted(answered, 'answer')}, ${duration((performance.now() - began) / 1000)}`);
      if (warning) printLine(warningLine(warning));
      if (scored) {
        const { score } = scored;
        printLine(`${formatCount(score.count)} with a label: ${metricsText(score)}, loss ${score.loss.toFixed(4)}`);
      }
    } finally {
      model.dispose();
    }
  },
};
