import { throwIfAborted } from '../abort.ts';
import { disposeOnError } from '../closing.ts';
import { ZestError } from '../errors.ts';
import type { NativeEngine } from '../native/binding.ts';
import { native } from '../native/load.ts';
import type { Directions } from '../objective.ts';
import { assertPath } from '../options/calls.ts';
import { checkOptions } from '../options/check.ts';
import { withoutBadTensor } from './bad-values.ts';
import { callEngine } from './call.ts';
import { type Description, describe } from './description.ts';
import { chooseDevice, chooseThreads, type Device, type LoadOptions } from './load-options.ts';
import { loadSchema } from './option-schema.ts';
import { adaptedSource, baseName, hasOwnTokenizer } from './peft.ts';
import type { Origin } from './save.ts';
import { readSource } from './source.ts';
import { stopAtExit } from './stop-at-exit.ts';
import { readTokenizerFiles } from './tokenizer-files.ts';

/** An engine with its weights, and what they came from. */
export interface LoadedEngine {
  device: Device;
  engine: NativeEngine;
  origin: Origin;
  directions: Directions;
}

/** Whether a card cannot take a model that the CPU may. */
const isTooMuch = (error: unknown): boolean =>
  error instanceof ZestError && ['ERR_ZEST_MEMORY', 'ERR_ZEST_UNSUPPORTED'].includes(error.code);

/** Loads a model's weights into an engine, as `Model.load` says, and throws what it throws. */
export const loadEngine = async (name: string, options: LoadOptions): Promise<LoadedEngine> => {
  assertPath(name, 'folder');
  const checked = checkOptions(loadSchema, options);
  throwIfAborted(checked.signal);
  const { dtype, trainable, head, shortcuts, dequantize, signal, onProgress } = checked;
  const isAutomatic = checked.device === 'auto';
  const isWhole = !Object.values(shortcuts).includes(false);
  let device = chooseDevice(isAutomatic && !isWhole ? 'cpu' : checked.device);
  if (device.cudaDevice !== undefined && !isWhole) {
    throw new ZestError('ERR_ZEST_UNSUPPORTED', 'shortcuts can be switched off on the CPU only');
  }
  const directions: Directions = { seed: 0, law: 'gaussian', ...checked.directions };
  const threads = chooseThreads(checked.threads);
  const { folder, base, adapter, ...source } = await adaptedSource(name, checked.adapter, 'weights', signal);
  const labels = checked.labels ?? source.labels;
  const read = await readSource(base, signal);
  const { config } = read;
  const tokenizer = await readTokenizerFiles((await hasOwnTokenizer(folder)) ? folder : base);
  let failed: { error: unknown } | undefined; // of onProgress
  const load = ({ binding, cudaDevice }: Device, description: Description) =>
    callEngine(binding, signal, async (abort) => {
      const where = cudaDevice === undefined ? {} : { cudaDevice };
      const engine = binding.createEngine({ spec: description.spec, storage: dtype, threads, shortcuts, ...where });
      stopAtExit(engine);
      const report = (done: number, total: number) => {
        if (failed || signal?.aborted) return; // reports that were under way
        try {
          onProgress?.(done, total);
        } catch (error) {
          failed = { error };
          engine.dispose();
        }
      };
      await disposeOnError(engine, () => engine.load(onProgress && report, abort));
      return engine;
    });
  let { checkpoint } = read;
  for (;;) {
    const description = describe(config, checkpoint, { head, labels, trainable, adapter, dequantize });
    try {
      const engine = await load(device, description);
      if (failed) throw failed.error;
      const origin = { tokenizer, base: baseName(name, base), config, description, dtype };
      return { device, engine, origin, directions };
    } catch (error) {
      if (failed) throw failed.error;
      if (isAutomatic && device.cudaDevice !== undefined && isTooMuch(error)) {
        device = { name: 'cpu', binding: native(), reason: (error as Error).message };
        continue;
      }
      checkpoint = withoutBadTensor(error, description, checkpoint);
    }
  }
};
