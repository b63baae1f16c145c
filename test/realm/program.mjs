// Loads the built library into a context of its own, as Jest does with the modules of a test, and prints what it makes
// of errors that come from outside: of the addon, of Node, of the program.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';

const [entry, film, broken] = process.argv.slice(2);
const shared = { process, console, AbortController, AbortSignal, TextDecoder, TextEncoder, URL, Buffer, performance };
const context = vm.createContext({ ...shared, setTimeout, clearTimeout, fetch });

const modules = new Map();
const ofAnother = async (specifier, from) => {
  const whole = await import(
    specifier.startsWith('node:') ? specifier : import.meta.resolve(specifier, pathToFileURL(from))
  );
  const names = Object.keys(whole);
  const set = function () {
    for (const name of names) this.setExport(name, whole[name]);
  };
  return new vm.SyntheticModule(names, set, { context });
};
const load = (specifier, from) => {
  const isFile = /^[./]/.test(specifier);
  const key = isFile ? resolve(dirname(from), specifier) : specifier;
  if (!modules.has(key)) modules.set(key, isFile ? source(key) : ofAnother(specifier, from));
  return modules.get(key);
};
const source = async (file) =>
  new vm.SourceTextModule(readFileSync(file, 'utf8'), {
    context,
    identifier: file,
    initializeImportMeta: (meta) => {
      meta.url = pathToFileURL(file).href;
    },
    importModuleDynamically: async (specifier) => {
      const module = await load(specifier, file);
      if (module.status === 'unlinked') await module.link((inner, { identifier }) => load(inner, identifier));
      if (module.status === 'linked') await module.evaluate();
      return module;
    },
  });

const library = await load(fileURLToPath(entry), import.meta.filename);
await library.link((specifier, { identifier }) => load(specifier, identifier));
await library.evaluate();
const { blackBox, Model, noise, vectorObjective, ZestError, zest } = library.namespace;

const caught = async (call) => {
  try {
    return await call();
  } catch (error) {
    return error;
  }
};
const print = (name, error) =>
  console.log(
    JSON.stringify({ name, code: error.code ?? null, message: error.message, ours: error instanceof ZestError }),
  );

print('addon', await caught(() => Model.load(broken)));
print('argument', await caught(() => Model.load(film, { dtyp: 1 })));
const model = await Model.load(film);
const sequences = Array(200).fill(Array(24).fill(8));
const targets = sequences.map(() => ({ kind: 'maskedTokens', positions: [0], ids: [8] }));
const stop = new AbortController();
setTimeout(() => stop.abort(new Error('mine')), 20);
const points = Array.from({ length: 500 }, (_, i) => ({ stream: BigInt(i), scale: 1e-3 }));
print('abort', await caught(() => model.evaluate({ sequences, targets }, points, { signal: stop.signal })));
const own = new TypeError('own');
const throwing = vectorObjective(() => {
  throw own;
}, [1]);
print('own', await caught(() => zest({ learningRate: 1 }).step(throwing)));
const box = blackBox({ parameters: { w: [1] }, evaluate: () => new DataView(new ArrayBuffer(8)) });
print('view', await caught(() => box.evaluate(undefined, [[]])));
print('hub', await caught(() => Model.load('nobody/nothing')));
console.log(
  JSON.stringify({
    name: 'array',
    length: noise({ seed: 1, stream: 0n, offset: 0, into: new Float32Array(3) }).length,
  }),
);
model.dispose();
