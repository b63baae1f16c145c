import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onnxFile, peers, runtime } from './fixtures/onnx.ts';
import { reviewConfig, reviewFolder, run } from './training/runs.ts';

// The `@example` of every function that the package exports, and of every method of its classes, is run as a user would
// run it: as a module of a project that has node-zest, train.jsonl, validation.jsonl, test.jsonl, run.yaml, the finished
// run runs/film, bert.onnx with onnxruntime-node where that is installed, and halves.mjs, the method of defineMethod's
// example. A method's example goes on from the example of its class. A comment after console.log is what
// that line prints.

const root = fileURLToPath(new URL('..', import.meta.url));

interface Documented {
  name: string;
  examples: string[];
}

const examplesOf = (symbol: ts.Symbol, checker: ts.TypeChecker): string[] =>
  symbol
    .getJsDocTags(checker)
    .filter(({ name }) => name === 'example')
    .map(({ text }) => ts.displayPartsToString(text));

const isPublicMethod = (symbol: ts.Symbol): boolean => {
  const declaration = symbol.valueDeclaration;
  if (!declaration || !ts.isMethodDeclaration(declaration) || !ts.isIdentifier(declaration.name)) return false;
  return !(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.NonPublicAccessibilityModifier);
};

/** The methods of an exported class that declares some; instance methods begin with the example of the class. */
const methodsOf = (symbol: ts.Symbol, checker: ts.TypeChecker): Documented[] => {
  const [prelude = ''] = examplesOf(symbol, checker);
  const ofInstances = [...(symbol.members?.values() ?? [])].filter(isPublicMethod);
  const ofClass = [...(symbol.exports?.values() ?? [])].filter(isPublicMethod);
  return [
    ...ofClass.map((method) => ({
      name: `${symbol.name}.${method.name}`,
      examples: examplesOf(method, checker),
    })),
    ...ofInstances.map((method) => ({
      name: `${symbol.name}#${method.name}`,
      examples: examplesOf(method, checker).map((example) => `${prelude}\n${example}`),
    })),
  ];
};

/** Everything that the package exports and a user calls. */
const documented = (): Documented[] => {
  // Each entry point of the package; the second needs onnxruntime-node.
  const entries = ['lib/index.ts', ...(runtime ? ['lib/onnx/index.ts'] : [])].map((entry) => join(root, entry));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  const exported = entries.flatMap((entry) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!),
  );
  return exported
    .filter((symbol) => !symbol.declarations?.some(ts.isTypeOnlyExportDeclaration))
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .flatMap((symbol): Documented[] => {
      const declaration = symbol.valueDeclaration;
      if (!declaration || declaration.getSourceFile().fileName.includes('node_modules')) return [];
      if (symbol.flags & ts.SymbolFlags.Class) return methodsOf(symbol, checker);
      const isFunction = checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0;
      return isFunction ? [{ name: symbol.name, examples: examplesOf(symbol, checker) }] : [];
    });
};

/** Imports the modules named one after another, and prints what each of them printed or threw. */
const RUNNER = `
import { formatWithOptions } from 'node:util';
const results = {};
for (const file of process.argv.slice(2)) {
  const lines = [];
  console.log = (...values) => lines.push(formatWithOptions({ colors: false }, ...values));
  const result = { lines };
  await import(file).catch((error) => { result.error = String(error.stack); });
  results[file] = result;
}
process.stdout.write(JSON.stringify(results));
`;

interface Result {
  lines: string[];
  error?: string;
}

/** What each line of an example prints, where the example says so. */
const promised = (example: string): string[] =>
  [...example.matchAll(/console\.log\(.*\);? \/\/ (.*)$/gm)].map(([, comment]) => comment!);

const functions = documented();
const examples = functions.flatMap(({ name, examples }) =>
  examples.map((code, i) => ({ name, code, file: `./${name.replace(/\W/g, '-')}-${i}.mjs` })),
);

let folder: string;
let results: Record<string, Result>;

beforeAll(async () => {
  folder = await reviewFolder();
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/node-zest'), 'junction');
  const film = reviewConfig(folder, 'runs/film');
  await run({ ...film, training: { ...film.training, steps: 2 } });
  // YAML holds JSON.
  const data = { train: 'train.jsonl', validation: 'validation.jsonl', test: 'test.jsonl' };
  const config = { ...film, model: 'film-roberta-mini', data, output: 'runs/new' };
  await writeFile(join(folder, 'run.yaml'), JSON.stringify(config));
  for (const { file, code } of examples) await writeFile(join(folder, file), code);
  const [method] = examples.filter(({ name }) => name === 'defineMethod');
  const halves = method!.code.split('const bowl')[0];
  await writeFile(join(folder, 'halves.mjs'), `${halves}export default halves;`);
  await writeFile(join(folder, 'runner.mjs'), RUNNER);
  const files = examples.map(({ file }) => file);
  await copyFile(onnxFile('bert.onnx'), join(folder, 'bert.onnx'));
  const { stdout } = await promisify(execFile)(process.execPath, ['runner.mjs', ...files], {
    cwd: folder,
    env: { ...process.env, NODE_PATH: peers },
  });
  results = JSON.parse(stdout);
}, 300_000);
afterAll(() => rm(folder, { recursive: true }));

describe('every function that is exported', () => {
  it('has an example', () => {
    expect(functions.filter(({ examples }) => examples.length === 0).map(({ name }) => name)).toEqual([]);
  });
});

describe('the example of', () => {
  it.each(examples)('$name', ({ file, code }) => {
    const { lines, error } = results[file]!;
    expect(error).toBeUndefined();
    expect(lines).not.toEqual([]);
    const says = promised(code);
    if (says.length > 0) expect(lines).toEqual(says);
  });
});
