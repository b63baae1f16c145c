import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Warning } from '../../lib/runs/events.ts';
import { openRun } from '../../lib/training/open-run.ts';
import { type Course, divergence, isJudged, outcomeWarning, type Validation } from '../../lib/training/outcome.ts';
import { start, zest } from '../cli/zest.ts';
import { topicsConfig, topicsFolder } from '../fixtures/topics.ts';
import { folderOf } from '../tasks/folders.ts';
import { ofKind, readMetrics, readSummary, reviewConfig, reviewFolder, run } from './runs.ts';

const CLASSES = 4;
/** A validation of examples with these losses, answered with these labels where 0 is right for all but the last. */
const validation = (step: number, losses: readonly number[], given: readonly number[] = [0, 1, 2, 3]): Validation => ({
  step,
  forwards: step,
  score: { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, count: losses.length },
  scored: losses.map((loss, i) => ({ loss, answer: given[i % given.length]!, isRight: loss < Math.log(2) })),
});
const steps = (count: number, loss: (i: number) => number) => Array.from({ length: count }, (_, i) => loss(i));
/** Losses around a mean that alternate by ±0.1: of ten, the standard error of the mean is 0.1·√(10/9)/√10 = 0.0333. */
const around = (mean: number, count = 10) => steps(count, (i) => mean + (i % 2 ? 0.1 : -0.1));
const outcomeWarnings = (of: Course, kept: number): Warning[] => [outcomeWarning(of, kept)].flatMap((one) => one ?? []);
const answers = ['a', 'b', 'c', 'd'];
const course = (change: Partial<Course>): Course => ({ losses: around(1, 100), answers, ...change });
const codes = (warnings: readonly Warning[]) => warnings.map(({ code }) => code.replace('WARN_ZEST_', ''));

describe('a loss that rose', () => {
  it('is told where the rise is more than three standard errors of it', () => {
    // 40 steps: the mean of the last ten against that of the first, √2 · 0.0333 = 0.0471 of noise.
    const rising = (by: number) => [...around(1), ...around(1), ...around(1), ...around(1 + by)];
    expect(divergence({ losses: rising(0.14) })).toBeUndefined();
    expect(divergence({ losses: rising(0.143) })?.message).toMatch(
      /^the training loss rose from 1 to 1\.14, by more than its noise \(0\.0471\): use a smaller optimizer\.learningRate/,
    );
    expect(divergence({ losses: rising(-3) })).toBeUndefined();
    expect(divergence({ losses: rising(9).slice(0, 39) })).toBeUndefined();
  });

  it('is that of the same examples, where there are some to validate on', () => {
    const first = validation(0, around(1));
    // Every example by as much: there is no noise in it, but too little to speak of.
    expect(divergence(course({ first, last: validation(50, around(1.01)) }))).toBeUndefined();
    expect(divergence(course({ first, last: validation(50, around(1.03)) }))?.message).toMatch(
      /^the validation loss rose from 1 to 1\.03,/,
    );
    // One of ten by 3, a standard error of 0.3.
    const last = validation(
      50,
      around(1).map((loss, i) => (i === 4 ? loss + 3 : loss)),
    );
    expect(divergence(course({ first, last }))).toBeUndefined();
    // Rising steps count until there is a validation.
    const losses = steps(80, (i) => 1 + i);
    expect(divergence(course({ losses, first, last: first }))?.message).toContain('the training loss');
    expect(divergence(course({ losses, first, last: validation(80, around(1)) }))).toBeUndefined();
  });

  it('is told of the steps at once where it is beyond all noise', () => {
    // A thousand times the first loss, or that of a guess if the first is less: ln 4 = 1.386.
    expect(divergence(course({ losses: [2, 2000] }))).toBeUndefined();
    expect(divergence(course({ losses: [0.01, 1386] }))).toBeUndefined();
    expect(divergence(course({ losses: [0.01, 1387] }))?.message).toMatch(
      / rose from 0\.01 to 1\.4e\+3 by step 2: use a/,
    );
    const seen = divergence(course({ losses: [2, 2001] }));
    expect(seen?.message).toMatch(/^the training loss rose from 2 to 2\.0e\+3 by step 2: use a smaller/);
    // Of a method that measures its rate none is found.
    expect(seen?.message).toMatch(/ prints$/);
    expect(divergence(course({ losses: [2, 2001], needsNoRate: true }))?.message).toMatch(
      /a third of it to begin with$/,
    );
    // A validation of the same weights knows better.
    const first = validation(0, around(1));
    expect(divergence(course({ losses: [2, 2001], first, last: validation(2, around(1)) }))).toBeUndefined();
  });

  it('is not forgotten when the loss falls again, unless good weights are kept', () => {
    const seen = divergence(course({ losses: [2, 9000] }));
    expect(divergence(course({ diverged: seen, losses: around(1, 100) }))).toBe(seen);
    const first = validation(0, around(1));
    const last = validation(100, around(1));
    expect(outcomeWarnings(course({ diverged: seen, first, last, best: first }), 0)).toEqual([
      {
        code: 'WARN_ZEST_DIVERGED',
        message: `${seen?.message}; the weights kept are those of the model as it came, of step 0`,
      },
    ]);
    const good = validation(50, around(0.5));
    expect(outcomeWarnings(course({ diverged: seen, first, last, best: good }), 50)).toEqual([]);
    expect(outcomeWarnings(course({ diverged: seen }), 100)).toEqual([seen]);
  });

  it('is told of steps that find the same loss wherever they look, after others that did not', () => {
    const level = (count: number, loss: number, before = 2) => [...around(1, before), ...steps(count, () => loss)];
    const ln4 = Math.log(4);
    expect(divergence(course({ losses: level(2, ln4), level: 2 }))).toBeUndefined();
    expect(divergence(course({ losses: level(3, ln4), level: 3 }))?.message).toMatch(
      /^the last 3 steps found the same loss wherever they looked, 1\.39 at last: .*use a smaller/,
    );
    // From the first step on it is the settings, and at 0 there is nothing left to learn.
    expect(divergence(course({ losses: level(3, ln4, 0), level: 3 }))).toBeUndefined();
    expect(divergence(course({ losses: level(3, 0), level: 3 }))).toBeUndefined();
  });

  it('is looked for at 40 steps, and each time that they have doubled', () => {
    expect(steps(1000, (i) => i + 1).filter(isJudged)).toEqual([40, 80, 160, 320, 640]);
  });
});

describe('what a run came to', () => {
  const first = validation(0, around(1.2));
  const worse = validation(100, around(1.3));
  const better = validation(100, around(0.5));

  it.each<[string, Partial<Course>, number, string[]]>([
    ['is well', { first, last: better, best: better }, 100, []],
    ['has no validation', {}, 100, []],
    ['took no step', { losses: [], first, last: first, best: first }, 0, ['UNTRAINED']],
    ['is worse than before', { first, last: worse, best: first }, 0, ['DIVERGED']],
    ['is as before', { first, last: validation(100, around(1.2)), best: first }, 0, ['UNTRAINED']],
    ['keeps what is worse', { first, last: worse, best: first }, 100, ['DIVERGED']],
    ['was stopped before it was scored', { first, last: first, best: first }, 100, []],
    ['is better by chance', { first, last: better, best: validation(50, around(1.2)) }, 50, ['WITHIN_NOISE']],
  ])('%s', (_, change, kept, expected) => {
    expect(codes(outcomeWarnings(course(change), kept))).toEqual(expected);
  });

  it('is one thing where it diverged, which explains all else', () => {
    // Kept for their answers, of which more are right; the loss is far above a guess.
    const scored = around(9).map((loss, i) => (i < 8 ? 0.1 : 10 * loss));
    const last = validation(100, around(40));
    for (const kept of [validation(50, scored), validation(50, around(1.3))]) {
      expect(outcomeWarnings(course({ first, last, best: kept }), 50)).toEqual([
        {
          code: 'WARN_ZEST_DIVERGED',
          message: expect.stringMatching(/^the validation loss rose from 1\.2 to 40, .*: use a smaller.* prints$/),
        },
      ]);
    }
    const [alone] = outcomeWarnings(course({ first, last: better, best: validation(50, around(1.2)) }), 50);
    expect(alone?.message).toMatch(
      /^the weights kept, of step 50, are .* as it came: their validation loss .*; use more training\.steps/,
    );
  });

  it('diverged where nothing good was kept and the loss rose by more than twice its noise', () => {
    // One of ten by 3, and all by as much more: the rise has a standard error of 0.3.
    const rose = (by: number) => {
      const last = validation(
        100,
        around(1.2).map((loss, i) => loss + by + (i === 4 ? 3 : 0)),
      );
      return codes(outcomeWarnings(course({ first, last, best: first }), 0));
    };
    expect(rose(0.29)).toEqual(['UNTRAINED']);
    expect(rose(0.31)).toEqual(['DIVERGED']);
  });

  it('has another cure where the model as it came was right throughout: there was nothing to gain', () => {
    const right = validation(0, around(0.3));
    for (const [best, kept] of [
      [validation(100, around(0.3)), 100],
      [right, 0],
    ] as const) {
      const last = validation(100, around(0.3));
      const [told] = outcomeWarnings(course({ first: right, last, best }), kept);
      expect(told?.message).toMatch(/; use validation data that the model as it came does not answer rightly/);
    }
  });

  it('has no cure of its own where the run was warned of the cause', () => {
    const one = validation(100, [...around(0.5, 9), 2], [2]);
    const told = (...warned: string[]) =>
      outcomeWarnings(course({ first, last: one, best: one, warned }), 100).map(({ message }) => message);
    expect(told('WARN_ZEST_BATCH')).toEqual([expect.stringMatching(/; use another optimizer\.learningRate/)]);
    expect(told('WARN_ZEST_BATCH', 'WARN_ZEST_CUT')).toEqual([
      expect.stringMatching(/nothing apart; first mend what the run was warned of before \(WARN_ZEST_CUT\)$/),
    ]);
  });

  it('is judged by the test where there is no validation', () => {
    const tested = (losses: readonly number[], given?: readonly number[]) =>
      outcomeWarnings(course({ tested: validation(100, losses, given) }), 100).map(({ message }) => message);
    expect(tested(around(0.5))).toEqual([]);
    expect(tested([...around(0.5, 9), 2], [2])).toEqual([
      expect.stringMatching(/^the weights kept answer "c" to all 10 test examples: /),
    ]);
    expect(tested(around(1.6))).toEqual([
      expect.stringMatching(/^the test loss of the weights kept is 1\.6, above ln 4/),
    ]);
    // A validation of the same weights comes first.
    const kept = { last: better, best: better, first, tested: validation(100, around(9)) };
    expect(outcomeWarnings(course(kept), 100)).toEqual([]);
  });

  it('is one answer to everything', () => {
    const one = validation(100, [...around(0.5, 9), 2], [2]);
    expect(outcomeWarnings(course({ first, last: one, best: one }), 100)).toEqual([
      {
        code: 'WARN_ZEST_ONE_ANSWER',
        message: expect.stringMatching(/^the weights kept answer "c" to all 10 validation examples: /),
      },
    ]);
    const right = validation(100, around(0.5), [2]);
    expect(outcomeWarnings(course({ first, last: right, best: right }), 100)).toEqual([]);
    // That the loss is above a guess, and no lower than before, is no other thing to mend.
    const poor = validation(100, [...around(1.19, 9), 9], [2]);
    expect(codes(outcomeWarnings(course({ first, last: poor, best: poor }), 100))).toEqual(['ONE_ANSWER']);
  });

  it('is worse than a guess', () => {
    const high = validation(0, around(4));
    // ln 4 = 1.3863, and the mean of ten has a standard error of 0.0333.
    for (const [loss, expected] of [
      [1.45, []],
      [1.46, ['WORSE_THAN_CHANCE']],
    ] as const) {
      const last = validation(100, around(loss));
      expect(codes(outcomeWarnings(course({ first: high, last, best: last }), 100))).toEqual(expected);
    }
    expect(Math.log(CLASSES) + 2 * 0.0333).toBeCloseTo(1.453, 3);
  });
});

describe('weights that are no better than chance', () => {
  /** Weights that answer so many of 60 examples rightly, all at one loss, where the labels have these shares. */
  const kept = (right: number, loss: number, [most, least]: readonly [number, number]): Validation => {
    const measures = { precision: 0, recall: 0, f1: 0 };
    const classes = [
      { name: 'bad', ...measures, count: most },
      { name: 'good', ...measures, count: least },
    ];
    return {
      step: 100,
      forwards: 100,
      score: { loss, count: 60 },
      report: { classes, macro: measures, confusion: {}, calibration: { error: 0, bins: [] }, worst: [] },
      scored: steps(60, (i) => i).map((i) => ({ loss, answer: i % 2, isRight: i < right })),
    };
  };
  const first: Validation = { ...kept(0, 9, [30, 30]), step: 0 };
  const found = (last: Validation) =>
    outcomeWarnings({ losses: around(1, 100), answers: ['bad', 'good'], first, last, best: last }, 100);

  it.each([
    // Of 60 fair coins, 30 ± 3.87 are heads: 37 are within two of that, 38 are not.
    [27, 0.7, [30, 30], ['CHANCE']],
    [37, 0.69, [30, 30], ['CHANCE']],
    [38, 0.69, [30, 30], []],
    // The loss of the shares as probabilities is ln 2 = 0.6931 of halves, and 0.5004 of 48 and 12; 2 % are too little.
    [27, 0.67, [30, 30], []],
    [48, 0.502, [48, 12], ['CHANCE']],
    [48, 0.4, [48, 12], []],
    [54, 0.502, [48, 12], ['CHANCE']],
    [55, 0.502, [48, 12], []],
    // That is told in other words.
    [30, 0.75, [30, 30], ['WORSE_THAN_CHANCE']],
  ] as const)('are told of: %i of 60 right at a loss of %f, labels %j', (right, loss, labels, expected) => {
    expect(codes(found(kept(right, loss, labels)))).toEqual(expected);
  });

  it('are told of with what would be as good', () => {
    expect(found(kept(27, 0.69, [33, 27]))[0]?.message).toMatch(
      /: 45\.0 % of their answers to 60 validation examples are right, and 55\.0 % would be if all were "bad", with a noise of 6\.4 %; use more/,
    );
  });
});

describe('a run of a head that is new', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await topicsFolder();
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('that diverges says so at once, at its end, in its files, and each time that it is used', async () => {
    const config = topicsConfig(folder, 'diverged');
    const events = await run(config);
    const warnings = ofKind(events, 'warning');
    const [during] = warnings.filter(({ code }) => code !== 'WARN_ZEST_VALIDATION');
    expect(during?.code).toBe('WARN_ZEST_DIVERGED');
    const at = events.indexOf(during!);
    expect(events.slice(0, at).findLast(({ kind }) => kind === 'step')).toMatchObject({ step: 25 });
    const { warnings: last, validation, before } = await readSummary(config.output);
    expect(codes(last)).toEqual(['DIVERGED']);
    expect(validation!.loss).toBeGreaterThan(10 * before!.loss);
    expect(events.slice(-1 - last.length, -1)).toEqual(last.map((warning) => ({ kind: 'warning', ...warning })));
    expect((await readMetrics(config.output)).filter(({ kind }) => kind === 'warning')).toEqual(warnings);
    const told: Warning[] = [];
    const { model } = await openRun(config.output, { onWarning: (warning) => told.push(warning) });
    model.dispose();
    expect(told).toEqual(last);
  });

  it('that learned nothing ends with that, and so do its uses', async () => {
    const config = topicsConfig(folder, 'untrained');
    const task = { template: '{text} . it is about {mask} .', labelWords: ['food', 'music', 'sport'] };
    const { head: _, ...headless } = config;
    const file = join(folder, 'untrained.yaml');
    const training = { ...config.training, steps: 4, evaluateEvery: 2 };
    // A rate that ruins the model within two steps: its loss, and so much that it answers alike.
    const ruined = { ...headless, task: { ...task, metrics: ['accuracy'] }, training };
    await writeFile(file, stringify({ ...ruined, optimizer: { method: 'mezo', learningRate: 1e-2 } }));
    const trained = await zest(['train', file]);
    expect(trained.status).toBe(0);
    const diverged =
      /warning: .* loss rose .*: use a smaller .*; the weights kept are those of the model as it came, of step 0 \(WARN_ZEST_DIVERGED\)\n/;
    expect(trained.stderr).toMatch(new RegExp(`${diverged.source}$`));
    const input = join(folder, 'new.txt');
    await writeFile(input, 'a song for two voices\n');
    const predicted = await zest(['predict', config.output, '--input', input]);
    expect(predicted.stderr).toMatch(diverged);
    const evaluated = await zest(['evaluate', config.output, '--json']);
    expect(evaluated.stderr).toMatch(diverged);
    expect(evaluated.stdout).toContain('{"kind":"warning","code":"WARN_ZEST_DIVERGED",');
    // A run of a version that wrote no warnings.
    const { warnings: _w, ...summary } = await readSummary(config.output);
    await writeFile(join(config.output, 'summary.json'), JSON.stringify(summary));
    expect((await zest(['predict', config.output, '--input', input])).stderr).toMatch(
      /warning: .*nothing was learned: the weights kept are those of the model as it came, of step 0 \(WARN_ZEST_UNTRAINED\)\n/,
    );
  });

  it('that is only tested is judged by its test', async () => {
    const config = topicsConfig(folder, 'tested');
    const { validation, ...data } = config.data;
    const training = { ...config.training, steps: 2 };
    const optimizer = { method: 'mezo' as const, learningRate: 1e-5 };
    await run({ ...config, optimizer, training, data: { ...data, test: validation as string } });
    const { warnings, test } = await readSummary(config.output);
    expect(test?.count).toBeGreaterThan(10);
    // A head of two steps tells nothing apart, in one way or another.
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(/test (loss|examples)/);
  });

  it('that is told to stop keeps what it has learned', async () => {
    const { head: _, ...config } = topicsConfig(folder, 'stopped');
    const task = { template: '{text} . it is about {mask} .', labelWords: ['food', 'music', 'sport'] };
    const file = join(folder, 'stopped.yaml');
    const training = { ...config.training, steps: 100_000, evaluateEvery: 100_000 };
    await writeFile(file, stringify({ ...config, task, optimizer: { method: 'mezo', learningRate: 6e-5 }, training }));
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const) {
      const running = start(['train', file, '--json', '--overwrite']);
      await running.printed('"step":30');
      running.child.kill(signal);
      const ended = await running.finished;
      expect(ended.status).toBe(status);
      const { interrupted, steps, kept, before, validation } = await readSummary(config.output);
      expect({ interrupted, kept }).toEqual({ interrupted: true, kept: { name: 'last', step: steps } });
      expect(validation!.loss).toBeLessThan(before!.loss - 0.5);
      const scored = ended.stdout.split('\n').filter((line) => line.startsWith('{"kind":"evaluation"'));
      expect(scored.map((line) => JSON.parse(line).step)).toEqual([0, steps]);
    }
  });
});

const stories = folderOf('tinystories-656k');

describe.skipIf(!existsSync(stories))('a run of a Llama at a rate of 1', () => {
  it('has one warning and no other cure, though its loss falls back to ln 2', async () => {
    const folder = await reviewFolder();
    const { data, ...config } = reviewConfig(folder, 'blown-up');
    const task = { template: '{sentence} . The day was{mask}', labelWords: ['sad', 'happy'] };
    const training = { ...config.training, steps: 12, evaluateEvery: 12 };
    const optimizer = { method: 'mezo' as const, learningRate: 1 };
    const llama = { ...config, model: stories, task, optimizer, training };
    for (const [output, files] of [
      ['without', { train: data.train }],
      ['with', data],
    ] as const) {
      const events = await run({ ...llama, data: files, output: join(folder, output) });
      const warnings = ofKind(events, 'warning');
      expect(codes(warnings)).toEqual(['DIVERGED', 'DIVERGED']);
      // It is told among the first steps, and the loss of the last is that of outputs of 0.
      const told = events.findIndex(({ kind }) => kind === 'warning');
      expect(ofKind(events.slice(0, told), 'step').length).toBeLessThan(6);
      const last = ofKind(events, 'step').slice(-3);
      expect(last.map(({ gradientNorm }) => gradientNorm)).toEqual([0, 0, 0]);
      for (const { meanLoss } of last) expect(meanLoss).toBeCloseTo(Math.LN2, 6);
      expect(codes((await readSummary(join(folder, output))).warnings)).toEqual(['DIVERGED']);
    }
    await rm(folder, { recursive: true });
  });
});
