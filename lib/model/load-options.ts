import { rangeError, ZestError } from '../errors.ts';
import type { NativeBinding, Shortcuts } from '../native/binding.ts';
import { native, nativeCuda } from '../native/load.ts';
import type { CallOptions, Directions } from '../objective.ts';
import { show } from '../text/show.ts';
import type { HeadOption } from './head.ts';
import { MOST_THREADS } from './option-schema.ts';
import { processorQuota } from './processor-quota.ts';
import type { Trainable } from './trainable.ts';

/** Options of {@link Model.load}. */
export interface LoadOptions extends CallOptions {
  /**
   * Where the weights are and the forwards run. `cuda` is `cuda:0`, and never falls back. Default `auto`: a card that
   * can be used, else the CPU.
   */
  device?: 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;
  /** Type of the weights in memory and as saved. Default `float32`. */
  dtype?: 'float32' | 'bfloat16';
  /**
   * Threads of the engine, 1 to 1024. Default: ZEST_THREADS, or else the cores that the process may use, by its
   * affinity and its quota.
   */
  threads?: number;
  /** What v(stream) is in calls that do not say otherwise. Default `{ seed: 0, law: 'gaussian' }`. */
  directions?: Partial<Directions>;
  /** Which parameters are trained, or an adapter to put on the model. Default `all`. */
  trainable?: Trainable;
  /**
   * Whether quantised weights of a GGUF file are widened to `dtype` when they are loaded: more memory, and faster.
   * Default: only those that are trained.
   */
  dequantize?: boolean;
  /**
   * Head of the model; `{ classes, seed }` makes a new classifier, with seed 0 by default, in place of any that the
   * checkpoint has. Default: the checkpoint's.
   */
  head?: HeadOption;
  /**
   * Folder of an adapter: LoRA as PEFT saves it, which is put on the model. `trainable` `all` then means the adapter, and
   * what it brings: a head, or other modules that were trained with it. A folder that holds an adapter alone may also be
   * loaded itself, with the base that it names.
   */
  adapter?: string;
  /**
   * Names of the classes of a classification head, in order: of a new one, or new names for a checkpoint's, whose own
   * (`id2label`) must not stand in another order. They are saved in config.json.
   */
  labels?: readonly string[];
  /**
   * Shortcuts of the forward evaluation on the CPU to switch off, for tests and benchmarks: the bits stay. Default: all
   * on.
   */
  shortcuts?: Partial<Shortcuts>;
  /** Called while the weights are read: `done` of `total` bytes. An error that it throws ends the loading. */
  onProgress?: (done: number, total: number) => void;
}

/** Where a model runs: its name, the addon that has the backend, the index of a CUDA device. */
export interface Device {
  name: string;
  binding: NativeBinding;
  cudaDevice?: number;
  /** What the card is, or why `auto` takes none. */
  reason?: string;
}

/** The CUDA device that is asked for, or an error that says why there is none. */
const cudaDevice = (index: number): Device => {
  const { binding, cuda } = nativeCuda();
  const name = cuda.devices[index];
  if (name === undefined) {
    throw new ZestError('ERR_ZEST_DEVICE', `those visible are cuda:0 to cuda:${cuda.devices.length - 1}`);
  }
  return { name: `cuda:${index}`, binding, cudaDevice: index, reason: name };
};

/** What `auto` takes: the first card that can be used, and the CPU elsewhere. */
export const automaticDevice = (): Device => {
  try {
    const device = cudaDevice(0);
    const { missingCublaslt = '' } = device.binding.cuda() ?? {};
    if (missingCublaslt === '') return device;
    return { name: 'cpu', binding: native(), reason: missingCublaslt };
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_DEVICE') throw error;
    return { name: 'cpu', binding: native(), reason: error.message };
  }
};

/**
 * Chooses the device to use. `auto` takes a card that can be used, and the CPU elsewhere.
 *
 * @throws ERR_ZEST_DEVICE for one that is not there
 */
export const chooseDevice = (device: string): Device => {
  if (device === 'auto') return automaticDevice();
  if (device === 'cpu') return { name: 'cpu', binding: native() };
  try {
    return cudaDevice(Number(device.split(':')[1] ?? 0));
  } catch (error) {
    if (!(error instanceof ZestError) || error.code !== 'ERR_ZEST_DEVICE') throw error;
    throw new ZestError('ERR_ZEST_DEVICE', `device is '${device}', but ${error.message}`);
  }
};

/**
 * Chooses how many threads the engine uses.
 *
 * @throws ERR_ZEST_THREADS
 */
export const chooseThreads = (threads: unknown): number => {
  const [value, name] =
    threads !== undefined
      ? [threads, 'threads']
      : [Number(process.env.ZEST_THREADS || Math.min(native().cores(), processorQuota())), 'ZEST_THREADS'];
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MOST_THREADS)
    return value as number;
  const given = threads !== undefined ? show(value) : `'${process.env.ZEST_THREADS}'`;
  throw rangeError('ERR_ZEST_THREADS', `${name} is ${given}; expected a whole number from 1 to ${MOST_THREADS}`);
};
