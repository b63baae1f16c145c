import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf } from './references.ts';

// Faults that a formula may have, each put into the source of a method: that method must then miss its reference. What
// this shows is that references.ts tells them apart.

const METHODS = fileURLToPath(new URL('../../lib/methods/', import.meta.url));

/** Method, its file, the file at fault, what stands there and what the mutant has. */
const MUTANTS: [fault: string, method: string, file: string, from: string, to: string][] = [
  ['sign of the difference', 'fzoo', 'one-sided.ts', '(loss - centre) / unit', '(centre - loss) / unit'],
  ['k − 1 for k', 'fzoo', 'one-sided.ts', 'losses.length * sigma', '(losses.length - 1) * sigma'],
  ['ρ left in', 'fzoo', 'fzoo.ts', 'coefficient: c[i]!', 'coefficient: c[i]! / rho'],
  ['no centre', 'fzoo', 'one-sided.ts', 'centre: losses[0]!', 'centre: 0'],
  ['two sides for one', 'fzoo', 'one-sided.ts', '{ stream, scale }', '{ stream, scale: -scale }'],
  ['descent for ascent', 'zosa', 'zosa.ts', 'scale: radius *', 'scale: -radius *'],
  ['no ascent', 'zosa', 'zosa.ts', 'around(shift, second', 'around([], second'],
  ['directions of the first estimate again', 'zosa', 'zosa.ts', 'around(shift, second', 'around(shift, first'],
  ['step along the first directions', 'zosa', 'zosa.ts', 'terms: second.map', 'terms: first.map'],
  ['descent for ascent', 'essam', 'essam.ts', '(radius *', '(-radius *'],
  ['N of the other population', 'essam', 'essam.ts', 'score / directions', 'score / first.length'],
  ['ranks from 0', 'es', 'shaping.ts', ' - 0.5', ''],
  ['n for n − 1', 'es', 'shaping.ts', '(losses.length - 1) -', 'losses.length -'],
  ['reward for loss', 'es', 'shaping.ts', 'ranks(losses)', 'ranks(losses.map((loss) => -loss))'],
  ['sum of the pair', 'es, z-scores of pairs', 'es.ts', 'plus - minus', 'plus + minus'],
  ['directions for losses', 'es, z-scores of pairs', 'es.ts', '/ scores.length', '/ streams.length'],
  ['k for k − 1', 'auto', 'auto.ts', 'power / (k - 1)', 'power / k'],
  ['ρ for ρ²', 'auto', 'auto.ts', '/ rho ** 2', '/ rho'],
  ['no centre', 'auto', 'auto.ts', '- 2 * centre', ''],
  ['no directions', 'auto', 'auto.ts', 'budget * k) /', 'budget) /'],
  ['no steps', 'auto', 'auto.ts', 'totalSteps * most', 'most'],
  ['no standard error', 'auto', 'auto.ts', '+ traceError', ''],
  ['ascent', 'conservative', 'conservative.ts', 'along(-1), along(1)', 'along(1), along(-1)'],
  ['the worst of three', 'conservative', 'conservative.ts', 'ahead <= Math.min', 'ahead >= Math.min'],
  ['no factor d', 'sabo', 'sabo.ts', 'lengthOf(near.weights, dimension)', 'lengthOf(near.weights, 1)'],
  ['k for k − 1', 'sabo', 'sabo.ts', '/ (losses.length - 1)', '/ losses.length'],
  ['scale shrinks where it should grow', 'sabo', 'sabo.ts', 'Math.exp((step', 'Math.exp((-step'],
  ['best for worst', 'sabo', 'sabo.ts', 'radius / size', '-radius / size'],
  ['descent for ascent', 'sam', 'sam.ts', 'radius / length', '-radius / length'],
  ['length squared', 'sam', 'sam.ts', 'radius / length', 'radius / length ** 2'],
  ['tilt on the wrong side', 'tsam', 'tsam.ts', 'Math.exp(tilt *', 'Math.exp(-tilt *'],
  ['no tilt', 'tsam', 'tsam.ts', 'Math.exp(tilt *', 'Math.exp(0 *'],
  ['radius of a coordinate', 'tsam', 'tsam.ts', 'radius / Math.sqrt(dimension)', 'radius'],
  ['descent for ascent', 'adazo-sam', 'adazo-sam.ts', 'options.radius / length', '-options.radius / length'],
  ['no factor d', 'adazo-sam', 'adazo-sam.ts', 'context.dimension', '1'],
  ['sides exchanged', 'zest', 'zest.ts', '[rho, -rho] : [rho]', '[-rho, rho] : [rho]'],
  ['the other side', 'zest, one-sided', 'zest.ts', '[rho, -rho] : [rho]', '[rho, -rho] : [-rho]'],
  ['ρ twice', 'zest, beale', 'zest.ts', '[rho, -rho] : [rho]', '[2 * rho, -2 * rho] : [rho]'],
  [
    'no estimator',
    'zest, jackknife',
    'zest.ts',
    'estimator, sides, normalize, dimension',
    "estimator: 'naive', sides, normalize, dimension",
  ],
  ['tilt on the wrong side', 'zest', 'zest.ts', 'coefficients(losses,', 'coefficients(losses.map((f) => -f),'],
  ['one side for two', 'nspsa', 'mezo.ts', "sides: 'two'", "sides: 'one'"],
  ['a tilt', 'nspsa', 'mezo.ts', 'tilt: 0', 'tilt: 2'],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(METHODS, '../../test/methods/mutant-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The method of a copy of its file, in which what is imported from `file`, or the file itself, is a mutant. */
const mutant = async (id: number, method: string, file: string, from: string, to: string) => {
  const rebased = (source: string) =>
    source.replaceAll(/from '(\.\.?\/[^']+)'/g, (_, path) => `from '${join(METHODS, path)}'`);
  const write = async (name: string, source: string) => {
    const path = join(folder, `${id}-${basename(name)}`);
    await writeFile(path, source);
    return path;
  };
  const source = await readFile(join(METHODS, file), 'utf8');
  expect(source.split(from).length, `${file} has no ${from}`).toBeGreaterThan(1);
  const mutated = await write(file, rebased(source.replace(from, to)));
  const own = `${method}.ts`;
  const importer = rebased(await readFile(join(METHODS, own), 'utf8')).replaceAll(join(METHODS, file), mutated);
  const module = await import(file === own ? mutated : await write(own, importer));
  return module[`${method === 'adazo-sam' ? 'adazoSam' : method}Method`];
};

describe('references tell from a method', () => {
  it.each(MUTANTS.map((row, id) => [...row, id] as const))(
    '%s, in %s (%s)',
    async (_fault, name, file, from, to, id) => {
      const method = await mutant(id, name.split(',')[0] as string, file, from, to);
      expect(errorOf(method, name)).toBeGreaterThan(1e-3);
    },
  );
});
