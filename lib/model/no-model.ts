import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { notThere } from '../files/not-there.ts';
import { readJsonSync } from '../text/json.ts';
import { listed } from '../text/show.ts';
import { somethingElse } from '../text/what-is.ts';
import { builtInModels } from './built-in.ts';

const saved = (folder: string): string => {
  const architecture = (readJsonSync(join(folder, 'config.json')) as { architectures?: unknown[] } | undefined)
    ?.architectures?.[0];
  const name = typeof architecture === 'string' && /^\w+$/.test(architecture) ? architecture : 'AutoModel';
  return `${name}.from_pretrained('${folder}').save_pretrained('${folder}') of transformers writes them`;
};

/** Files that hold weights in other formats, and what makes safetensors of them. */
const OTHER_WEIGHTS: readonly [pattern: RegExp, cure: (folder: string, name: string) => string][] = [
  [/^pytorch_model.*\.(bin|json)$|\.(pt|pth)$/, saved],
  [/^tf_model.*\.h5$|\.ckpt\b/, () => 'transformers 4 reads them with from_tf=True, and writes safetensors'],
  [/\.msgpack$/, () => 'transformers 4 reads them with from_flax=True, and writes safetensors'],
  [/\.gguf$/, (folder, name) => `name that file as the model, ${join(folder, name)}, which is read by itself`],
  [
    /\.onnx$/,
    () =>
      'take the folder that the ONNX file was made from, or train the file itself with node-zest/onnx (docs/onnx.md)',
  ],
  [/^adapter_/, () => "that is an adapter of PEFT's; name its base as the model, and this folder as adapter"],
  [/\.safetensors$/, () => 'the file of weights is called model.safetensors'],
];

/** Says why a path leads to no model, where its config.json or its weights are not found, and what to do about it. */
export const modelFault = (folder: string, wanted: 'config' | 'weights'): string => {
  const other = somethingElse(folder, 'model');
  if (other) return `${folder} ${other}`;
  let names: string[];
  try {
    if (!statSync(folder).isDirectory()) {
      return `${folder} is not a folder but a file; expected the folder that it is in, ${dirname(folder)}`;
    }
    names = readdirSync(folder);
  } catch {
    const isPath = dirname(folder) !== '.' && existsSync(dirname(folder));
    if (isPath)
      return `${notThere(folder)}; expected the folder of a Hugging Face model, a GGUF file, or a run's folder`;
    const builtIn = builtInModels().join(', ');
    return `${folder} is not a folder; expected that of a Hugging Face model, the name of one on the hub (ORG/NAME), or ${builtIn}, which is built in`;
  }
  const hasWeights = names.some((name) => /^model\.safetensors(\.index\.json)?$/.test(name));
  const lacks = {
    config: `${join(folder, 'config.json')} cannot be read: there is none`,
    weights: `${folder} has neither model.safetensors nor model.safetensors.index.json`,
  }[wanted];
  for (const [pattern, cure] of hasWeights ? [] : OTHER_WEIGHTS) {
    const name = names.find((each) => pattern.test(each));
    if (name !== undefined)
      return `${lacks}, but ${name}; weights in a folder are read as safetensors: ${cure(folder, name)}`;
  }
  const holds = names.length === 0 ? 'the folder is empty' : `the folder has ${listed(names, 5)}`;
  return `${lacks}; ${holds}; expected a Hugging Face model's folder`;
};
