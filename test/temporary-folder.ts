import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Gives a run of the tests a folder of its own for temporary files, and removes it at the end, with what processes left that
 * were killed on purpose.
 */
export default (): (() => void) => {
  const folder = mkdtempSync(join(tmpdir(), 'zest-tests-'));
  chmodSync(folder, 0o755); // a test reads files as another user
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
};
