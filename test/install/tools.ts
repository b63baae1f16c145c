import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, quick, rows } from './clients.ts';
import { kept } from './paths.ts';
import { ESBUILD, NODE_TYPES, NODES, type NodeMajor, TYPESCRIPTS, VERDACCIO, VERDACCIO_OVERRIDES } from './versions.ts';

const folder = join(kept, 'tools');
const aliasOf = (specifier: string): string => specifier.replace(/^@/, '').replaceAll(/[/@]/g, '-');
const nodePackage = (major: NodeMajor): string => `node-${process.platform}-${process.arch}@${NODES[major]}`;
const isOwn = (major: NodeMajor): boolean => process.versions.node.startsWith(`${major}.`);

const specifiers = (): string[] => {
  const nodes = new Set(rows().map(({ node }) => node));
  return [
    `verdaccio@${VERDACCIO}`,
    ...new Set(rows().map(({ client }) => client.package)),
    ...[...nodes].filter((major) => !isOwn(major)).map(nodePackage),
    ...(quick ? [] : [`esbuild@${ESBUILD}`, ...TYPESCRIPTS.map((version) => `typescript@${version}`)]),
  ];
};

/** Installs what this run uses, with the npm of this machine, unless an earlier run has. */
export const installTools = (): void => {
  const dependencies = Object.fromEntries(specifiers().map((specifier) => [aliasOf(specifier), `npm:${specifier}`]));
  const file = join(folder, 'package.json');
  const installed = existsSync(join(folder, 'node_modules/.package-lock.json'));
  const known = installed ? JSON.parse(readFileSync(file, 'utf8')).dependencies : {};
  if (Object.keys(dependencies).every((alias) => alias in known)) return;
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, dependencies: { ...known, ...dependencies }, overrides: VERDACCIO_OVERRIDES };
  writeFileSync(file, JSON.stringify(manifest, null, 2));
  const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', options, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
};

/** The folder of a tool's package, such as `esbuild@0.28.2`. */
export const toolFolder = (specifier: string): string => join(folder, 'node_modules', aliasOf(specifier));

/** Node of a major version: this process's own, where it is that. */
export const nodeOf = (major: NodeMajor): string =>
  isOwn(major) ? process.execPath : join(toolFolder(nodePackage(major)), 'bin/node');

/** The files of a client's commands. */
export const commandsOf = (client: Client): [name: string, file: string][] =>
  Object.entries(client.commands).map(([name, file]) => [name, join(toolFolder(client.package), file)]);

export const tsc = (version: string): string => join(toolFolder(`typescript@${version}`), 'bin/tsc');
export const esbuild = (): string => join(toolFolder(`esbuild@${ESBUILD}`), 'bin/esbuild');
export const nodeTypes = `@types/node@${NODE_TYPES}`;
