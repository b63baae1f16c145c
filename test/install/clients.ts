import { NODES, type NodeMajor, NPM, PNPM, YARN } from './versions.ts';

/** A package manager of one version, and how a user of it calls it. */
export interface Client {
  name: string;
  /** The package that holds it, and the files in that package that are its commands. */
  package: string;
  commands: Readonly<Record<string, string>>;
  /** The versions of Node that it runs on; the first runs what one of them is enough for. */
  nodes: readonly NodeMajor[];
  /** Versions of Node whose require() of an ES module passes by the resolution that it brings; import does not. */
  withoutRequire?: readonly NodeMajor[];
  /** Adds a package to the project. */
  add: (specifier: string) => string;
  /** The same without optional dependencies. */
  addWithoutOptional?: (specifier: string) => string;
  /** Installs what the lock file says, and nothing else. */
  installLocked: string;
  /** Runs a command of an installed package, and a program. */
  execute: string;
  node: string;
  lockFile: string;
  /** Its settings in the project. */
  files?: Readonly<Record<string, string>>;
}

export const ALL_NODES = Object.keys(NODES).map(Number) as NodeMajor[];

const npm = (major: keyof typeof NPM, nodes: readonly NodeMajor[] = ALL_NODES): Client => ({
  name: `npm ${major}`,
  package: `npm@${NPM[major]}`,
  commands: { npm: 'bin/npm-cli.js', npx: 'bin/npx-cli.js' },
  nodes,
  add: (specifier) => `npm install ${specifier}`,
  addWithoutOptional: (specifier) => `npm install --omit=optional ${specifier}`,
  installLocked: 'npm ci',
  execute: 'npx',
  node: 'node',
  lockFile: 'package-lock.json',
});

const pnpm = (
  major: keyof typeof PNPM,
  { nodes = ALL_NODES, file, name = 'pnpm' }: { nodes?: readonly NodeMajor[]; file: string; name?: string },
): Client => ({
  name: `pnpm ${major}`,
  package: `${name}@${PNPM[major]}`,
  commands: { pnpm: file },
  nodes,
  add: (specifier) => `pnpm add ${specifier}`,
  addWithoutOptional: (specifier) => `pnpm add --no-optional ${specifier}`,
  installLocked: 'pnpm install --frozen-lockfile',
  execute: 'pnpm exec',
  node: 'node',
  lockFile: 'pnpm-lock.yaml',
});

const yarn1: Client = {
  name: 'yarn 1',
  package: `yarn@${YARN[1]}`,
  commands: { yarn: 'bin/yarn.js' },
  nodes: ALL_NODES,
  add: (specifier) => `yarn add ${specifier}`,
  addWithoutOptional: (specifier) => `yarn add --ignore-optional ${specifier}`,
  installLocked: 'yarn install --frozen-lockfile',
  execute: 'yarn --silent',
  node: 'yarn --silent node',
  lockFile: 'yarn.lock',
};

const yarn4 = (linker: string): Client => ({
  name: `yarn 4, ${linker}`,
  package: `@yarnpkg/cli-dist@${YARN[4]}`,
  commands: { yarn: 'bin/yarn.js' },
  nodes: ALL_NODES,
  add: (specifier) => `yarn add ${specifier}`,
  installLocked: 'yarn install --immutable',
  execute: 'yarn',
  node: 'yarn node',
  lockFile: 'yarn.lock',
  files: { '.yarnrc.yml': `nodeLinker: ${linker}\n` },
});

export const CLIENTS: readonly Client[] = [
  npm(10),
  npm(11),
  npm(12, [22, 24]),
  pnpm(9, { file: 'bin/pnpm.cjs' }),
  pnpm(10, { file: 'bin/pnpm.cjs' }),
  pnpm(11, { file: 'bin/pnpm.mjs', nodes: [22, 24] }),
  pnpm(12, { file: 'pnpm', name: `@pnpm/exe.${process.platform}-${process.arch}` }),
  yarn1,
  yarn4('node-modules'),
  { ...yarn4('pnp'), withoutRequire: [20] },
];

/** What CI has time for: `ZEST_INSTALL_QUICK=1`. */
export const quick = Boolean(process.env.ZEST_INSTALL_QUICK);

const QUICK: Readonly<Record<string, NodeMajor>> = { 'npm 10': 20, 'npm 12': 22 };

export interface Row {
  client: Client;
  node: NodeMajor;
}

/** Each client on each Node that it runs on. */
export const EVERY_ROW: readonly Row[] = CLIENTS.flatMap((client) => client.nodes.map((node) => ({ client, node })));

/** The rows of this run. */
export const rows = (): readonly Row[] => EVERY_ROW.filter(({ client, node }) => !quick || QUICK[client.name] === node);

/** The clients of a name, each on its first Node of this run. */
export const firstRows = (chosen: (client: Client) => boolean = () => true): Row[] =>
  rows().filter(({ client }, index, all) => chosen(client) && all.findIndex((row) => row.client === client) === index);
