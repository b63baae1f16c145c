import { createRequire } from 'node:module';

/** node-zest's package.json. */
export const manifest: { version: string; optionalDependencies?: Record<string, string> } = createRequire(
  import.meta.url,
)('../package.json');

/** Version of node-zest. */
export const version: string = manifest.version;
