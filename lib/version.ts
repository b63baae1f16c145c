import { createRequire } from 'node:module';

/** Version of node-zest. */
export const version: string = createRequire(import.meta.url)('../package.json').version;
