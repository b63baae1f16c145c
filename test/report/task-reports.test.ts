import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classificationText } from '../../lib/cli/terminal/classification.ts';
import { report } from '../../lib/report/report.ts';
import { Outcomes } from '../../lib/tasks/classification-report.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { configText, finished, metricLines, writeRun } from './runs.ts';

const folder = scratchFolder();

const reportOf = (names: readonly string[], pairs: readonly [label: number, answer: number][]) => {
  const outcomes = new Outcomes(names);
  for (const [i, [reference, answer]] of pairs.entries()) {
    const [source, fields] = [`data/test.csv:${i + 2}`, { text: `<b>${i}</b>`, other: 'pair' }];
    const loss = reference === answer ? 0.3 : 1.4;
    const example = { source, fields, label: names[reference]!, answer: names[answer]!, loss };
    outcomes.add({ example, answer, reference, confidence: 0.75 });
  }
  return outcomes.report();
};

const writtenRun = async (name: string, reports: object | string) => {
  const path = await writeRun(join(folder, name), {
    metrics: metricLines(4, 2, 2),
    config: configText('mezo', 1, 4),
    summary: finished(4, 2),
  });
  await writeFile(join(path, 'classification.json'), typeof reports === 'string' ? reports : JSON.stringify(reports));
  return path;
};

const textOf = (html: string) => html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

describe('the classes of a report', () => {
  it('are shown with their confusion, calibration and the worst examples', async () => {
    const test = reportOf(
      ['bad', 'good'],
      [
        [0, 0],
        [0, 1],
        [1, 1],
        [1, 1],
      ],
    );
    const { html } = await report([await writtenRun('one', { test })]);
    const text = textOf(html);
    expect(text).toContain('On the test data');
    expect(html).not.toContain('<h3>On the validation data</h3>');
    expect(text).toContain('bad 100.0 % 50.0 % 66.7 % 2 good 66.7 % 100.0 % 80.0 % 2');
    expect(text).toContain('label \\ answer bad good bad 1 1 good 0 2');
    expect(text).toContain('The mean distance, the expected calibration error, is 0.0 %');
    expect(text).toContain('test.csv:3 &lt;b&gt;1&lt;/b&gt; | pair bad good 24.7 % 1.40');
    expect(html).toMatch(/<svg id="calibration-0-test" class="chart"/);
    expect(html).toMatch(/<details class="classes" open/);
  });

  it('may be called as what every object has', async () => {
    const test = reportOf(
      ['constructor', '__proto__', 'toString'],
      [
        [0, 1],
        [1, 1],
        [1, 1],
        [2, 0],
      ],
    );
    const { html } = await report([await writtenRun('named', { test })]);
    const rows = 'constructor 0 1 0 __proto__ 0 2 0 toString 1 0 0';
    expect(textOf(html)).toContain(`label \\ answer constructor __proto__ toString ${rows}`);
    expect(textOf(classificationText(test, 80))).toContain(rows);
  });

  it('of many are the pairs that are confused most; several runs are folded', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `class-${i}`);
    const pairs = names.map((_, i): [number, number] => [i, (i + 1) % 30]);
    const validation = reportOf(names, [...pairs, [3, 9], [3, 9], [3, 9]]);
    const { html } = await report([await writtenRun('many', { validation }), await writtenRun('few', {})]);
    expect(textOf(html)).toContain('label answer times class-3 class-9 3');
    expect(html).toMatch(/<details class="classes" data-run="0"/);
    expect(html).not.toContain('data-run="1"><summary>');
  });

  it('that cannot be read are a note, and none are nothing', async () => {
    const { html, runs } = await report([await writtenRun('broken', '{"test": {"classes": 1}}')]);
    expect(runs[0]?.notes).toEqual(['Its classification.json is not readable.']);
    expect(html).not.toContain('<h2>Classes</h2>');
  });
});
