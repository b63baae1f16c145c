import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as zest from '../lib/index.ts';
import { scratchFolder } from './fixtures/scratch.ts';
import { missing, rightCalls } from './wrong-arguments/calls.ts';
import { made, wrongArguments } from './wrong-arguments/values.ts';

// Whatever is passed to whatever is exported, in whatever number: what comes back is an answer, or a ZestError.

/** Calls of each function. */
const RUNS = Number(process.env.ZEST_CALLS ?? 15);
/** Another seed makes other calls; these are the same each time. */
const SEED = Number(process.env.ZEST_SEED ?? 1);

const scratch = scratchFolder();
let calls: Awaited<ReturnType<typeof rightCalls>>;
beforeAll(async () => {
  process.chdir(scratch); // where a wrong path may lead
  calls = await rightCalls(scratch);
});
afterAll(async () => {
  await calls.end();
  process.chdir('/');
});

/** Whether an answer is a log, whose file is open. */
const isLog = (value: unknown): value is Awaited<ReturnType<typeof zest.recordTrajectory>> =>
  typeof value === 'object' && value !== null && 'append' in value && 'close' in value;

/** Waits for the answer of a call, or for the first of several. */
const answer = async (result: unknown): Promise<void> => {
  const value = await result;
  if (isLog(value)) await value.close();
  if (Object.prototype.toString.call(value) !== '[object AsyncGenerator]') return;
  const events = value as AsyncGenerator<unknown>;
  await events.next();
  await events.return(undefined);
};

it('has a call of everything that is exported', () => {
  expect(missing(calls)).toEqual([]);
});

/** The same values for a call, whatever others there are: FNV-1a. */
const seedOf = (name: string): number =>
  [...name].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5);

/** Every function and method, with a right call. */
const every = () =>
  [
    ...Object.entries(calls.functions).map(([name, right]) => ({ name, of: zest as object, method: name, right })),
    ...Object.entries(calls.methods).flatMap(([name, { of, calls }]) =>
      Object.entries(calls).map(([method, right]) => ({ name: `${name}.${method}`, of, method, right })),
    ),
  ].filter(({ of, method }) => method !== 'ZestError' && typeof Reflect.get(of, method) === 'function');

/** Calls whose last argument is what they are about, and no options, though it looks like some. */
const DATA =
  /^(defineMethod|box\.apply|optimizer\.re.*|log\.append|task\.(label|preview|examination|unknownLabel)|registerMethod)$/;

/** What an encoder refuses first, and a stand-in. */
const ELSEWHERE = ['model.generate', 'model.stream', 'log.close'];

it('refuses an option that a call does not know, and options where it has none', async () => {
  const faults: string[] = [];
  for (const { name, of, method, right } of every()) {
    if (ELSEWHERE.includes(name)) continue;
    const { length } = Reflect.get(of, method) as { length: number };
    const args = Array.from({ length }, (_, i) => right[i]);
    const last = args.at(-1);
    const isOptions = !DATA.test(name) && Object.prototype.toString.call(last) === '[object Object]';
    const wrong = isOptions ? [...args.slice(0, -1), { ...(last as object), optoin: 1 }] : [...args, { optoin: 1 }];
    const found = await Promise.resolve()
      .then(() => answer(Reflect.get(of, method).apply(of, wrong)))
      .then(
        () => 'nothing',
        (error: zest.ZestError) => `${error.code}: ${error.message}`,
      );
    if (!/^ERR_ZEST_OPTION: .*\boptoin is not known.*; expected /.test(found)) faults.push(`${name}: ${found}`);
  }
  expect(faults).toEqual([]);
});

it('refuses wrong arguments with a ZestError', async () => {
  const faults: string[] = [];
  for (const { name, of, method, right } of every()) {
    const found = await fc.check(
      fc.asyncProperty(wrongArguments, async (wrong) => {
        try {
          await answer(Reflect.get(of, method).apply(of, made(right, wrong)));
        } catch (error) {
          const { stack = '', message } = error as Error;
          // What a caller's function throws is the caller's, and a class that is called as one throws this.
          if (/^Class constructors? /.test(message)) return;
          if (!(error instanceof zest.ZestError)) throw new Error(stack);
          expect(message).not.toMatch(/is not a function|Cannot read|undefined \(/);
        }
      }),
      { numRuns: RUNS, seed: SEED + seedOf(name), endOnFailure: true },
    );
    if (found.failed) faults.push(`${name}: ${found.errorInstance}`);
  }
  expect(faults).toEqual([]);
});

it('refuses counts that no memory holds', async () => {
  const { tokenizer } = calls.methods;
  expect(() => zest.shuffledBatches(2 ** 31, 2, 1)).toThrow(
    /^rows is 2147483648; expected a whole number from 1 to 2\^28$/,
  );
  expect(() => (tokenizer!.of as zest.Tokenizer).decode({ length: 1e9 })).toThrow(/has no token id undefined/);
  expect(() => zest.vectorObjective(() => 1, { length: 1e9 })).toThrow(
    /^x0\[0\] is undefined; expected a finite number$/,
  );
  expect(() => zest.blackBox({ parameters: { x: [2 ** 30, 2 ** 20] }, evaluate: () => 1 })).toThrow(
    /do not fit into memory/,
  );
});
