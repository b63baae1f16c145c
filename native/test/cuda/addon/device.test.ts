import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Model, type StepResult } from '../../../../lib/index.ts';
import { nativeCuda } from '../../../../lib/native/load.ts';
import { zest } from '../../../../test/cli/zest.ts';
import { film, filmBatch } from '../../../../test/fixtures/film.ts';
import { writeFolder } from '../../../../test/fixtures/safetensors.ts';
import { tinyConfig, tinyTensors } from '../../../../test/fixtures/tiny-bert.ts';
import {
  digestOf,
  ofKind,
  readSummary,
  replay,
  reviewConfig,
  reviewFolder,
  run,
} from '../../../../test/training/runs.ts';
import { batch, longStep, shortStep } from './tiny.mjs';

// What Node makes of CUDA devices, on the stand-in of its run time with two of them (vitest.config.ts).

let scratch: string;
let folder: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'zest-cuda-'));
  folder = writeFolder(join(scratch, 'tiny'), tinyConfig, tinyTensors());
});
afterAll(() => rm(scratch, { recursive: true }));

const on = (device: 'cpu' | 'cuda' | `cuda:${number}`) => Model.load(folder, { device });

interface Ended {
  status: number;
  output: string;
  errors: string;
}
const script = (name: string, args: string[], env: Record<string, string> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const path = fileURLToPath(new URL(name, import.meta.url));
    execFile(process.execPath, [path, ...args], { env: { ...process.env, ...env } }, (error, output, errors) =>
      resolve({ status: error ? Number(error.code) : 0, output, errors }),
    );
  });

interface Outcome {
  value?: unknown;
  code?: string;
  message?: string;
}
const outcomes = async (device: string, env: Record<string, string>): Promise<Record<string, Outcome>> => {
  const { status, output, errors } = await script('./outcomes.mjs', [folder, device], env);
  expect({ status, errors }).toEqual({ status: 0, errors: '' });
  return JSON.parse(output);
};

describe('a device', () => {
  it('is chosen by its index, and by no other', async () => {
    expect(nativeCuda().cuda).toMatchObject({ driver: 13000, failure: '', devices: { length: 2 } });
    for (const [device, name] of [
      ['cuda', 'cuda:0'],
      ['cuda:0', 'cuda:0'],
      ['cuda:1', 'cuda:1'],
    ] as const) {
      const model = await on(device);
      expect(model.device).toBe(name);
      model.dispose();
    }
    await expect(on('cuda:2')).rejects.toMatchObject({
      code: 'ERR_ZEST_DEVICE',
      message: "device is 'cuda:2', but those visible are cuda:0 to cuda:1",
    });
  });

  it('holds several models, whose calls run at once and give what the CPU gives', async () => {
    const models = await Promise.all((['cuda', 'cuda', 'cuda:1'] as const).map(on));
    const cpu = await on('cpu');
    const points = [[], [{ stream: 3n, scale: 0.01 }], [{ stream: 3n, scale: -0.01 }]];
    const expected = await cpu.evaluate(batch(3), points);
    for (let round = 0; round < 3; round++) {
      for (const losses of await Promise.all(models.map((model) => model.evaluate(batch(3), points)))) {
        for (const [i, loss] of losses.entries()) expect(Math.abs(loss - (expected[i] as number))).toBeLessThan(2e-5);
      }
    }
    const steps = await Promise.all(models.map((model) => shortStep(model)));
    const [first, second] = steps as [StepResult, StepResult];
    expect(first).toEqual(second);
    await cpu.apply(first.update);
    const digests = await Promise.all([...models, cpu].map((model) => model.digest()));
    expect(new Set(digests).size).toBe(1);
    expect(await models[0]?.parameter('cls.predictions.bias')).toEqual(await cpu.parameter('cls.predictions.bias'));
    for (const model of [...models, cpu]) model.dispose();
  });
});

describe('in the middle of a step', () => {
  it('an abort leaves the weights, and the model goes on', async () => {
    const model = await on('cuda:1');
    const before = await model.digest();
    const controller = new AbortController();
    const pending = longStep(model, controller.signal);
    await wait(100);
    controller.abort(new Error('enough'));
    await expect(pending).rejects.toThrow('enough');
    expect([model.version, await model.digest()]).toEqual([0n, before]);
    expect((await shortStep(model)).losses).toHaveLength(4);
    model.dispose();
  });

  it('dispose ends the call', async () => {
    const model = await on('cuda');
    const pending = longStep(model);
    await wait(100);
    model.dispose();
    await expect(pending).rejects.toMatchObject({ code: 'ERR_ZEST_DISPOSED' });
  });

  it('a worker thread may be ended, and so may the process', async () => {
    expect(await script('./ends.mjs', [folder, 'terminate'])).toEqual({
      ...{ status: 0, errors: '', output: '{"digests":1}\n' },
    });
    expect(await script('./ends.mjs', [folder, 'exit'])).toEqual({ status: 7, errors: '', output: '' });
  });
});

describe('a device that fails', () => {
  const MEMORY = `${34 * 2 ** 20}`; // bytes: a model, the products' 32 MiB and little besides

  it('has no memory for a call: the model stays usable', async () => {
    const { before, large, step, digest } = await outcomes('cuda', { ZEST_SHIM_MEMORY: MEMORY });
    expect(large).toMatchObject({
      code: 'ERR_ZEST_MEMORY',
      message: expect.stringMatching(/no \d+ MiB more: \d+ of its 34 MiB/),
    });
    expect(step).toEqual({ value: 4 });
    expect(digest?.value).not.toBe(before?.value);
  });

  it('has no memory for a model', async () => {
    const { load, cpu } = await outcomes('cuda', { ZEST_SHIM_MEMORY: '1000000' });
    expect(load).toMatchObject({ code: 'ERR_ZEST_MEMORY', message: expect.stringMatching(/MiB more/) });
    expect(cpu).toEqual({ value: 'cpu' });
  });

  it('ends the model, and neither the process nor a model elsewhere', async () => {
    const { step, digest, cpu, ...others } = await outcomes('cuda', { ZEST_SHIM_FAULT: '30' });
    const lost = {
      code: 'ERR_ZEST_DEVICE_LOST',
      message: expect.stringMatching(/CUDA device 0 failed.*cudaErrorIllegalAddress/),
    };
    expect(others.load).toEqual({ value: 'cuda:0' });
    expect([others.large, step]).toContainEqual(lost);
    expect(digest).toEqual(lost);
    expect(cpu).toEqual({ value: 'cpu' });
  });
});

describe('zest doctor', () => {
  it.each([
    [{ ZEST_SHIM_DRIVER: '0' }, /no NVIDIA driver was found; install one that supports CUDA 13\.0/],
    [{ ZEST_SHIM_DRIVER: '12040' }, /too old: it supports CUDA up to 12\.4, and this build needs CUDA 13\.0/],
    [{ ZEST_SHIM_DEVICES: '0' }, /driver is installed, but no CUDA device is visible; look at nvidia-smi/],
  ])('tells why there is no device: %o', async (env, reason) => {
    const [, cuda] = JSON.parse((await zest(['doctor', '--json'], env as Record<string, string>)).stdout).backends;
    expect(cuda).toMatchObject({ built: true, usable: false, reason: expect.stringMatching(reason) });
    const { load, cpu } = await outcomes('cuda', env as Record<string, string>);
    expect(load).toMatchObject({ code: 'ERR_ZEST_DEVICE', message: expect.stringMatching(reason) });
    expect(cpu).toEqual({ value: 'cpu' });
  });

  it('lists devices', async () => {
    const [, cuda] = JSON.parse((await zest(['doctor', '--json'])).stdout).backends;
    expect(cuda).toMatchObject({ usable: true, verified: true });
    expect(cuda.devices).toHaveLength(2);
  });

  it('calls devices without cuBLASLt not usable, as models on them are', async () => {
    const env = { ZEST_CUBLASLT: join(scratch, 'a library that is not there') };
    const [, cuda] = JSON.parse((await zest(['doctor', '--json'], env)).stdout).backends;
    const reason = expect.stringMatching(/could not be opened. Tried:\n.*a library that is not there/);
    expect(cuda).toMatchObject({ usable: false, reason, devices: [expect.any(String), expect.any(String)] });
    expect((await outcomes('cuda', env)).load).toMatchObject({ code: 'ERR_ZEST_CUBLAS', message: reason });
  });
});

it('a run on a device leaves a log that leads to the same weights on the CPU', async () => {
  const reviews = await reviewFolder();
  const config = { ...reviewConfig(reviews, 'cuda'), device: 'cuda:1' as const };
  const training = { ...config.training, steps: 2, batchSize: 2, evaluateEvery: 2, checkpointEvery: 2 };
  const events = await run({ ...config, training });
  expect(ofKind(events, 'step')).toHaveLength(2);
  const { digest } = await readSummary(config.output);
  expect((await replay(config.output)).after).toBe(digest);
  expect(await digestOf(join(config.output, 'checkpoints', 'last'))).toBe(digest);
  await rm(reviews, { recursive: true });
});

it('the built-in model has the losses of the CPU', async () => {
  const [cuda, cpu] = await Promise.all((['cuda', 'cpu'] as const).map((device) => Model.load(film, { device })));
  const some = filmBatch([9, 4]);
  const points = [[], [{ stream: 1n, scale: 1e-3 }]];
  const [a, b] = await Promise.all([cuda, cpu].map((model) => (model as Model).evaluate(some, points)));
  for (const i of [0, 1]) expect(Math.abs((a as Float64Array)[i]! - (b as Float64Array)[i]!)).toBeLessThan(2e-5);
});
