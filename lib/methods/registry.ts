import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { typeError, ZestError } from '../errors.ts';
import { withoutOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';
import { autoMethod } from './auto.ts';
import { conservativeMethod } from './conservative.ts';
import { esMethod } from './es.ts';
import { essamMethod } from './essam.ts';
import { fzooMethod } from './fzoo.ts';
import { lozoMethod } from './lozo.ts';
import {
  type AnyMethod,
  assertMethod,
  type ConfigurationInput,
  configurationSchema,
  type MethodOptions,
} from './method.ts';
import { mezoMethod } from './mezo.ts';
import { nspsaMethod } from './nspsa.ts';
import { saboMethod } from './sabo.ts';
import { subzeroMethod } from './subzero.ts';
import { svrgMethod } from './svrg.ts';
import { zestMethod } from './zest.ts';
import { zosaMethod } from './zosa.ts';

export { type AdamwOptions, adamw } from './adamw.ts';
export { type AdazoSamOptions, adazoSam } from './adazo-sam.ts';
export { type AutoOptions, auto } from './auto.ts';
export { type ConservativeOptions, conservative } from './conservative.ts';
export { type EsOptions, es } from './es.ts';
export { type EssamOptions, essam } from './essam.ts';
export { type FzooOptions, fzoo } from './fzoo.ts';
export { type HizooOptions, hizoo } from './hizoo.ts';
export { type LozoOptions, lozo } from './lozo.ts';
export { type MezoOptions, mezo } from './mezo.ts';
export { type NspsaOptions, nspsa } from './nspsa.ts';
export { type SaboOptions, sabo } from './sabo.ts';
export { type SamOptions, sam } from './sam.ts';
export { type SgdOptions, sgd } from './sgd.ts';
export { type SubzeroOptions, subzero } from './subzero.ts';
export { type SvrgOptions, svrg } from './svrg.ts';
export { type TsamOptions, tsam } from './tsam.ts';
export { type ZestOptions, zest } from './zest.ts';
export { type ZosaOptions, zosa } from './zosa.ts';

const GRADIENT = 'a gradient, which models do not give yet';

/** What the methods need that configurations may not name. */
const NEEDS: Readonly<Record<string, string>> = {
  sgd: GRADIENT,
  adamw: GRADIENT,
  sam: GRADIENT,
  tsam: GRADIENT,
  'adazo-sam': GRADIENT,
  hizoo: 'the curvature of each parameter, which models do not keep yet',
};

/** Says why configurations may not name a method of the package; undefined for other names. */
export const whyNotOfModels = (name: unknown): string | undefined =>
  typeof name === 'string' && Object.hasOwn(NEEDS, name)
    ? `${name} needs ${NEEDS[name]}: it is for code, over a vectorObjective`
    : undefined;

/** The methods that configurations may name, by their names. */
const builtIn = {
  zest: zestMethod,
  mezo: mezoMethod,
  nspsa: nspsaMethod,
  fzoo: fzooMethod,
  es: esMethod,
  zosa: zosaMethod,
  essam: essamMethod,
  sabo: saboMethod,
  conservative: conservativeMethod,
  lozo: lozoMethod,
  subzero: subzeroMethod,
  svrg: svrgMethod,
  auto: autoMethod,
};

const methods = new Map<string, AnyMethod>(Object.entries(builtIn));

/** The method that a configuration names; undefined if there is none. */
export const findMethod = (name: unknown): AnyMethod | undefined => methods.get(name as string);

/** The method of a configuration that was checked. */
export const methodOf = ({ method }: { method: string }): AnyMethod => {
  const found = methods.get(method);
  if (!found) throw new ZestError('ERR_ZEST_INTERNAL', `method ${method} is not registered`);
  return found;
};

/** Forward passes of a batch that a step of a configuration's optimizer takes. */
export const forwardsOfStep = (optimizer: { method: string }): number => methodOf(optimizer).forwards(optimizer);

/** Those of the first steps of a run, whose training data are so many batches. */
export const forwardsOfFirst = (optimizer: { method: string }, steps: number, batches = 1): number => {
  const method = methodOf(optimizer);
  return method.forwardsOfFirst?.(optimizer, steps, batches) ?? steps * method.forwards(optimizer, batches);
};

/** Every method. */
export const allMethods = (): AnyMethod[] => [...methods.values()];

declare const registered: unique symbol;

/** What a configuration names a method of one's own by: what {@link registerMethod} gives, or the path of its module. */
export type OwnMethodName = `${string}.${string}` | `${string}/${string}` | (string & { readonly [registered]: true });

/**
 * Adds a method, so that configurations can name it. `name` is what they write: default the method's own.
 *
 * @example
 * import { openRun, registerMethod } from 'node-zest';
 * import halves from './halves.mjs'; // what defineMethod returns
 * const method = registerMethod(halves);
 * console.log(method); // halves
 * const overrides = ['optimizer={method: halves, learningRate: 1e-6}'];
 * const { config } = await openRun('run.yaml', { overrides });
 * console.log(config.optimizer.method); // halves
 *
 * @returns the name, of a type that `Config` takes
 * @throws ZestError with ERR_ZEST_OPTION for what is no method, or a name that another one has
 * @function
 */
export const registerMethod = withoutOptions((method: AnyMethod, name?: string): OwnMethodName => {
  assertMethod(method, name === undefined ? 'method' : `method ${show(name)}`);
  const own = name ?? method.name;
  if (typeof own !== 'string') throw typeError('ERR_ZEST_OPTION', `name is ${show(own)}; expected a string`);
  const other = methods.get(own);
  if (other && other !== method) throw new ZestError('ERR_ZEST_OPTION', `method ${own} is another one already`);
  methods.set(own, method);
  return own as OwnMethodName;
});

/** Whether a method's name is the path of a module. */
const isPath = (name: unknown): name is string => typeof name === 'string' && /[\\/]|\.[cm]?[jt]s$/.test(name);

/**
 * Loads the module whose path a configuration gives as its method, such as `./my-method.js`: its default export. Paths
 * are relative to the current directory. Does nothing for the name of a method.
 *
 * @throws ZestError with ERR_ZEST_CONFIG if the module cannot be loaded, or exports no method
 */
export const loadMethod = async (name: unknown): Promise<void> => {
  if (!isPath(name) || methods.has(name)) return;
  try {
    const { default: method } = await import(pathToFileURL(resolve(name)).href);
    registerMethod(method, name);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ZestError('ERR_ZEST_CONFIG', `optimizer.method: ${name} cannot be used: ${why}`, { cause });
  }
};

/** The schemas of a configuration's optimizer, one for each method. */
export const optimizerSchemas = () => {
  const [first, ...others] = [...methods].map(([name, method]) => configurationSchema(method, name));
  return [first!, ...others] as const;
};

type BuiltIn = typeof builtIn;

/** The `optimizer` of a configuration as written: keys with defaults may be absent. */
export type MethodConfig =
  | { [Name in keyof BuiltIn]: { method: Name } & ConfigurationInput<BuiltIn[Name]['options']> }[keyof BuiltIn]
  | { method: OwnMethodName; [option: string]: unknown };

/** The `optimizer` of a configuration with every default filled in. */
export type MethodSettings = {
  [Name in keyof BuiltIn]: { method: Name } & MethodOptions<BuiltIn[Name]['options']>;
}[keyof BuiltIn];
