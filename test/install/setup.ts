import type { TestProject } from 'vitest/node';
import { EVERY_ROW, quick, type Row, rows } from './clients.ts';
import { startRegistry } from './registry.ts';
import { makePlaceholders, makeTarballs } from './tarballs.ts';
import { installTools } from './tools.ts';

declare module 'vitest' {
  interface ProvidedContext {
    registry: string;
  }
}

const listed = (of: readonly Row[]): string =>
  of.map(({ client, node }) => `${client.name} on Node ${node}`).join('; ');

/** Once for all tests: the tools, the tarballs, and a registry that has them. */
export default async ({ provide }: TestProject) => {
  console.log(`clients: ${listed(rows())}`);
  if (quick) {
    const left = EVERY_ROW.filter((row) => !rows().includes(row));
    console.log(
      `left to \`npm run test:install\`: ${listed(left)}; the demo, zest build, TypeScript, esbuild, sources, limits`,
    );
  }
  installTools();
  const tarballs = makeTarballs();
  const registry = await startRegistry();
  for (const packed of [...makePlaceholders(), ...tarballs]) await registry.publish(packed);
  provide('registry', registry.url);
  return registry.close;
};
