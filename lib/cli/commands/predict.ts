import { open, rename, rm, stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import type { RowFormat } from '../../data/row-stream.ts';
import { writing } from '../../files.ts';
import { openRun } from '../../training/open-run.ts';
import { predict } from '../../training/predict.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, duration, printJson, printLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

export interface PredictCommandOptions {
  input: string;
  output?: string;
  format?: RowFormat;
  set: string[];
  json?: boolean;
}

/** A file that is there only when it is whole. */
const openOutput = async (file: string) => {
  const partial = `${file}.partial`;
  const handle = await writing(file, open(partial, 'w'));
  return {
    write: (answer: object) => writing(file, handle.appendFile(`${JSON.stringify(answer)}\n`)),
    keep: async () => {
      await writing(file, handle.close());
      await writing(file, rename(partial, file));
    },
    discard: async () => {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
};

const sizeOf = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ size }) => size,
    () => undefined,
  );

/** `zest predict` */
export const predictCommand = async (path: string, options: PredictCommandOptions): Promise<void> => {
  const { input, format, set, json } = options;
  const signal = stopSignal();
  const progress = await progressDisplay();
  const { model, task } = await openRun(path, {
    overrides: set,
    signal,
    onProgress: ({ stage, done, total }) => progress.update({ label: stage, done, total }),
  });
  try {
    const began = performance.now();
    const fromStdin = input === '-';
    const total = fromStdin ? undefined : await sizeOf(input);
    // Answers on a terminal are progress enough.
    const shown = total !== undefined && (options.output !== undefined || !process.stdout.isTTY);
    const output = options.output === undefined ? undefined : await openOutput(options.output);
    let answered = 0;
    try {
      const answers = predict({ model, task }, fromStdin ? addAbortSignal(signal, process.stdin) : input, {
        format,
        signal,
        onProgress: (rows, bytes) => {
          if (shown)
            progress.update({
              label: 'answering',
              done: bytes,
              total,
              detail: `${count(rows)} answer${rows === 1 ? '' : 's'}`,
            });
        },
      });
      for await (const answer of answers) {
        if (output) await output.write(answer);
        else printJson(answer);
        answered++;
      }
      await output?.keep();
    } catch (error) {
      await output?.discard();
      throw error;
    }
    progress.clear();
    if (output && json) printJson({ kind: 'done', output: options.output, count: answered });
    printLine(`${count(answered)} answer${answered === 1 ? '' : 's'}, ${duration((performance.now() - began) / 1000)}`);
  } finally {
    progress.clear();
    model.dispose();
  }
};
