import { describe, expect, it } from 'vitest';
import { Model } from '../lib/index.ts';
import { findAddon, native, nativeCuda } from '../lib/native/load.ts';
import { zest } from './cli/zest.ts';
import { film } from './fixtures/film.ts';

const built = findAddon('zest_cuda') !== undefined;
const device = (() => {
  try {
    return nativeCuda().cuda.devices[0];
  } catch {
    return undefined;
  }
})();

it('an addon for the CPU has no CUDA backend, and says so', () => {
  expect(native().cuda()).toBeNull();
});

it('auto is the CPU where there is no card, and says why', async () => {
  const model = await Model.load(film, { device: 'auto' });
  expect(model.device).toBe(device === undefined ? 'cpu' : 'cuda:0');
  expect(model.deviceReason).toMatch(device === undefined ? /CUDA|driver|visible/ : /compute capability/);
  model.dispose();
});

it('zest build refuses what it does not know', async () => {
  expect(await zest(['build', '--opencl'])).toMatchObject({ status: 2, stdout: '' });
});

// What can be said depends on the machine: .ci/run builds zest_cuda.node where there is a CUDA compiler.
const refusal = (name: string) =>
  expect(Model.load(film, { device: name as 'cuda' })).rejects.toMatchObject({
    code: 'ERR_ZEST_DEVICE',
    message: expect.stringMatching(new RegExp(`^device is '${name}', but `)),
  });

if (!built) {
  it('without zest_cuda.node, cuda names the paths and the fix', async () => {
    await refusal('cuda');
    await expect(Model.load(film, { device: 'cuda' })).rejects.toThrow(/zest_cuda\.node: no such file/);
    await expect(Model.load(film, { device: 'cuda' })).rejects.toThrow(/zest build --cuda/);
  });
} else {
  describe('zest_cuda.node', () => {
    it('loads on any machine and tells what it finds, or why nothing', () => {
      if (device !== undefined) return expect(device).toMatch(/compute capability/);
      return expect(() => nativeCuda()).toThrow(/driver|visible/);
    });

    it('an explicit cuda never falls back', async () => {
      for (const name of device === undefined ? ['cuda', 'cuda:0', 'cuda:7'] : ['cuda:1000']) await refusal(name);
    });
  });
}

it('doctor says on what the CUDA backend is verified, why it cannot be used, and what auto takes', async () => {
  const { stdout } = await zest(['doctor', '--json']);
  const [, cuda] = JSON.parse(stdout).backends;
  expect(cuda).toMatchObject({
    name: 'cuda',
    built,
    usable: device !== undefined,
    verified: true,
    verifiedOn: expect.stringMatching(/H200/),
  });
  if (device === undefined) expect(cuda.reason).toMatch(built ? /driver|visible/ : /zest build --cuda/);
  const text = (await zest(['doctor'])).stdout;
  expect(text).toMatch(/cuda .*, verified on an NVIDIA H200/);
  expect(text).toMatch(device === undefined ? /\nauto +cpu: / : /\nauto +cuda:0: /);
});
