import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { builtInModels } from '../model/built-in.ts';
import { isGguf } from '../model/gguf/format.ts';
import { runFolder } from '../runs/folder.ts';
import { readJsonSync } from './json.ts';

/** What a command or a key of a configuration takes, in words. */
const WANTED = {
  configuration: 'a configuration, a YAML or JSON file',
  run: 'the folder of a run',
  model: "a model's folder, or a GGUF file",
  adapter: "the folder of an adapter, PEFT's files",
  data: 'a file with rows (.jsonl, .csv, .tsv, .parquet)',
} as const;
export type Wanted = keyof typeof WANTED;

/** What a path leads to, and what there is in its stead where something else is wanted. */
interface Known {
  is: string;
  instead: { readonly [wanted in Wanted]?: string };
}

const CONFIGURATION = /\.ya?ml$/i;
const DATA = /\.(csv|tsv|jsonl|ndjson)$/i;
const TABLE = /\.(xlsx?|parquet|arrow)$/i;
const WEIGHTS = /\.(safetensors|bin|pth?|onnx|h5|msgpack)$/i;

const isRun = (path: string): boolean => {
  const { config, metrics, trajectory, summary } = runFolder(path);
  return existsSync(config) && [metrics, trajectory, summary].some(existsSync);
};

const isAdapter = (folder: string): boolean => existsSync(join(folder, 'adapter_config.json'));

/** A configuration of ours may be called config.json too. */
const isModel = (folder: string): boolean =>
  isAdapter(folder) ||
  (readJsonSync(join(folder, 'config.json')) as Record<string, unknown> | undefined)?.model_type !== undefined;

/** The checkpoint that a run kept, or has saved so far. */
const checkpointOf = (path: string): string | undefined => {
  const { summary, checkpoints } = runFolder(path);
  const kept = (readJsonSync(summary) as { kept?: { name?: unknown } } | undefined)?.kept?.name;
  return [kept, 'best', 'last'].map((name) => join(checkpoints, String(name))).find(isModel);
};

const initWith = (model: string): string => `zest init DATA --model ${model} writes one that names it`;

const nameRun = (run: string): string => `name the run, ${run}`;

const runKnown = (path: string): Known => {
  const { config } = runFolder(path);
  const checkpoint = checkpointOf(path);
  return {
    is: 'is the folder of a run',
    instead: {
      configuration: `its own is ${config}`,
      model: checkpoint ? `what it saved is ${checkpoint}` : 'it has saved none yet',
      adapter: checkpoint && isAdapter(checkpoint) ? `what it saved is ${checkpoint}` : 'it has saved none',
      data: `those of the run stand in ${config}`,
    },
  };
};

const sweepKnown = (path: string): Known => {
  const { best, points = [] } = (readJsonSync(join(path, 'sweep.json')) ?? {}) as {
    best?: string;
    points?: { name: string; runs: string[] }[];
  };
  const run = points.find(({ name }) => name === best)?.runs[0] ?? points[0]?.runs[0];
  if (run === undefined) return { is: 'is the folder of a sweep', instead: {} };
  const folder = join(path, run);
  const which = best == null ? 'one of its runs' : 'a run of its best point';
  const { instead } = runKnown(folder);
  return {
    is: 'is the folder of a sweep',
    instead: {
      ...instead,
      configuration: `that of ${which} is ${runFolder(folder).config}`,
      run: `${which} is ${folder}`,
    },
  };
};

const modelKnown = (path: string): Known => {
  const run = dirname(dirname(path));
  const init = initWith(path);
  const adapter = isAdapter(path) ? undefined : '';
  if (!isRun(run))
    return { is: 'is the folder of a model', instead: { configuration: init, run: init, adapter, data: '' } };
  return {
    is: 'is a checkpoint of a run',
    instead: { configuration: `that of the run is ${runFolder(run).config}`, run: nameRun(run), data: '' },
  };
};

const folderKnown = (path: string): Known => {
  if (isModel(path)) return modelKnown(path);
  if (isRun(path)) return runKnown(path);
  if (existsSync(join(path, 'sweep.json'))) return sweepKnown(path);
  const names = readdirSync(path).sort();
  const there = (kind: RegExp): string => {
    const name = names.find((each) => kind.test(each));
    return name === undefined ? '' : `there is ${join(path, name)}`;
  };
  const run = names.map((name) => join(path, name)).find(isRun);
  return {
    is: 'is a folder',
    instead: {
      configuration: there(CONFIGURATION) || (run ? `there is ${runFolder(run).config}` : ''),
      run: run && `there is ${run}`,
      model: run && runKnown(run).instead.model,
    },
  };
};

const fileKnown = (path: string): Known | undefined => {
  if (isGguf(path))
    return { is: 'is a model', instead: { configuration: initWith(path), run: initWith(path), data: '' } };
  if (CONFIGURATION.test(path)) {
    const named = 'name the one that stands in it';
    return {
      is: 'is a configuration',
      instead: {
        model: named,
        data: named,
        adapter: named,
        run: isRun(dirname(path)) ? nameRun(dirname(path)) : `zest train ${path} makes one`,
      },
    };
  }
  if (WEIGHTS.test(path))
    return { is: 'holds weights of a model', instead: { configuration: initWith(dirname(path)) } };
  if (DATA.test(path) || TABLE.test(path)) {
    return { is: 'holds data', instead: { configuration: `zest init ${path} writes one`, model: '', adapter: '' } };
  }
  return undefined;
};

/**
 * Says of a path that leads to another thing than is wanted what that is, and what to give in its stead: `is the folder of
 * a run; expected a configuration, a YAML or JSON file: its own is runs/x/config.yaml`. Undefined where there is nothing,
 * or nothing that is known.
 */
export const somethingElse = (path: string, wanted: Wanted): string | undefined => {
  let known: Known | undefined;
  try {
    known = statSync(path).isDirectory() ? folderKnown(path) : fileKnown(path);
  } catch {
    // Reading it says why it cannot be read.
    if (!builtInModels().includes(path)) return undefined;
    known = {
      is: 'is a model that comes with node-zest',
      instead: { configuration: initWith(path), run: initWith(path) },
    };
  }
  const cure = known?.instead[wanted];
  if (known === undefined || cure === undefined) return undefined;
  return `${known.is}; expected ${WANTED[wanted]}${cure && `: ${cure}`}`;
};
