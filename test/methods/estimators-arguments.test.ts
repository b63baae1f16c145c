import { describe, expect, it } from 'vitest';
import { ZestError } from '../../lib/errors.ts';
import { coefficients, type EstimatorOptions, nativeEstimatorOptions } from '../../lib/methods/estimators.ts';

const two: EstimatorOptions = { rho: 1e-3, tilt: 1, estimator: 'naive', sides: 'two' };
const one: EstimatorOptions = { ...two, sides: 'one' };

const expectError = (call: () => unknown, type: typeof TypeError | typeof RangeError, code: string, text = '') => {
  expect(call).toThrow(type);
  expect(call).toThrow(ZestError);
  expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
};

describe('an estimator that is a function', () => {
  const values = [0.7, 0.66, 0.95, 0.71, 0.62, 0.75];

  it('gets a copy of the losses, ρ, the solved tilt and the sides', () => {
    const tiltOption = { effectiveSampleSize: 0.5 };
    const solved = coefficients(values, { ...two, tilt: tiltOption });
    const result = coefficients(values, {
      ...two,
      tilt: tiltOption,
      dimension: 4,
      estimator: (given, context) => {
        expect([...given]).toEqual(values);
        expect(context).toEqual({ rho: 1e-3, tilt: solved.tilt, sides: 'two' });
        given.fill(0);
        return Float64Array.of(3, 0, -4);
      },
    });
    expect([...result.coefficients]).toEqual([3, 0, -4]);
    expect(result.gradientNorm).toBe(10);
    expect([...result.losses]).toEqual(values);
    expect(result.tilt).toBe(solved.tilt);
    expect(result.tiltedLoss).toBe(solved.tiltedLoss);
    expect(result.effectiveSampleSize).toBe(solved.effectiveSampleSize);
  });

  it.each(['none', 'sigma', 'norm'] as const)('is normalized by %s as the built-in ones are', (normalize) => {
    for (const options of [two, one]) {
      const copied = coefficients(values, options).coefficients;
      const expected = coefficients(values, { ...options, normalize, dimension: 9 });
      const actual = coefficients(values, { ...options, normalize, dimension: 9, estimator: () => copied });
      actual.coefficients.forEach((c, i) => {
        expect(c / expected.coefficients[i]!).toBeCloseTo(1, 14);
      });
      expect(actual.gradientNorm / expected.gradientNorm).toBeCloseTo(1, 14);
    }
  });

  it.each([
    ['too short', () => Float64Array.of(1, 2), RangeError],
    ['too long', () => Float64Array.of(1, 2, 3, 4), RangeError],
    ['NaN', () => Float64Array.of(1, Number.NaN, 3), RangeError],
    ['infinite', () => Float64Array.of(1, 2, Number.POSITIVE_INFINITY), RangeError],
    ['beyond float64 in norm', () => Float64Array.of(1.7e308, 1.7e308, 0), RangeError],
    ['nothing', () => undefined, TypeError],
    ['a promise', async () => Float64Array.of(1, 2, 3), TypeError],
    ['strings', () => ['1', '2', '3'], TypeError],
  ])('may not return %s', (_, estimator, type) => {
    expectError(() => coefficients(values, { ...two, estimator: estimator as never }), type, 'ERR_ZEST_ESTIMATOR');
  });

  it('may throw what it likes', () => {
    const own = new Error('mine');
    const estimator = () => {
      throw own;
    };
    expect(() => coefficients(values, { ...two, estimator })).toThrow(own);
  });
});

describe('bad arguments', () => {
  const values = [0.1, 0.4, 0.3, 0.25];
  const wrong =
    (options: object, base = two) =>
    () =>
      coefficients(values, { ...base, ...options } as never);

  it.each([undefined, null, 7, 'losses', {}, new Map(), ['0.1', '0.2'], [0.1, null], [1n, 2n], new Array(2)])(
    'losses %s',
    (bad) => expectError(() => coefficients(bad as never, two), TypeError, 'ERR_ZEST_LOSSES', 'losses'),
  );
  it.each([[[]], [[1]], [[1, 2, 3]], [[1, Number.NaN]], [[1, Number.POSITIVE_INFINITY]], [new Float64Array(0)]])(
    'losses %s',
    (bad) => expectError(() => coefficients(bad, two), RangeError, 'ERR_ZEST_LOSSES', 'losses'),
  );
  it('no losses, one-sided', () => expectError(() => coefficients([], one), RangeError, 'ERR_ZEST_LOSSES'));
  it.each([undefined, null, 'options', 3])('options %s', (bad) =>
    expectError(() => coefficients(values, bad as never), TypeError, 'ERR_ZEST_OPTION'),
  );

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('rho %s', (rho) =>
    expectError(wrong({ rho }), RangeError, 'ERR_ZEST_RHO', 'rho'),
  );
  it.each([undefined, '1e-3', null, 1n])('rho %s', (rho) => expectError(wrong({ rho }), TypeError, 'ERR_ZEST_RHO'));

  it.each([
    -1e-9,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    { tau: -1 },
    { tau: Number.NaN },
    { effectiveSampleSize: 0 },
    { effectiveSampleSize: 1.01 },
    { effectiveSampleSize: Number.NaN },
    { klRadius: -1 },
    { klRadius: Number.POSITIVE_INFINITY },
  ])('tilt %o', (tilt) => expectError(wrong({ tilt }), RangeError, 'ERR_ZEST_TILT', 'tilt'));
  it.each([undefined, null, '1', {}, [1], { tau: '1' }, { tau: 1, klRadius: 1 }, { number: 1 }, { kappa: 0.5 }])(
    'tilt %o',
    (tilt) => expectError(wrong({ tilt }), TypeError, 'ERR_ZEST_TILT', 'tilt'),
  );

  it.each([undefined, 'Naive', 'tin', 0, null, {}])('estimator %s', (estimator) =>
    expectError(wrong({ estimator }), RangeError, 'ERR_ZEST_ESTIMATOR', 'estimator'),
  );
  it.each(['biasCorrected', 'beale', 'jackknife'])('one-sided %s', (estimator) =>
    expectError(wrong({ estimator }, one), RangeError, 'ERR_ZEST_ESTIMATOR', estimator),
  );
  it('one direction, one-sided', () => {
    expectError(() => coefficients([0.5], one), RangeError, 'ERR_ZEST_ESTIMATOR', 'sides');
    const estimator = () => Float64Array.of(1);
    expectError(() => coefficients([0.5], { ...one, estimator }), RangeError, 'ERR_ZEST_ESTIMATOR', 'sides');
  });

  it.each([
    { sides: undefined },
    { sides: 'both' },
    { sides: 1 },
    { normalize: 'max' },
    { normalize: null },
    { dimension: 0 },
    { dimension: 1.5 },
    { dimension: Number.NaN },
  ])('%o', (option) => expectError(wrong(option), RangeError, 'ERR_ZEST_OPTION', Object.keys(option)[0]));
  it('dimension as a string', () => expectError(wrong({ dimension: '3' }), TypeError, 'ERR_ZEST_OPTION', 'dimension'));
});

describe('nativeEstimatorOptions', () => {
  it('holds the names of core/names.h', () => {
    const options: EstimatorOptions = { rho: 0.5, tilt: { klRadius: 2 }, estimator: 'jackknife', sides: 'two' };
    expect(nativeEstimatorOptions({ ...options, normalize: 'norm', dimension: 7 }, 3)).toEqual({
      rho: 0.5,
      tiltRule: 'klRadius',
      tiltValue: 2,
      estimator: 'jackknife',
      sides: 'two',
      normalize: 'norm',
      dimension: 7,
    });
    expect(nativeEstimatorOptions(one, 2)).toEqual({
      rho: 1e-3,
      tiltRule: 'number',
      tiltValue: 1,
      estimator: 'naive',
      sides: 'one',
      normalize: 'none',
      dimension: 1,
    });
  });

  it('counts a function as naive', () => {
    const estimator = () => new Float64Array(2);
    expect(nativeEstimatorOptions({ ...one, estimator }, 2).estimator).toBe('naive');
  });
});
