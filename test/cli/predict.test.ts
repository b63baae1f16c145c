import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openRun } from '../../lib/training/open-run.ts';
import { predict } from '../../lib/training/predict.ts';
import { reviewConfig, reviewFolder, run } from '../training/runs.ts';
import { parseLines, start, zest } from './zest.ts';

let folder: string;
let trained: string;
let config: string;
const path = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await reviewFolder();
  const review = reviewConfig(folder, 'run');
  config = path('config.yaml');
  await writeFile(config, stringify(review));
  await run({ ...review, training: { ...review.training, steps: 2 } });
  trained = review.output;
});
afterAll(() => rm(folder, { recursive: true }));

describe('zest predict', () => {
  it('prints what predict gives in code, an object a line', async () => {
    const { model, task } = await openRun(trained);
    const expected: object[] = [];
    for await (const answer of predict({ model, task }, path('test.jsonl'))) expected.push(answer);
    model.dispose();
    for (const more of [[], ['--json']]) {
      const { status, stdout, stderr } = await zest(['predict', trained, '--input', path('test.jsonl'), ...more]);
      expect(status).toBe(0);
      expect(parseLines(stdout)).toEqual(expected);
      expect(stderr).toMatch(/^30 answers, \d+ s\n30 with a label: accuracy \d+\.\d %, loss \d\.\d{4}\n$/);
    }
    expect(expected[0]).toMatchObject({ label: expect.stringMatching(/^(terrible|great)$/), input: { label: 0 } });
  });

  it('reads csv, tsv and plain text alike, and takes a configuration', async () => {
    await writeFile(path('a.csv'), 'id,sentence\n1,"charming, funny"\n2,dull\n');
    await writeFile(path('a.tsv'), 'id\tsentence\n1\tcharming, funny\n2\tdull\n');
    await writeFile(path('a.txt'), 'charming, funny\ndull\n');
    const [csv, tsv, txt] = await Promise.all(
      ['a.csv', 'a.tsv', 'a.txt'].map(async (name) => {
        const args = ['predict', config, '--input', path(name), '--set', 'task.labels=[bad, good]'];
        return parseLines((await zest(args)).stdout);
      }),
    );
    expect(csv).toEqual(tsv);
    expect(csv!.map(({ id, ...rest }) => rest)).toEqual(txt);
    expect(csv).toMatchObject([
      {
        id: '1',
        sentence: 'charming, funny',
        label: 'good',
        probabilities: { bad: expect.any(Number), good: expect.any(Number) },
      },
      { id: '2', sentence: 'dull', label: 'bad' },
    ]);
  });

  it('scores the rows that have a label of the task, and only those', async () => {
    await writeFile(path('some.csv'), 'sentence,label\ncharming,1\ndull,0.0\nmoving,\nlame,maybe\nfunny,great\n');
    const { stdout, stderr } = await zest(['predict', trained, '--input', path('some.csv')]);
    expect(parseLines(stdout)).toHaveLength(5);
    expect(stderr).toMatch(
      /^5 answers, \d+ s\nwarning: 1 row has in "label" a label that is none of the task's: "maybe"; expected one of terrible, great\. .*\(WARN_ZEST_UNKNOWN_LABEL\)\n3 with a label: accuracy \d+\.\d %, loss \d\.\d{4}\n$/,
    );
    await writeFile(path('none.csv'), 'sentence\ncharming\n');
    const without = await zest(['predict', trained, '--input', path('none.csv')]);
    expect(without.stderr).toMatch(/^1 answer, \d+ s\n$/);
    const { model, task } = await openRun(trained);
    const counts: number[] = [];
    const onScore = ({ score }: { score: { count: number } }) => counts.push(score.count);
    const warnings: string[] = [];
    const onWarning = ({ message }: { message: string }) => warnings.push(message);
    for await (const _ of predict({ model, task }, path('some.csv'), { onScore, onWarning }));
    for await (const _ of predict({ model, task }, path('none.csv'), { onScore, onWarning }));
    const rows = Array.from({ length: 9 }, (_, i) => JSON.stringify({ sentence: 'a', label: i < 2 ? [i] : `l${i}` }));
    await writeFile(path('many.jsonl'), rows.join('\n'));
    for await (const _ of predict({ model, task }, path('many.jsonl'), { onScore, onWarning, batchSize: 2 }));
    model.dispose();
    expect(counts).toEqual([3]);
    expect(warnings).toEqual([
      expect.stringMatching(/^1 row has .*: "maybe"; /),
      expect.stringMatching(/^9 rows have .*: "\[ 0 \]", "\[ 1 \]", "l2", "l3", "l4", …; /),
    ]);
  });

  it('writes a file that is there only when it is whole', async () => {
    const out = path('out.jsonl');
    const args = ['predict', trained, '--output', out];
    const written = await zest([...args, '--input', path('test.jsonl'), '--json']);
    expect(written.status).toBe(0);
    const [done] = parseLines(written.stdout);
    expect(done).toMatchObject({ kind: 'done', output: out, count: 30 });
    expect(done).toMatchObject({ score: { count: 30 }, report: { classes: [{ count: 15 }, { count: 15 }] } });
    const content = await readFile(out, 'utf8');
    for (const toStdout of [[], ['--output', '-']]) {
      expect((await zest(['predict', trained, '--input', path('test.jsonl'), ...toStdout])).stdout).toBe(content);
    }
    await writeFile(path('bad.jsonl'), '{"sentence": "a"}\n{"sentence": \n');
    const failed = await zest([...args, '--input', path('bad.jsonl')]);
    expect(failed.status).toBe(2);
    expect(failed.stderr).toMatch(/^error: .*bad\.jsonl:2: is not JSON.* \(ERR_ZEST_DATA\)\n$/);
    expect(await readFile(out, 'utf8')).toBe(content);
    expect((await readdir(folder)).filter((name) => name.includes('.partial'))).toEqual([]);
  });

  it('writes whole answers whoever else writes to the same file', async () => {
    const out = path('shared.jsonl');
    const args = ['predict', trained, '--output', out, '--input'];
    await writeFile(path('twice.jsonl'), (await readFile(path('test.jsonl'), 'utf8')).repeat(20));
    const alone = await zest(['predict', trained, '--input', path('twice.jsonl')]);
    const both = await Promise.all([zest([...args, path('twice.jsonl')]), zest([...args, path('twice.jsonl')])]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(await readFile(out, 'utf8')).toBe(alone.stdout);
    expect((await readdir(folder)).filter((name) => name.includes('.partial'))).toEqual([]);
  });

  it('answers lines of stdin as they come, and ends when it ends or at Ctrl-C', async () => {
    const args = ['predict', trained, '--input', '-'];
    const talk = start(args, {}, 'pipe');
    talk.child.stdin!.write('charming\n');
    await talk.printed('"sentence":"charming"');
    talk.child.stdin!.write('{"sentence": 1}\nlast');
    await talk.printed('"sentence":"{\\"sentence\\": 1}"');
    talk.child.stdin!.end();
    const { status, stdout } = await talk.finished;
    expect(status).toBe(0);
    expect(parseLines(stdout).map(({ sentence }) => sentence)).toEqual(['charming', '{"sentence": 1}', 'last']);

    const waiting = start(args, {}, 'pipe');
    waiting.child.stdin!.write('{"sentence": "dull"}\n');
    await waiting.printed('"sentence":"dull"');
    waiting.child.kill('SIGINT');
    const stopped = await waiting.finished;
    expect(stopped.status).toBe(130);
    expect(stopped.stderr).not.toContain('error');
  });

  it('says what is wrong in a line, with the status that fits', async () => {
    await writeFile(path('wrong.csv'), 'text,label\na,1\n');
    await writeFile(path('empty.txt'), '');
    await mkdir(path('hollow'));
    await writeFile(path('latin.txt'), Buffer.from('a\ncafé\n', 'latin1'));
    const cases: [string[], number, RegExp][] = [
      [
        [trained, '--input', path('wrong.csv')],
        2,
        /"sentence", which .*wrong\.csv does not have: text, label \(ERR_ZEST_TEMPLATE/,
      ],
      [[trained, '--input', path('empty.txt')], 2, /empty\.txt: has no rows \(ERR_ZEST_DATA/],
      [[trained, '--input', path('latin.txt')], 2, /latin\.txt:2: is not UTF-8; convert .* \(ERR_ZEST_DATA/],
      [[trained, '--input', path('none.txt')], 2, /none\.txt: cannot be read: ENOENT.* \(ERR_ZEST_DATA/],
      [[trained, '--input', path('test.jsonl'), '--format', 'xml'], 2, /'xml' is invalid/],
      [[trained], 2, /required option '--input <file>' not specified/],
      [
        [folder, '--input', path('test.jsonl')],
        2,
        /is a folder; expected the folder of a run: there is .*run \(ERR_ZEST_RUN/,
      ],
      [
        [trained, '--input', path('test.jsonl'), '--output', folder],
        1,
        /: it is a folder; expected the path of a file \(ERR_ZEST_FILE/,
      ],
      [[trained, '--input', path('hollow')], 2, /is a folder without files with rows; .* \(ERR_ZEST_DATA/],
      [
        [trained, '--input', path('test.jsonl'), '--output', join(folder, 'no', 'o')],
        1,
        /cannot write .* \(ERR_ZEST_FILE/,
      ],
      // Before anything is answered: the run need not be one.
      [
        ['none', '--input', path('test.jsonl'), '--output', folder],
        1,
        /cannot write .*: it is a folder; expected the path of a file \(ERR_ZEST_FILE/,
      ],
    ];
    for (const [args, expected, message] of cases) {
      const { status, stdout, stderr } = await zest(['predict', ...args]);
      expect(stderr).toMatch(message);
      expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    }
  });
});
