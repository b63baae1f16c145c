// `node scripts/reference.mjs`: writes docs/configuration.md from the schema that checks configurations; with --check it
// only says whether the page is the schema's.
import { readFileSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../dist/training/schema.js';

const PAGE = new URL('../docs/configuration.md', import.meta.url);
const SAFE = Number.MAX_SAFE_INTEGER;

const code = (value) => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

const bounds = ({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) =>
  [
    minimum !== undefined && minimum !== -SAFE && `≥ ${minimum}`,
    exclusiveMinimum !== undefined && `> ${exclusiveMinimum}`,
    maximum !== undefined && maximum !== SAFE && `≤ ${maximum}`,
    exclusiveMaximum !== undefined && `< ${exclusiveMaximum}`,
  ]
    .filter(Boolean)
    .join(', ');

/** What values a key takes, in a few words. */
const valuesOf = (schema) => {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return alternatives.map(valuesOf).join(', ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.pattern) return code(schema.pattern.replace(/^\^|\$$/g, '').replace('-?\\d+', 'N'));
  if (Array.isArray(schema.type)) return schema.type.map((type) => valuesOf({ type })).join(', ');
  switch (schema.type) {
    case 'integer':
      return `whole number ${bounds(schema)}`.trim();
    case 'number':
      return `number ${bounds(schema)}`.trim();
    case 'boolean':
      return `${code(true)}, ${code(false)}`;
    case 'array':
      return `list of ${schema.items.type === 'string' && !schema.items.enum ? 'strings' : valuesOf(schema.items)}`;
    case 'object':
      if (schema.properties === undefined) return `names, each with ${valuesOf(schema.additionalProperties)}`;
      return code(`{${Object.keys(schema.properties).join(', ')}}`);
    case 'null':
      return code(null);
    default:
      return schema.type ?? '';
  }
};

const row = (key, schema, required) => {
  const usual = schema.default === undefined ? (required ? 'needed' : '') : code(schema.default);
  return `| \`${key}\` | ${valuesOf(schema)} | ${usual} | ${(schema.description ?? '').replaceAll('|', '\\|')} |`;
};

/** A row for each key of an object, and for those within it. */
const rowsOf = (schema, prefix) =>
  Object.entries(schema.properties).flatMap(([name, inner]) => {
    const key = prefix + name;
    const objects = (inner.anyOf ?? inner.oneOf ?? [inner]).filter(({ properties }) => properties !== undefined);
    const within = objects.flatMap((object) => rowsOf(object, `${key}.`));
    return [row(key, inner, schema.required?.includes(name)), ...new Set(within)];
  });

const HEAD = ['| key | values | default | what |', '|---|---|---|---|'];
/** Keys that all of some objects describe alike. */
const common = (objects) =>
  Object.keys(objects[0].properties).filter((name) =>
    objects.every(({ properties }) => JSON.stringify(properties[name]) === JSON.stringify(objects[0].properties[name])),
  );

/** An object with only those of its keys that pass. */
const only = (schema, passes) => ({
  ...schema,
  properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => passes(name))),
});

const section = (title, rows) => (rows.length > 0 ? [`## ${title}`, '', ...HEAD, ...rows, ''] : []);

/** A section for each alternative that `by` tells apart, and one for what they share. */
const alternatives = (name, by, objects, shared) => {
  const alike = common(objects);
  const parts = objects.map((object) =>
    section(
      `\`${name}.${by}: ${object.properties[by].const}\``,
      rowsOf(
        only(object, (key) => key !== by && !alike.includes(key)),
        `${name}.`,
      ),
    ),
  );
  const rest = section(
    shared,
    rowsOf(
      only(objects[0], (key) => alike.includes(key)),
      `${name}.`,
    ),
  );
  return [...parts, rest].flat().map((line) => line.replace(/^## /, '### '));
};

const render = () => {
  const schema = configJsonSchema();
  const { optimizer, task, data, training, ...plain } = schema.properties;
  const top = { ...schema, properties: plain };
  const kinds = task.anyOf.flatMap((one) => one.oneOf ?? []);
  return [
    '# Configuration: every key',
    '',
    'Made by `node scripts/reference.mjs` from the schema that checks configurations; `zest train --schema` prints the same as',
    'a JSON Schema. [train.md](train.md) explains how to choose.',
    '',
    ...section('The run', rowsOf(top, '')),
    ...section('`data`', rowsOf(data, 'data.')),
    '## `task`',
    '',
    'The name of a [built-in task](tasks.md#built-in-tasks), or one of these; labelWords if no `kind` is said:',
    '',
    ...alternatives('task', 'kind', kinds, 'Every kind'),
    '## `optimizer`',
    '',
    'A method, with options of its own; `{method: auto}` if nothing is said. `method` may also be the path of a module that',
    'exports one ([contributing.md](contributing.md#a-method)).',
    '',
    ...alternatives('optimizer', 'method', optimizer.oneOf, 'Every method'),
    ...section('`training`', rowsOf(training, 'training.')),
  ].join('\n');
};

const page = render();
if (!process.argv.includes('--check')) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/configuration.md is not what the schema says; run node scripts/reference.mjs');
  process.exitCode = 1;
}
