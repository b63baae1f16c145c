import { expect } from 'vitest';
import { formatNumber } from '../../lib/report/scale.ts';
import { studyPage } from '../../lib/report/study-page.ts';
import { runStudy } from '../../lib/studies/registry.ts';
import type { StudyResult, StudyTable } from '../../lib/studies/study.ts';

const results = new Map<string, Promise<StudyResult>>();

/** What a study finds in its quick form; once for all tests of a file. */
export const quick = (name: string): Promise<StudyResult> => {
  const known = results.get(name) ?? runStudy(name, { quick: true });
  results.set(name, known);
  return known;
};

/** The values of a line of a chart, by its place. */
export const lineOf = ({ charts }: StudyResult, id: string, name: string) => {
  const line = charts.find((chart) => chart.id === id)?.lines.find((one) => one.name === name);
  if (!line) throw new Error(`no line ${name} in a chart ${id}`);
  return (x: number): number => line.y[line.x.indexOf(x)]!;
};

/** A table whose caption begins so. */
export const tableOf = ({ tables }: StudyResult, caption: string): StudyTable => {
  const found = tables.find((table) => table.caption.startsWith(caption));
  if (!found) throw new Error(`no table ${caption}`);
  return found;
};

/** Corrections of the bias lengthen the step and cost signal, and one-sided has most of it. */
export const expectRatioEstimators = (result: StudyResult): void => {
  const { rows } = tableOf(result, 'τ = 1, 10');
  const of = (name: string) => rows.find(([one]) => one === name)!.slice(1) as number[];
  const [scale, cosine] = [0, 4];
  for (const name of ['biasCorrected', 'beale', 'jackknife']) {
    expect(of(name)[scale]).toBeGreaterThan(of('naive')[scale]!);
    expect(of(name)[cosine]).toBeLessThan(of('naive')[cosine]!);
  }
  expect(of('one-sided')[cosine]).toBeGreaterThan(of('naive')[cosine]!);
};

/** Its page has its numbers, its words and its charts, and nothing in it is loaded from elsewhere. */
export const expectPage = async (result: StudyResult): Promise<void> => {
  const html = await studyPage(result);
  expect(html).not.toMatch(/(src|href)=|url\((?!#)|@import|https?:/);
  expect(html.replaceAll(/<(script|style).*?<\/\1>/gs, '')).not.toMatch(/NaN|undefined/);
  expect(html).toContain("default-src 'none'");
  for (const { id } of [...result.charts, ...(result.surfaces ?? [])]) expect(html).toContain(`<svg id="${id}"`);
  for (const { rows } of result.tables)
    for (const cell of rows.flat()) if (typeof cell === 'number') expect(html).toContain(`>${formatNumber(cell)}<`);
};
