import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Whatever these tests keep for the next run: tools, and what the registry has fetched. */
export const kept = join(root, 'build/install-test');

/** The programs of a user's project. */
export const consumer = fileURLToPath(new URL('consumer', import.meta.url));
