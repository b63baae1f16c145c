import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelOf } from '../../lib/cli/model-folder.ts';
import { readRows } from '../../lib/data/read-rows.ts';
import { init } from '../../lib/init/init.ts';
import { Model } from '../../lib/model/model.ts';
import { report } from '../../lib/report/report.ts';
import { readTrajectory } from '../../lib/runs/trajectory.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { somethingElse, type Wanted } from '../../lib/text/what-is.ts';
import { readConfig } from '../../lib/training/config.ts';
import { openRun } from '../../lib/training/open-run.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';

const scratch = scratchFolder();
const write = (name: string, content = ''): string => {
  const path = join(scratch, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
};

const runs = join(scratch, 'runs');
const run = join(runs, 'x');
write('runs/x/config.yaml', 'model: m');
write('runs/x/metrics.jsonl');
write('runs/x/summary.json', '{"kept": {"name": "last", "step": 3}}');
for (const name of ['best', 'last']) write(`runs/x/checkpoints/${name}/config.json`, '{"model_type": "bert"}');
const checkpoint = join(run, 'checkpoints/last');

const sweep = join(scratch, 'runs/s');
write(
  'runs/s/sweep.json',
  JSON.stringify({ best: 'a=2', points: [1, 2].map((a) => ({ name: `a=${a}`, runs: [`a=${a}`] })) }),
);
write('runs/s/a=2/config.yaml');
write('runs/s/a=2/checkpoints/best/config.json', '{"model_type": "bert"}');

write('model/config.json', '{"model_type": "bert"}');
const model = join(scratch, 'model');
const adapter = join(write('adapter/adapter_config.json', '{}'), '..');
const gguf = write('m-q8.gguf');
const csv = write('data.csv', 'text,label\nfine,1\n');
const workbook = write('data.xlsx');
const yaml = write('conf.yaml', 'model: m');
const own = join(write('project/own.yml'), '..');
write('project/rows.tsv', 'a\tb\n');
const weights = write('model/model.safetensors');
const empty = join(scratch, 'empty');
mkdirSync(empty);

describe('a path to another thing than is wanted', () => {
  it.each<[string, Wanted, string]>([
    [
      run,
      'configuration',
      `is the folder of a run; expected a configuration, a YAML or JSON file: its own is ${run}/config.yaml`,
    ],
    [run, 'model', `is the folder of a run; expected a model's folder, or a GGUF file: what it saved is ${checkpoint}`],
    [run, 'data', `those of the run stand in ${run}/config.yaml`],
    [sweep, 'run', `is the folder of a sweep; expected the folder of a run: a run of its best point is ${sweep}/a=2`],
    [sweep, 'configuration', `that of a run of its best point is ${sweep}/a=2/config.yaml`],
    [sweep, 'model', `what it saved is ${sweep}/a=2/checkpoints/best`],
    [
      model,
      'configuration',
      `is the folder of a model; expected a configuration, a YAML or JSON file: zest init DATA --model ${model} writes one that names it`,
    ],
    [model, 'run', `zest init DATA --model ${model}`],
    [adapter, 'run', 'is the folder of a model'],
    [checkpoint, 'run', `is a checkpoint of a run; expected the folder of a run: name the run, ${run}`],
    [checkpoint, 'configuration', `that of the run is ${run}/config.yaml`],
    [
      gguf,
      'configuration',
      `is a model; expected a configuration, a YAML or JSON file: zest init DATA --model ${gguf}`,
    ],
    [
      weights,
      'configuration',
      `holds weights of a model; expected a configuration, a YAML or JSON file: zest init DATA --model ${model}`,
    ],
    [csv, 'configuration', `holds data; expected a configuration, a YAML or JSON file: zest init ${csv} writes one`],
    [workbook, 'configuration', `zest init ${workbook}`],
    [csv, 'model', "holds data; expected a model's folder, or a GGUF file"],
    [yaml, 'model', 'is a configuration; expected'],
    [
      yaml,
      'data',
      'is a configuration; expected a file with rows (.jsonl, .csv, .tsv, .parquet): name the one that stands in it',
    ],
    [own, 'configuration', `is a folder; expected a configuration, a YAML or JSON file: there is ${own}/own.yml`],
    [runs, 'run', `is a folder; expected the folder of a run: there is ${run}`],
    [runs, 'configuration', `there is ${run}/config.yaml`],
    [runs, 'model', `what it saved is ${checkpoint}`],
    [run, 'adapter', "is the folder of a run; expected the folder of an adapter, PEFT's files: it has saved none"],
    [model, 'adapter', "is the folder of a model; expected the folder of an adapter, PEFT's files"],
    [yaml, 'run', `is a configuration; expected the folder of a run: zest train ${yaml} makes one`],
    [join(run, 'config.yaml'), 'run', `name the run, ${run}`],
    [empty, 'configuration', 'is a folder; expected a configuration, a YAML or JSON file'],
    ['film-roberta-mini', 'run', 'zest init DATA --model film-roberta-mini writes one that names it'],
  ])('%s, for a %s', (path, wanted, said) => {
    const told = somethingElse(path, wanted);
    expect(told?.slice(-said.length) === said || told?.includes(said), told).toBe(true);
  });

  it.each<[string, Wanted]>([
    [run, 'run'],
    [yaml, 'configuration'],
    [csv, 'data'],
    [model, 'model'],
    ['film-roberta-mini', 'model'],
    [gguf, 'model'],
    [adapter, 'adapter'],
    [own, 'data'],
    [empty, 'run'],
    [empty, 'model'],
    [join(scratch, 'nowhere'), 'configuration'],
    [join(csv, 'nowhere'), 'run'],
  ])('is not %s, for a %s', (path, wanted) => expect(somethingElse(path, wanted)).toBeUndefined());

  it('is told by whatever takes one', async () => {
    const begin = (path: string) => new RegExp(`${path.replaceAll(/[.\\/]/g, '\\$&')}:? (is|holds) .*; expected `);
    for (const path of [run, sweep, model, checkpoint, gguf, csv, own]) {
      await rejects(() => readConfig(path), 'ERR_ZEST_CONFIG', begin(path));
    }
    for (const path of [sweep, model, checkpoint]) await rejects(() => openRun(path), 'ERR_ZEST_RUN', begin(path));
    await rejects(() => openRun('film-roberta-mini'), 'ERR_ZEST_RUN', /^film-roberta-mini is a model that comes with/);
    for (const path of [sweep, model]) {
      await rejects(() => readTrajectory(join(path, 'trajectory.zest')), 'ERR_ZEST_FILE', begin(path));
    }
    for (const path of [gguf, csv]) await rejects(() => openRun(path), 'ERR_ZEST_CONFIG', begin(path));
    for (const path of [model, checkpoint, yaml]) await rejects(() => report([path]), 'ERR_ZEST_RUN', begin(path));
    for (const path of [run, sweep, csv, yaml]) await rejects(() => Model.load(path), 'ERR_ZEST_FILE', begin(path));
    const loading = { adapter: run };
    await rejects(() => Model.load('film-roberta-mini', loading), 'ERR_ZEST_FILE', begin(run));
    for (const path of [run, yaml]) await rejects(() => Tokenizer.load(path), 'ERR_ZEST_FILE', begin(path));
    for (const path of [sweep, csv, yaml]) await rejects(() => modelOf(path), 'ERR_ZEST_FILE', begin(path));
    for (const path of [run, sweep, model, yaml, gguf]) {
      await rejects(() => readRows(path), 'ERR_ZEST_DATA', begin(path));
      await rejects(() => init(path, { output: join(scratch, 'new.yaml') }), 'ERR_ZEST_DATA', begin(path));
    }
  });
});
