import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type OnnxOptions, type OnnxRuntime, type OnnxTensor, onnxObjective } from '../../lib/onnx/index.ts';
import { onnxFile } from '../fixtures/onnx.ts';
import { rejects } from '../fixtures/rejects.ts';

// How a session is used and freed, with a runtime of one's own that says when its runs end.

const batch = { ids: [[1, 5, 9]] };

const ownRuntime = ({ release = async () => {} }: { release?: () => Promise<void> } = {}) => {
  /** Sessions that are open, and what ends each run under way. */
  const state = { open: 0, runs: [] as (() => void)[], runsAtRelease: [] as number[] };
  class Tensor implements OnnxTensor {
    readonly type: string;
    readonly data: unknown;
    readonly dims: readonly number[];
    constructor(type: string, data: unknown, dims: readonly number[]) {
      this.type = type;
      this.data = data;
      this.dims = dims;
    }
  }
  const session = {
    outputNames: ['logits'],
    run: () =>
      new Promise<{ logits: OnnxTensor }>((resolve) => {
        const logits = new Tensor('float32', new Float32Array(3), [1, 3]);
        const end = () => {
          state.runs = state.runs.filter((run) => run !== end);
          resolve({ logits });
        };
        state.runs.push(end);
      }),
    async release() {
      state.open--;
      state.runsAtRelease.push(state.runs.length);
      await release();
    },
  };
  const create = async () => {
    state.open++;
    return session;
  };
  return { state, runtime: { Tensor, InferenceSession: { create } } satisfies OnnxRuntime };
};

const optionsOf = (runtime: OnnxRuntime): OnnxOptions<typeof batch> => ({
  runtime,
  trainable: { lora: { rank: 2, targets: ['query'] } },
  inputs: ({ ids }) => ({ input_ids: ids, attention_mask: ids.map((row) => row.map(() => 1)) }),
  loss: () => [1],
});

/** Waits until something holds; the test's own limit ends what never does. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await setImmediate();
};

describe('the session of an ONNX model', () => {
  it('does not stay open where the objective cannot be made', async () => {
    const { state, runtime } = ownRuntime();
    const directions = { law: 'nope' } as never;
    await rejects(
      () => onnxObjective(onnxFile('bert.onnx'), { ...optionsOf(runtime), directions }),
      'ERR_ZEST_DIRECTIONS',
      /law is 'nope'/,
    );
    expect(state.open).toBe(0);
  });

  it('is freed after all of its runs, those of calls that were aborted too', async () => {
    const { state, runtime } = ownRuntime();
    const model = await onnxObjective(onnxFile('bert.onnx'), optionsOf(runtime));
    const controller = new AbortController();
    const aborted = model.evaluate(batch, [[]], { signal: controller.signal });
    await until(() => state.runs.length === 1);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const next = model.evaluate(batch, [[]]);
    await until(() => state.runs.length === 2);
    const [ofAborted, ofNext] = state.runs as [() => void, () => void];
    ofNext();
    expect([...(await next)]).toEqual([1]);
    model.dispose();
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    expect(state.runsAtRelease).toEqual([]);
    ofAborted();
    await until(() => state.open === 0);
    expect(state.runsAtRelease).toEqual([0]);
  });

  it('may fail to be freed, which ends no program', async () => {
    const failing = async () => {
      throw new Error('the runtime cannot free it');
    };
    const { state, runtime } = ownRuntime({ release: failing });
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      const model = await onnxObjective(onnxFile('bert.onnx'), optionsOf(runtime));
      model.dispose();
      await until(() => state.open === 0);
      // Node tells of a rejection that is unhandled before the next turn of its loop.
      for (let turn = 0; turn < 3; turn++) await setImmediate();
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unhandled).toEqual([]);
  });
});
