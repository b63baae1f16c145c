import { Option } from 'commander';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, jsonLines } from '../command.ts';
import { modelOf } from '../model-folder.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { megabytes, printJson, printLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

interface MergeCommandOptions {
  adapter?: string;
  output: string;
  dtype: 'float32' | 'bfloat16';
  json?: boolean;
}

export const command: CommandDefinition = {
  argument: 'the folder of a model or an adapter, a GGUF file, or the folder of a run',
  options: [
    new Option('--adapter <folder>', "PEFT's files of the LoRA to merge, unless the model is an adapter itself"),
    new Option('--output <folder>', 'write config.json, safetensors and the tokenizer there').makeOptionMandatory(),
    new Option('--dtype <type>', 'type of the weights that are written')
      .choices(['float32', 'bfloat16'])
      .default('float32'),
    jsonLines,
  ],
  async action(path: string, { adapter, output, dtype, json }: MergeCommandOptions) {
    const { Model } = await import('../../model/model.ts');
    const { assertNoOtherWeights } = await import('../../model/save.ts');
    await assertNoOtherWeights(output, 'merged'); // before the work
    const signal = stopSignal();
    const progress = progressDisplay();
    const model = await Model.load(await modelOf(path), {
      device: 'cpu',
      dtype,
      adapter,
      signal,
      onProgress: (done, total) => progress({ label: 'reading', done, total, detail: megabytes(done) }),
    });
    try {
      await model.save(output);
      if (json) printJson({ kind: 'merged', output, parameters: model.parameterCount, dtype });
      printLine(`${output}: ${formatCount(model.parameterCount)} parameters in ${dtype}`);
    } finally {
      model.dispose();
    }
  },
};
