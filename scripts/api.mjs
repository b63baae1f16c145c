// `node scripts/api.mjs`: writes docs/api, the reference of what programs import, from the TSDoc of the sources; with
// --check it only says whether the pages are what the sources say.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Application, Comment, Converter, ReflectionKind } from 'typedoc';
import { programSchema } from '../dist/methods/method.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = join(root, 'docs/api');

const INTRODUCTION = `# API

What programs import from \`node-zest\`, and from \`node-zest/onnx\`: made by \`node scripts/api.mjs\` from the
comments of the sources, which editors show too. The [guides](../README.md) say what it is for.
`;

/** The pages, and the folders and files of lib that each is of. */
const AREAS = {
  models: ['model', 'native', 'hub'],
  objectives: ['objective.ts', 'objectives'],
  methods: ['methods'],
  tasks: ['tasks', 'data'],
  training: ['training', 'runs', 'report'],
  sweeps: ['sweep'],
  sharpness: ['sharpness', 'numbers'],
  errors: ['errors.ts', 'version.ts'],
};

const areaOf = (path) => {
  const [first] = path.split('/');
  const [area] = Object.entries(AREAS).find(([, of]) => of.includes(first)) ?? [];
  if (!area) throw new Error(`scripts/api.mjs has no page for lib/${path}`);
  return area;
};

/** Writes a module for each page, which exports its part of what lib/index.ts does. */
const writeModules = (folder) => {
  const index = readFileSync(join(root, 'lib/index.ts'), 'utf8');
  const modules = Object.fromEntries(Object.keys(AREAS).map((area) => [area, '']));
  const exports = [...index.matchAll(/^export ([^;]+?) from '\.\/([^']+)';/gm)];
  const others = index.match(/^export (?!\{ z \})/gm).length - exports.length;
  if (others > 0) throw new Error(`${others} exports of lib/index.ts are not of a module of lib`);
  for (const [, names, path] of exports) modules[areaOf(path)] += `export ${names} from '../../lib/${path}';\n`;
  modules.onnx = "export * from '../../lib/onnx/index.ts';\n";
  for (const [area, text] of Object.entries(modules)) writeFileSync(join(folder, `${area}.ts`), text);
  writeFileSync(join(folder, 'README.md'), INTRODUCTION);
  writeFileSync(join(folder, 'tsconfig.json'), '{ "extends": "../../tsconfig.json", "include": ["*.ts"] }');
  return Object.keys(modules).map((area) => join(folder, `${area}.ts`));
};

/** The schemas of the methods' options, by the names of their types. */
const methodOptions = async () => {
  const folder = join(root, 'dist/methods');
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const modules = await Promise.all(files.map((name) => import(join(folder, name))));
  const methods = modules.flatMap(Object.entries).filter(([name, { estimate }]) => name.endsWith('Method') && estimate);
  return new Map(
    methods.map(([name, method]) => [
      name[0].toUpperCase() + name.slice(1).replace(/Method$/, 'Options'),
      programSchema(method).shape,
    ]),
  );
};

/** What a schema says of an option: TSDoc has nothing of what has its words there. */
const describe = (schema) => {
  const { success, data } = schema.safeParse(undefined);
  const usual = success && data !== undefined ? `. Default \`${JSON.stringify(data)}\`` : '';
  return `${schema.description ?? ''}${usual}.`;
};

const addDescriptions = (project, schemas) => {
  for (const type of project.getReflectionsByKind(ReflectionKind.Interface)) {
    const shape = schemas.get(type.name);
    for (const property of shape ? type.children : []) {
      const schema = shape[property.name];
      if (schema && !property.comment) property.comment = new Comment([{ kind: 'text', text: describe(schema) }]);
    }
  }
};

/** Leaves out what a type has from types that are not told of. */
const forgetUntold = (project) => {
  for (const reflection of Object.values(project.reflections)) {
    for (const from of ['inheritedFrom', 'overwrites']) {
      if (reflection[from] && !reflection[from].reflection) delete reflection[from];
    }
    const above = reflection.typeHierarchy;
    const isTold = ({ name, reflection }) => reflection || name === 'Error';
    if (above && !above.isTarget && !above.types.some(isTold)) reflection.typeHierarchy = above.next;
  }
};

const writePages = async (output) => {
  const folder = join(root, 'build/api');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const app = await Application.bootstrapWithPlugins({
    entryPoints: writeModules(folder),
    tsconfig: join(folder, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    router: 'module',
    out: output,
    readme: join(folder, 'README.md'),
    mergeReadme: true,
    validation: { invalidPath: false }, // of the introduction, which is read from elsewhere
    name: 'API',
    disableSources: true,
    // Of their own, since sites number those of headings in other orders where names differ in case alone.
    useHTMLAnchors: true,
    anchorPrefix: 'api-',
    groupOrder: ['Classes', 'Functions', 'Interfaces', '*'],
    excludeExternals: true,
    excludeProtected: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    logLevel: 'Warn',
    ...Object.fromEntries(
      ['parameters', 'interfaceProperties', 'typeAliasProperties', 'typeDeclaration', 'propertyMembers'].map((of) => [
        `${of}Format`,
        'table',
      ]),
    ),
  });
  const schemas = await methodOptions();
  const last = -1e6; // after what typedoc does then
  const complete = ({ project }) => {
    addDescriptions(project, schemas);
    forgetUntold(project);
  };
  app.converter.on(Converter.EVENT_RESOLVE_END, complete, last);
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read lib');
  await app.generateOutputs(project);
  for (const [name, text] of filesOf(output)) {
    // Examples are JavaScript, and run as such; typedoc calls all code TypeScript.
    writeFileSync(join(output, name), text.replaceAll(/^(#+ Examples?\n\n```)ts$/gm, '$1js'));
  }
};

const filesOf = (folder) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

if (process.argv.includes('--check')) {
  const folder = mkdtempSync(join(tmpdir(), 'zest-api-'));
  try {
    await writePages(folder);
    if (!isDeepStrictEqual(filesOf(folder), filesOf(pages))) {
      console.error('docs/api is not what the sources say; run `npm run build:ts && node scripts/api.mjs`');
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  await writePages(pages);
}
