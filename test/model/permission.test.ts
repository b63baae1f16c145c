import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('a folder that Node’s permission model forbids is named', async () => {
  // A tokenizer, since the model lets no addon be loaded where it has no flag for that.
  const program = `
    import { Tokenizer, ZestError } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const error = await Tokenizer.load('/forbidden/model').catch((error) => error);
    console.log(error instanceof ZestError, error.code, error.message);`;
  const permissions = ['--experimental-permission', `--allow-fs-read=${root}*`, '--no-warnings'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...permissions, '--input-type=module', '--eval', program],
    { cwd: root },
  );
  expect(stdout).toMatch(/^true ERR_ZEST_FILE \/forbidden\/model cannot be read: .*\(.*forbidden.*\)\n$/);
});
