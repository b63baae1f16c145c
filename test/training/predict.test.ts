import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { modelOf } from '../../lib/cli/model-folder.ts';
import { Model } from '../../lib/model/model.ts';
import type { Warning } from '../../lib/runs/events.ts';
import { type OpenRun, openRun } from '../../lib/training/open-run.ts';
import { type Prediction, type PredictOptions, predict } from '../../lib/training/predict.ts';
import { replayRun } from '../../lib/training/replay-run.ts';
import { verifyRun } from '../../lib/training/verify-run.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

let folder: string;
let opened: OpenRun;
beforeAll(async () => {
  folder = await reviewFolder();
  await run(reviewConfig(folder, 'run'));
  // The run is all that is needed: the data are gone.
  for (const name of ['train', 'validation', 'test'])
    await rename(join(folder, `${name}.jsonl`), join(folder, `${name}.gone`));
  opened = await openRun(join(folder, 'run'));
});
afterAll(async () => {
  opened?.model.dispose();
  await rm(folder, { recursive: true });
});

const answers = async (content: string, options?: PredictOptions): Promise<Prediction[]> => {
  const found: Prediction[] = [];
  for await (const answer of predict(opened, Readable.from([Buffer.from(content)]), options)) found.push(answer);
  return found;
};

describe('openRun', () => {
  it('has the weights that the run kept, its task and its tokenizer', async () => {
    const { kept } = await readSummary(join(folder, 'run'));
    expect(opened.step).toBe(kept.step);
    const checkpoint = await Model.load(join(folder, 'run', 'checkpoints', kept.name));
    expect(await opened.model.digest()).toBe(await checkpoint.digest());
    checkpoint.dispose();
    expect(opened.task).toMatchObject({ fields: ['sentence'], names: ['terrible', 'great'], maxLength: 32 });
    expect(opened.tokenizer.folder).toBe(join(folder, 'run', 'checkpoints', kept.name));
  });

  it('opens a configuration with the model as it came, and takes overrides', async () => {
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify(reviewConfig(folder, 'never')));
    const { model, task, step, config } = await openRun(file, {
      overrides: ['task.labels=[bad, good]', 'dtype=bfloat16'],
    });
    expect({ step, names: task.names, dtype: model.dtype, model: config.model }).toEqual({
      step: 0,
      names: ['bad', 'good'],
      dtype: 'bfloat16',
      model: film,
    });
    model.dispose();
  });

  it('refuses what is no run', async () => {
    const quantised = fileURLToPath(new URL('../fixtures/gguf/formats.gguf', import.meta.url));
    await rejects(() => openRun(folder), 'ERR_ZEST_RUN', /is a folder; expected the folder of a run: there is .*run$/);
    const other = join(folder, 'other-summary');
    await mkdir(other);
    await writeFile(join(other, 'summary.json'), '{}');
    await rejects(() => openRun(other), 'ERR_ZEST_RUN', /no good summary\.json/);
    await rejects(
      () => openRun(join(folder, 'none')),
      'ERR_ZEST_RUN',
      /none is not there: .* has .*; expected the folder of a run, or a configuration/,
    );
    await rejects(() => openRun(join(folder, 'other-sumary')), 'ERR_ZEST_RUN', /did you mean .*other-summary\?/);
    await rejects(
      () => openRun(join(folder, 'none.yaml')),
      'ERR_ZEST_CONFIG',
      /cannot read the configuration .*none\.yaml: .* is not there/,
    );
    await rejects(() => openRun(quantised), 'ERR_ZEST_CONFIG', /is a model; .* zest init DATA --model/);
    await rejects(
      () => openRun(film),
      'ERR_ZEST_RUN',
      /is the folder of a model; expected the folder of a run: zest init DATA --model/,
    );
  });

  it('takes what a run that was killed has saved, and says so', async () => {
    const killed = join(folder, 'killed');
    await cp(join(folder, 'run'), killed, { recursive: true });
    const { kept } = await readSummary(killed);
    await rm(join(killed, 'summary.json'));
    const checkpoint = join(killed, 'checkpoints', kept.name);
    const told: Warning[] = [];
    const { model, step } = await openRun(killed, { onWarning: (warning) => told.push(warning) });
    expect({ step, digest: await model.digest() }).toEqual({ step: kept.step, digest: await opened.model.digest() });
    model.dispose();
    expect(told).toEqual([
      {
        code: 'WARN_ZEST_UNFINISHED',
        message: expect.stringContaining(`the weights of step ${kept.step} in ${checkpoint}`),
      },
    ]);
    expect(await modelOf(killed)).toBe(checkpoint);
    expect(await modelOf(checkpoint)).toBe(checkpoint);
    // It was killed while the best was the model as it came.
    const checkpoints = join(killed, 'checkpoints');
    const { model: base } = await replayRun(killed, { toStep: 0 });
    await rm(checkpoints, { recursive: true });
    await base.save(join(checkpoints, 'best'), { metadata: { step: '0', digest: await base.digest() } });
    base.dispose();
    told.length = 0;
    (await openRun(killed, { onWarning: (warning) => told.push(warning) })).model.dispose();
    expect(told.map(({ code }) => code)).toEqual(['WARN_ZEST_UNFINISHED']);
    expect(told[0]?.message).toContain('the weights of step 0, which are those of the model as it came, in ');
    await rm(checkpoints, { recursive: true });
    await rejects(
      () => openRun(killed),
      'ERR_ZEST_RUN',
      /was killed, or failed, and has saved no checkpoint yet; wait for .* go on with it: zest train .* --resume$/,
    );
    // Weights that are there and cannot be read.
    await mkdir(join(checkpoints, 'last', 'model.safetensors'), { recursive: true });
    for (const read of [openRun, verifyRun])
      await rejects(() => read(killed), 'ERR_ZEST_FILE', /last.model\.safetensors cannot be read: it is no file$/);
  });

  it('says of a head that is new that nothing has trained it', async () => {
    const config = parse(await readFile(join(folder, 'run', 'config.yaml'), 'utf8'));
    const task = { kind: 'class', fields: ['sentence'], classes: 2 };
    const told: Warning[] = [];
    const onWarning = (warning: Warning) => told.push(warning);
    for (const file of [join(folder, 'head.json'), join(folder, 'run', 'head.json')]) {
      await writeFile(file, JSON.stringify({ ...config, task, head: { classes: 2 } }));
      (await openRun(file, { onWarning })).model.dispose();
    }
    expect(told).toEqual([
      { code: 'WARN_ZEST_NEW_HEAD', message: expect.stringMatching(/so that its answers are chance$/) },
      { code: 'WARN_ZEST_NEW_HEAD', message: expect.stringMatching(/chance; .*run has what its run learned$/) },
    ]);
  });
});

describe('predict', () => {
  it('answers each row in order as task.classify does, whatever the batches', async () => {
    const rows = ['charming', 'awful', '', 'x', '🦄🦄', 'dull and dull'].map((sentence, id) => ({
      id,
      sentence,
      more: [null],
    }));
    const content = rows.map((row) => JSON.stringify(row)).join('\n');
    const { task, model } = opened;
    const expected = (await task.classify(model, rows)).map(({ name, probabilities: [terrible, great] }, i) => ({
      ...rows[i],
      label: name,
      probabilities: { terrible, great },
    }));
    for (const batchSize of [1, 4, 32]) {
      const progress: number[][] = [];
      const found = await answers(content, { batchSize, onProgress: (...done) => progress.push(done) });
      expect(found).toEqual(expected);
      // The last line has no end: it is known only when the input ends, and answered apart.
      expect(progress).toHaveLength(Math.ceil(5 / batchSize) + 1);
      expect(progress.at(-1)).toEqual([6, Buffer.byteLength(content)]);
    }
    expect(Object.keys(expected[0]!)).toEqual(['id', 'sentence', 'more', 'label', 'probabilities']);
  });

  it('keeps fields that have the names of its own', async () => {
    const row = { label: 1, sentence: 'dull', probabilities: 'p', input: 0, ['__proto__']: { label: 2 } };
    const [answer] = await answers(
      '{"label":1,"sentence":"dull","probabilities":"p","input":0,"__proto__":{"label":2}}',
    );
    expect(answer).toMatchObject({ sentence: 'dull', label: expect.stringMatching(/terrible|great/) });
    expect(answer!.input).toEqual({ label: row.label, probabilities: 'p', input: 0 });
    expect(Object.keys(answer!)).toContain('__proto__');
  });

  it('reads a text of a million characters', async () => {
    const [answer] = await answers('dull '.repeat(200_000), { format: 'txt' });
    const [short] = await answers('dull '.repeat(200), { format: 'txt' });
    expect(answer!.probabilities).toEqual(short!.probabilities);
  });

  it('says what is wrong with the rows', async () => {
    await rejects(() => answers(''), 'ERR_ZEST_DATA', /^the input: has no rows$/);
    await rejects(() => answers('\n\r\n'), 'ERR_ZEST_DATA', /has no rows/);
    await rejects(
      () => answers('{"text":"a","idx":1}'),
      'ERR_ZEST_TEMPLATE',
      /^the task reads the field "sentence", which the input does not have: text, idx$/,
    );
    await rejects(
      () => answers('{"sentence":"a"}\n{"text":"b"}'),
      'ERR_ZEST_DATA',
      /^the input:2: has no field "sentence"/,
    );
    await rejects(
      () => answers('{"sentence":["a"]}'),
      'ERR_ZEST_DATA',
      /:1: field "sentence" is \[ 'a' \]; expected a string/,
    );
    await rejects(() => answers('a', { batchSize: 0 }), 'ERR_ZEST_OPTION', /batchSize/);
  });

  it('answers what comes before a row at fault, and stops when told to', async () => {
    const input = Readable.from([Buffer.from('{"sentence":"a"}\n{"sentence":"b"}\n{}\n')]);
    const stream = predict(opened, input, { batchSize: 2 });
    expect((await stream.next()).value).toMatchObject({ sentence: 'a' });
    expect((await stream.next()).value).toMatchObject({ sentence: 'b' });
    await rejects(() => stream.next(), 'ERR_ZEST_DATA', /:3: has no field "sentence"/);
    await expect(answers('a', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
