import { describe, expect, it } from 'vitest';
import { lineChart, shortened } from '../../lib/report/chart.ts';
import { compared, distinctNames, seedGroups } from '../../lib/report/compare-runs.ts';
import { heatMap } from '../../lib/report/heat-map.ts';
import { escaped, inlineJson, table } from '../../lib/report/html.ts';
import { formatNumber, linearScale, logScale, valueScale } from '../../lib/report/scale.ts';
import { binned, equalBins, movingMean } from '../../lib/report/series.ts';
import type { RunStatus } from '../../lib/runs/status.ts';

const labels = (scale: { ticks: readonly { label: string }[] }) => scale.ticks.map(({ label }) => label);

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [4000, '4,000'],
    [1234567, '1,234,567'],
    [0.69312345, '0.6931'],
    [12.34567, '12.35'],
    [-1.5, '−1.5'],
    [0.0000123456, '1.23e-5'],
    [0.001, '0.001'],
    [123456.7, '1.23e5'],
    [1e30, '1e30'],
    [Number.NaN, '–'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('%d is %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('in per cent', () => {
    expect(formatNumber(0.8125, 'percent')).toBe('81.3 %');
    expect(formatNumber(Number.NaN, 'percent')).toBe('–');
  });
});

describe('an axis', () => {
  it('has round ticks of equal precision', () => {
    expect(labels(linearScale(0, 4000))).toEqual(['0', '1,000', '2,000', '3,000', '4,000']);
    expect(labels(linearScale(0.62, 0.71))).toEqual(['0.62', '0.64', '0.66', '0.68', '0.70']);
    expect(labels(linearScale(0.5, 0.68, 5, 'percent'))).toEqual(['50 %', '55 %', '60 %', '65 %']);
    expect(labels(linearScale(-1, 1))).toEqual(['−1.0', '−0.5', '0.0', '0.5', '1.0']);
    expect(labels(logScale(1, 2000))).toEqual(['1', '10', '100', '1,000']);
    expect(labels(logScale(0.9, 60))).toEqual(['1', '2', '5', '10', '20', '50']);
    expect(labels(logScale(1e-9, 1e12)).length).toBeLessThanOrEqual(6);
  });

  it('has some width whatever the values are', () => {
    for (const [low, high] of [
      [0, 0],
      [3, 3],
      [1e300, 1e300],
      [-5, -5],
    ] as const) {
      const scale = linearScale(low, high);
      expect(scale.at(low)).toBeCloseTo(0.5, 12);
      expect(scale.ticks.length).toBeGreaterThan(1);
    }
    const ends = [0, 5e-324, 1e-300, 1, 1e300, Number.MAX_VALUE].flatMap((size) => [-size, size]);
    for (const values of ends.flatMap((one) => ends.map((other) => [one, other]))) {
      const scale = valueScale(values);
      expect(scale.ticks.map(({ value }) => value).filter((value) => !Number.isFinite(value))).toEqual([]);
      const shown = values.filter((value) => value > 0 || !scale.log);
      expect(shown.map(scale.at).filter(Number.isNaN)).toEqual([]);
    }
    expect(valueScale([1, 1e300]).log).toBe(true);
    // A tau of 1, in float64.
    expect(labels(valueScale([1, 1 - 2 ** -53, 1 + 2 ** -52]))).toEqual(['0.90', '0.95', '1.00', '1.05', '1.10']);
    expect(labels(valueScale([1, 1 + 2 ** -52], { log: true })).length).toBeGreaterThan(1);
    expect(labels(valueScale([]))[0]).toBe('0.0');
    expect(labels(valueScale([Number.NaN, Number.POSITIVE_INFINITY]))[0]).toBe('0.0');
  });

  it('leaves out a few values that would stretch it, and no others', () => {
    const values = Array.from({ length: 200 }, (_, i) => 0.5 + (i % 10) / 50);
    const with1Outlier = valueScale([...values, 100], { log: false });
    expect(with1Outlier.high).toBeLessThan(1);
    expect(with1Outlier.low).toBeGreaterThan(0.4);
    expect(valueScale([...values, 0.75]).high).toBeGreaterThan(0.75);
    // A fifth of them are no outliers.
    expect(valueScale([...values, ...Array(50).fill(100)], { log: false }).high).toBeGreaterThan(100);
  });

  it('is logarithmic where the values are some dozens of times apart, and above 0', () => {
    const values = Array.from({ length: 100 }, (_, i) => 10 ** (i / 25));
    expect(valueScale(values).log).toBe(true);
    expect(valueScale(values.map((value) => value - 2)).log).toBe(false);
    expect(valueScale([1, 2, 3]).log).toBe(false);
    const { at } = logScale(1, 100);
    expect(at(10)).toBeCloseTo(0.5, 12);
  });
});

describe('values in bins', () => {
  it('lose neither their least nor their largest', () => {
    const bins = equalBins(10, 4);
    expect(bins).toEqual({ from: [0, 3, 6, 9], last: [2, 5, 8, 9] });
    const values = [1, 2, 3, 9, Number.NaN, 5, Number.NaN, Number.NaN, Number.NaN, 7];
    expect(binned(values, bins)).toEqual({
      mean: [2, 7, Number.NaN, 7],
      low: [1, 5, Number.NaN, 7],
      high: [3, 9, Number.NaN, 7],
    });
    expect(equalBins(3, 10)).toEqual({ from: [0, 1, 2], last: [0, 1, 2] });
    expect(equalBins(0, 10)).toEqual({ from: [], last: [] });
  });

  it('are smoothed without letting one huge value into all that follow', () => {
    const values = [1, 2, 3, 1e300, Number.NaN, 5, 6, 7];
    expect(movingMean(values, 1, [0, 1, 6, 7])).toEqual([1.5, 2, 6, 6.5]);
    expect(movingMean([Number.NaN], 1, [0])).toEqual([Number.NaN]);
  });
});

describe('what runs have in common', () => {
  it('is told apart from what differs', () => {
    const maps = [
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
      new Map([
        ['a', '1'],
        ['c', '3'],
      ]),
    ];
    expect(compared(maps)).toEqual({
      same: [{ key: 'a', values: ['1', '1'] }],
      differing: [
        { key: 'b', values: ['2', '–'] },
        { key: 'c', values: ['–', '3'] },
      ],
    });
  });

  it('groups those of several seeds', () => {
    const run = (name: string, seed: string, method: string, status: RunStatus = 'finished') => ({
      name,
      status,
      config: new Map([
        ['training.seed', seed],
        ['output', name],
        ['optimizer.method', method],
      ]),
    });
    const none = { status: 'finished', config: new Map<string, string>() } as const;
    const runs = [
      run('mezo-seed1', '1', 'mezo'),
      run('zest-1', '1', 'zest'),
      run('mezo-seed2', '2', 'mezo'),
      run('zest-1-again', '1', 'zest'),
      run('mezo-again', '2', 'mezo'),
      run('mezo-seed3', '3', 'mezo', 'running'),
      run('mezo-seed4', '4', 'mezo', 'interrupted'),
      { name: 'none', ...none },
      { name: 'none-2', ...none },
    ];
    expect(seedGroups(runs)).toEqual([{ name: 'mezo', runs: [0, 2] }]);
  });

  it.each([
    [['words-1', 'words-2'], 'words'],
    [['mezo-seed1', 'mezo-seed10'], 'mezo'],
    [['mezo-seed10', 'mezo-seed11'], 'mezo'],
    [['tilt=0_seed=1', 'tilt=0_seed=2'], 'tilt=0'],
    [['0.001/1', '0.001/2'], '0.001'],
    [['run_s1', 'run_s2'], 'run'],
    [['1', '2'], '1 and others'],
    [['😀 a-1', '😀 a-2'], '😀 a'],
    [['😀', '😁'], '😀 and others'],
  ])('names %j %s', (names, name) => {
    const runs = names.map((name, i) => ({
      name,
      status: 'finished' as const,
      config: new Map([['training.seed', `${i}`]]),
    }));
    expect(seedGroups(runs)).toEqual([{ name, runs: [0, 1] }]);
  });

  it('is left out of their names', () => {
    expect(distinctNames(['/x/runs/a', '/x/runs/b'])).toEqual(['a', 'b']);
    expect(distinctNames(['/x/1/a', '/x/2/a', '/x/2/b'])).toEqual(['1/a', '2/a', 'b']);
    expect(distinctNames(['/a/x', '/x'])).toEqual(['a/x', '/x']);
    expect(distinctNames(['/'])).toEqual(['/']);
  });
});

describe('HTML', () => {
  it('shows text as text', () => {
    expect(escaped(`<a href="x" b='y'>&\u0000\u001b`)).toBe(
      '&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\ufffd\ufffd',
    );
    expect(inlineJson({ a: '</script><!--' })).not.toContain('<');
    expect(JSON.parse(inlineJson({ a: '</script>' }))).toEqual({ a: '</script>' });
    const html = table({ caption: '<c>', columns: ['<a>'], rows: [['<b>']] });
    expect(html).not.toMatch(/<[abc]>/);
  });

  it('cuts names in the middle, between whole characters', () => {
    expect(shortened('zest-tau1-seed2', 15)).toBe('zest-tau1-seed2');
    expect(shortened('mezo-learningrate1e-5-seed2', 15)).toBe('mezo-le…5-seed2');
    expect(shortened('😀'.repeat(20), 5)).toBe('😀😀…😀😀');
  });
});

describe('lineChart', () => {
  const chart = (y: readonly number[], more = {}) =>
    lineChart({
      id: 'c',
      title: 'T',
      description: 'D',
      axes: [{ key: 'x', label: 'x' }],
      y: { label: 'y' },
      series: [{ name: 's', color: 0, x: [y.map((_, i) => i)], y, ...more }],
    });

  it('leaves gaps where values are missing', () => {
    const { svg } = chart([1, 2, Number.NaN, 3, Number.NaN, 4, 5, 6]);
    expect(svg.match(/<polyline[^>]*>/g)).toHaveLength(2);
    expect(svg).toMatch(/<polyline class="line" data-from="5"/);
    expect(svg).toMatch(/<circle class="line" data-from="3"/);
    expect(svg).not.toContain('NaN');
  });

  it('stands for values that are not there, infinite, huge or all the same', () => {
    for (const y of [[], [Number.NaN], [1, Number.POSITIVE_INFINITY, 2], [1e308, -1e308, 0], [5, 5, 5], [0]]) {
      const { svg } = chart(y, { low: y, high: y, points: true });
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it('says what lies beyond the axis', () => {
    const y = Array.from({ length: 300 }, (_, i) => 1 + (i % 7) / 10);
    expect(chart(y).note).toBe('');
    y[100] = 50;
    expect(chart(y).note).toBe('Outside of the axis: values up to 50 above.');
  });
});

it('heatMap has a cell for each value, and none for a missing one', () => {
  const svg = heatMap({
    id: 'h',
    title: '<T>',
    description: 'D',
    x: { label: 'a', values: [-1, 0, 1] },
    y: { label: 'b', values: [0, 1] },
    z: {
      label: 'loss',
      values: [
        [1, 2, 3],
        [4, Number.NaN, 6],
      ],
    },
  });
  expect(svg.match(/<rect[^>]*><title>/g)).toHaveLength(5);
  expect(svg).toContain('<title>−1, 0: 1</title>');
  expect(svg).not.toMatch(/NaN|<T>/);
});
