import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** The declarations that a program's compiler reads, without their comments, by file. */
const reached = (file: string, found = new Map<string, string>()): Map<string, string> => {
  if (found.has(file)) return found;
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  found.set(file, text);
  for (const [, from] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g))
    reached(join(dirname(file), from!.replace(/\.[jt]s$/, '.d.ts')), found);
  return found;
};

// The compiler that writes them knows more than the oldest that reads them: in TypeScript before 5.7 typed arrays have no
// parameter, Node's types are a program's own to have, and of other packages' declarations zod's alone are as careful. The tests of the installation try real compilers.
it.each(['index', 'onnx/index'])('the declarations of %s need neither a new TypeScript nor Node’s types', (entry) => {
  const files = reached(join(dist, `${entry}.d.ts`));
  expect(files.size).toBeGreaterThan(10);
  const wrong = [...files].flatMap(([file, text]) =>
    [...text.matchAll(/^.*(?:Array<ArrayBuffer|\b(?:Buffer|NodeJS)\b|from ['"](?!\.|zod\b)).*$/gm)].map(
      ([line]) => `${relative(dist, file)}: ${line}`,
    ),
  );
  expect(wrong).toEqual([]);
});
