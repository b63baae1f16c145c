import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { warningLine } from '../lib/cli/terminal/output.ts';
import { ERROR_CODES, rangeError, typeError, ZestError } from '../lib/errors.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const rows = readFileSync(`${root}docs/errors.md`, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.slice(2, -2).split(' | '));

/** The sources that may throw, apart from the list of codes itself. */
const sources = ['lib', 'native']
  .flatMap((folder) => readdirSync(root + folder, { recursive: true }).map((path) => `${folder}/${path}`))
  .filter((path) => /\.(ts|cc|cu|h)$/.test(path) && path !== 'lib/errors.ts' && !path.startsWith('native/test'))
  .map((path) => readFileSync(root + path, 'utf8'));
const thrown = new Set(sources.flatMap((text) => text.match(/ERR_ZEST_[A-Z_]+/g) ?? []));

describe('docs/errors.md', () => {
  it('has a row for every code, in order', () => {
    expect(rows.map(([code]) => code)).toEqual(ERROR_CODES.map((code) => `\`${code}\``));
  });

  it('gives every code a cause and a remedy of its own', () => {
    for (const row of rows) expect(row).toHaveLength(3);
    for (const column of [1, 2]) {
      const texts = rows.map((row) => row[column]);
      expect(new Set(texts).size).toBe(rows.length);
      for (const text of texts) expect(text).toMatch(/^[A-Z`].*\.$/);
    }
  });
});

it('every code is thrown somewhere, and no other', () => {
  expect([...thrown].sort()).toEqual([...ERROR_CODES].sort());
});

describe('ZestError', () => {
  it('shows control characters of names as what they are', () => {
    const message = 'a\u001b[2Jb\u0000\r\u009b: \tone\ntwo é 😀';
    const shown = 'a\\x1b[2Jb\\x00\\x0d\\x9b: \tone\ntwo é 😀';
    expect(new ZestError('ERR_ZEST_FILE', message).message).toBe(shown);
    expect(typeError('ERR_ZEST_FILE', message).message).toBe(shown);
    expect(rangeError('ERR_ZEST_FILE', message).message).toBe(shown);
    expect(warningLine({ code: 'WARN', message })).toBe(`warning: ${shown} (WARN)`);
  });

  it('is what every error with a code is', () => {
    const plain = new ZestError('ERR_ZEST_FILE', 'gone', { cause: 3 });
    expect(plain).toMatchObject({ name: 'ZestError', code: 'ERR_ZEST_FILE', message: 'gone', cause: 3 });
    expect(plain).toBeInstanceOf(Error);
    for (const [make, type] of [
      [typeError, TypeError],
      [rangeError, RangeError],
    ] as const) {
      const error = make('ERR_ZEST_RHO', 'no', { cause: plain });
      expect(error).toBeInstanceOf(ZestError);
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ code: 'ERR_ZEST_RHO', cause: plain });
    }
    for (const other of [
      new Error('x'),
      Object.assign(new Error('x'), { code: 'ENOENT' }),
      { code: 'ERR_ZEST_RHO' },
      null,
    ]) {
      expect(other).not.toBeInstanceOf(ZestError);
    }
    expect(plain).not.toBeInstanceOf(class Narrower extends ZestError {});
  });
});
