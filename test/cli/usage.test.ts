import { cpSync, existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeByteTokenizer } from '../fixtures/byte-tokenizer.ts';
import { parseLines, zest } from './zest.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zest-usage-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('zest', () => {
  it('says its version and its commands', async () => {
    const { version } = await zest(['--version']).then(({ status, stdout }) => ({ version: { status, stdout } }));
    expect(version).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) });
    const help = await zest(['--help']);
    expect(help.status).toBe(0);
    for (const command of [
      'init',
      'train',
      'sweep',
      'evaluate',
      'predict',
      'sharpness',
      'report',
      'experiment',
      'study',
      'demo',
    ]) {
      expect(help.stdout).toContain(`${command} [options]`);
    }
    const options = (await zest(['train', '--help'])).stdout;
    expect(options).toContain('--set <key.path=value>');
    // A default is as it is typed.
    expect(options).not.toContain('default: [');
    expect((await zest(['sharpness', '--help'])).stdout).toContain('(default: 0.001,0.002,0.005)');
    expect((await zest(['export-log', '--help'])).stdout).toMatch(
      /run +the folder of a run\n +file +the file to write\n/,
    );
  });

  it.each([
    [[], 'Usage: zest'],
    [['tain'], "error: unknown command 'tain'\n(Did you mean train?)"],
    [['train'], "error: missing required argument 'config'"],
    [['evaluate'], "error: missing required argument 'config|run|model'"],
    [['train', 'a.yaml', 'b.yaml'], 'error: too many arguments'],
    [['train', 'a.yaml', '--fast'], "error: unknown option '--fast'"],
    [['train', 'a.yaml', '--set'], "error: option '--set <key.path=value>' argument missing"],
    [
      ['train', 'a.yaml', '--dry-run', '--find-learning-rate'],
      "error: option '--dry-run' cannot be used with option '--find-learning-rate'",
    ],
    [['doctor', 'now'], 'error: too many arguments'],
    [['sweep', 'a.yaml', '--jobs', 'two'], "error: option '--jobs <n>' argument 'two' is invalid."],
    [['experiment', 'afinn', '--forwards', 'abc'], "error: option '--forwards <n>' argument 'abc' is invalid."],
    [['study', 'tilting'], "error: study is 'tilting'; expected "],
    [['study', 'variance', '--seed', 'abc'], "error: option '--seed <n>' argument 'abc' is invalid."],
    [['experiment', 'afinn', '--jobs', '0'], 'error: jobs is 0; expected a whole number ≥ 1 (ERR_ZEST_OPTION)'],
  ])('refuses %j as bad usage', async (args, message) => {
    const { status, stdout, stderr } = await zest(args);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it.each([
    ['--top-p', '2', 'error: --top-p is 2; expected'],
    ['--top-k', '0', 'error: --top-k is 0; expected'],
    ['--max-tokens', '0', 'error: --max-tokens is 0; expected'],
    ['--temperature', '-1', 'error: temperature is -1; expected'],
  ])('names the flag %s as it was given', async (flag, value, message) => {
    const model = join(folder, 'llama');
    cpSync(fileURLToPath(new URL('../fixtures/parity/llama-grouped', import.meta.url)), model, { recursive: true });
    writeByteTokenizer(model, { size: 103, characters: ' abcdefghijklmnopqrstuvwxyz' });
    const { status, stderr } = await zest(['generate', model, '--prompt', 'a', flag, value]);
    expect({ status, stderr: stderr.slice(0, message.length) }).toEqual({ status: 2, stderr: message });
  });

  it('prints errors of configurations in one line each, and ends with 2', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(
      file,
      'model: m\ntask: sst2\ndata: {train: t.jsonl}\noutput: o\noptimizer: {method: zest, learningRat: 1}\n',
    );
    const { status, stdout, stderr } = await zest(['train', file, '--json']);
    expect(stderr.split('\n')).toEqual([
      `error: ${file}:5: optimizer.learningRate is missing; expected a number`,
      expect.stringMatching(
        /bad\.yaml:5: optimizer\.learningRat is not known \(did you mean learningRate\?\); .* \(ERR_ZEST_CONFIG\)$/,
      ),
      '',
    ]);
    expect(status).toBe(2);
    expect(parseLines(stdout)).toEqual([
      { kind: 'error', code: 'ERR_ZEST_CONFIG', message: expect.stringContaining('did you mean learningRate?') },
    ]);
    const unknown = await zest(['train', file, '--json', '--bogus']);
    expect(unknown.status).toBe(2);
    expect(parseLines(unknown.stdout)).toEqual([{ kind: 'error', code: null, message: "unknown option '--bogus'" }]);
    const missing = await zest(['evaluate', join(folder, 'none.yaml')]);
    expect(missing.stderr).toMatch(/^error: cannot read the configuration .*none\.yaml: .* \(ERR_ZEST_CONFIG\)\n$/);
    expect(missing.status).toBe(2);
  });

  it('adds the stack with ZEST_DEBUG', async () => {
    const { stderr } = await zest(['train', join(folder, 'none.yaml')], { ZEST_DEBUG: '1' });
    expect(stderr).toMatch(/\n +at .*config\.js/);
  });

  it('prints the JSON Schema of configurations', async () => {
    const { status, stdout } = await zest(['train', '--schema']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'object',
      required: ['model', 'task', 'data', 'output'],
    });
  });
});

describe('zest doctor', () => {
  it('reports what the machine can run', async () => {
    const { status, stdout } = await zest(['doctor', '--json']);
    expect(status).toBe(0);
    const [report, ...more] = parseLines(stdout) as [Record<string, unknown>];
    expect(more).toEqual([]);
    expect(report).toMatchObject({
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      binary: expect.stringMatching(/\.node$/),
      threads: expect.any(Number),
      backends: [
        { name: 'cpu', built: true, usable: true, verified: true },
        { name: 'cuda', usable: false, verified: true, reason: expect.any(String) },
      ],
      auto: { device: 'cpu', reason: expect.any(String) },
    });
    expect(existsSync(report.binary as string)).toBe(true);
    const { used, available } = report.isa as { used: string; available: string[] };
    expect(available).toContain(used);
    expect(available).toContain('portable');
  });

  it('names the instruction set that was asked for', async () => {
    const { stdout } = await zest(['doctor', '--json'], { ZEST_ISA: 'portable', ZEST_THREADS: '1' });
    expect(parseLines(stdout)[0]).toMatchObject({
      isa: { used: 'portable' },
      threads: 1,
      environment: { ZEST_ISA: 'portable', ZEST_THREADS: '1' },
    });
    const shown = await zest(['doctor'], { ZEST_ISA: 'portable' });
    expect(shown.stderr).toBe('');
    expect(shown.stdout).toContain('portable in use');
  });

  it('says what is wrong with the environment', async () => {
    const { status, stdout } = await zest(['doctor', '--json'], { ZEST_THREADS: 'many' });
    expect(status).toBe(1);
    expect(parseLines(stdout)[0]).toMatchObject({
      binary: expect.stringMatching(/\.node$/),
      threads: null,
      backends: [
        { name: 'cpu', built: true, usable: false, reason: expect.stringContaining("ZEST_THREADS is 'many'") },
        {},
      ],
    });
  });

  it('says why nothing can run', async () => {
    const { status, stdout } = await zest(['doctor', '--json'], { ZEST_NATIVE: join(folder, 'none.node') });
    expect(status).toBe(1);
    expect(parseLines(stdout)[0]).toMatchObject({
      binary: null,
      backends: [
        { name: 'cpu', built: false, usable: false, reason: expect.stringContaining('none.node: no such file') },
        { name: 'cuda', built: false, usable: false },
      ],
    });
  });

  it('finds the addon that ZEST_NATIVE names from the folder one is in', async () => {
    const addon = resolve('build/Release/zest.node');
    const { stdout } = await zest(['doctor', '--json'], { ZEST_NATIVE: relative('', addon) });
    expect(parseLines(stdout)[0]).toMatchObject({ binary: addon, backends: [{ name: 'cpu', usable: true }, {}] });
  });
});
