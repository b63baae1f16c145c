import { ZestError } from '../errors.ts';
import { FLOAT32, isFloat32 } from '../numbers/float32.ts';
import { listed, show } from '../text/show.ts';

// What adapter_config.json says, as PEFT 0.21 takes it. What would change the outputs is refused by name.

/** What is needed of an adapter_config.json to compute its adapter. */
export interface PeftConfig {
  rank: number;
  alpha: number;
  /** What B·A is multiplied with. */
  scale: number;
  /** The folder of its base, if it names one. */
  base: string | undefined;
  /** Whether PEFT puts LoRA on the module of a name. */
  isTarget: (module: string) => boolean;
  /** Whether PEFT has a copy, which was trained, of the module of a name or of one that it is in: it takes a list alone. */
  isSaved: (module: string) => boolean;
}

/** PEFT's default of `r` and `lora_alpha`. */
const DEFAULT_SIZE = 8;

/** How A and B began does not matter; other ways take their product from the base, also when an adapter is loaded. */
const INITIAL: readonly unknown[] = [true, 'gaussian', 'orthogonal', 'eva', 'lora_ga', 'mica', false, null, undefined];

/** Keys that make something else of LoRA, where they are not off. */
const VARIANTS: readonly string[] = [
  ...['use_dora', 'lora_bias', 'trainable_token_indices', 'target_parameters', 'layer_replication'],
  ...['alora_invocation_tokens', 'use_bdlora', 'arrow_config', 'kasa_config', 'monteclora_config'],
];

/** Keys that are read here, or that leave what is computed as it is: PEFT's, and those that ms-swift adds. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['peft_type', 'bias', 'init_lora_weights', 'r', 'lora_alpha', 'use_rslora', 'rank_pattern', 'alpha_pattern'],
  ...['base_model_name_or_path', 'target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern'],
  ...['modules_to_save', 'fan_in_fan_out', 'task_type', 'auto_mapping', 'peft_version', 'revision', 'inference_mode'],
  ...['runtime_config', 'lora_dropout', 'loftq_config', 'eva_config', 'corda_config', 'lora_ga_config'],
  ...['velora_config', 'megatron_config', 'megatron_core', 'use_qalora', 'qalora_group_size', 'ensure_weight_tying'],
  ...['lora_dtype', 'lorap_lr_ratio', 'lorap_emb_lr'],
]);

const isOff = (value: unknown): boolean =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);

/** Whether a value of a key that no version known here has can switch something on: a number is a setting of a switch. */
const mayBeOn = (value: unknown): boolean =>
  !isOff(value) && typeof value !== 'number' && value !== '' && JSON.stringify(value) !== '{}';

/** The first key whose value asks for what is not computed, and what it may be. */
const notComputed = (json: Readonly<Record<string, unknown>>): [key: string, expected: string] | undefined => {
  const { peft_type, bias = 'none', init_lora_weights: initial } = json;
  if (peft_type !== 'LORA') return ['peft_type', "this version takes 'LORA'"];
  if (bias !== 'none') return ['bias', "this version takes 'none'"];
  if (!INITIAL.includes(typeof initial === 'string' ? initial.toLowerCase() : initial)) {
    const how = "save it with PEFT's path_initial_model_for_weight_conversion, which makes plain LoRA of it";
    return ['init_lora_weights', `it changes the weights of the base; ${how}`];
  }
  const variant = VARIANTS.find((key) => !isOff(json[key]));
  if (variant !== undefined) return [variant, 'this version takes null or false'];
  const pattern = ['rank_pattern', 'alpha_pattern'].find((key) => mayBeOn(json[key]));
  return pattern === undefined ? undefined : [pattern, 'this version takes one rank and one alpha'];
};

/** Warns of keys that no version known here has, as PEFT does; a number is a setting of a switch. */
const warnOfUnknown = (file: string, json: Readonly<Record<string, unknown>>): void => {
  const unknown = Object.keys(json).filter((key) => !KNOWN.has(key) && !VARIANTS.includes(key) && mayBeOn(json[key]));
  if (unknown.length === 0) return;
  const message = `${file}: ${listed(unknown, 3)} is not known; what it asks for is not computed`;
  process.emitWarning(message, { code: 'WARN_ZEST_ADAPTER' });
};

/** A regular expression of Python's; undefined for one that JavaScript does not have. */
const regExpOf = (source: string): RegExp | undefined => {
  try {
    return new RegExp(source);
  } catch {
    return undefined;
  }
};

/** Whether a module's name is one of a list, or ends with one after a dot; or whether a regular expression is all of it. */
const isNamed = (module: string, names: unknown): boolean | undefined =>
  typeof names === 'string'
    ? regExpOf(`^(?:${names})$`)?.test(module)
    : Array.isArray(names) && names.some((name) => module === name || module.endsWith(`.${name}`));

/** The names of a module and of those that it is in. */
const withAbove = (module: string): string[] => {
  const parts = module.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
};

/** Whether a module is in one of some layers, whose number PEFT finds after a pattern. */
const isInLayer = (module: string, layers: unknown, pattern: unknown): boolean | undefined => {
  const patterns = [pattern ?? []].flat();
  const before = patterns.length > 0 ? `(?:^|.*?\\.)(?:${patterns.join('|')})` : '.*?\\.[^.]*';
  const regExp = regExpOf(`^${before}\\.(\\d+)\\.`);
  return regExp && [layers].flat().includes(Number(regExp.exec(module)?.[1]));
};

/** PEFT's check_target_module_exists(); what JavaScript cannot match is not left out. */
const targetsOf = (json: Readonly<Record<string, unknown>>): PeftConfig['isTarget'] => {
  const { target_modules: targets, exclude_modules: excluded, layers_to_transform: layers, layers_pattern } = json;
  const isText = typeof targets === 'string';
  const isAll = isOff(targets) || (isText && targets.toLowerCase() === 'all-linear');
  return (module) => {
    if (!isOff(excluded) && isNamed(module, excluded)) return false;
    if (isAll) return true;
    if (isNamed(module, targets) === false) return false;
    return isText || isOff(layers) || isInLayer(module, layers, layers_pattern) !== false;
  };
};

/**
 * Checks the content of an adapter_config.json.
 *
 * @throws ERR_ZEST_UNSUPPORTED for an adapter that is no plain LoRA, ERR_ZEST_CONFIG_JSON for numbers that are none
 */
export const peftConfig = (file: string, json: Readonly<Record<string, unknown>>): PeftConfig => {
  const [key, expected] = notComputed(json) ?? [];
  if (key !== undefined) {
    const message = `${file}: ${key} is ${show(json[key])}; ${expected}`;
    throw new ZestError('ERR_ZEST_UNSUPPORTED', message);
  }
  warnOfUnknown(file, json);
  const { r: rank = DEFAULT_SIZE, lora_alpha: alpha = DEFAULT_SIZE, base_model_name_or_path: base } = json;
  const saved = Array.isArray(json.modules_to_save) ? json.modules_to_save : [];
  const bad = (what: string) => new ZestError('ERR_ZEST_CONFIG_JSON', `${file}: ${what}`);
  if (!Number.isSafeInteger(rank) || (rank as number) < 1) throw bad(`r is ${show(rank)}; expected a whole number ≥ 1`);
  const scale = Number(alpha) / (json.use_rslora === true ? Math.sqrt(rank as number) : (rank as number));
  if (!isFloat32(alpha) || !isFloat32(scale)) {
    throw bad(`lora_alpha is ${show(alpha)}, and r ${rank}; expected ${FLOAT32}, as the quotient by r, too`);
  }
  return {
    rank: rank as number,
    alpha,
    scale,
    base: typeof base === 'string' && base !== '' ? base : undefined,
    isTarget: targetsOf(json),
    isSaved: (module) => saved.length > 0 && withAbove(module).some((each) => isNamed(each, saved)),
  };
};
