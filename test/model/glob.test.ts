import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../lib/model/glob.ts';
import { targetModules } from '../../lib/model/lora.ts';
import { tinyTensors } from '../fixtures/tiny-bert.ts';
import { modelTests } from '../fixtures/tiny-models.ts';

const { load, folderOf } = modelTests();

/** The definition, one character after the other. */
const matches = (glob: string, text: string): boolean => {
  if (glob === '') return text === '';
  if (glob[0] === '*') return matches(glob.slice(1), text) || (text !== '' && matches(glob, text.slice(1)));
  return text !== '' && (glob[0] === '?' || glob[0] === text[0]) && matches(glob.slice(1), text.slice(1));
};

const word = (characters: string, maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { maxLength }).map((list) => list.join(''));

describe('a glob', () => {
  it('matches what its definition says', () => {
    fc.assert(
      fc.property(word('ab.*?', 7), word('ab.', 9), (glob, text) => {
        expect(matchesGlob(glob, text)).toBe(matches(glob, text));
      }),
      { numRuns: 3000 },
    );
  });

  it('has no special characters but two, and takes line breaks', () => {
    expect(matchesGlob('a.[b](c)+\\d|^$', 'a.[b](c)+\\d|^$')).toBe(true);
    expect(matchesGlob('a.c', 'abc')).toBe(false);
    expect(matchesGlob('a*d?', 'a\nb\rc d\n')).toBe(true);
  });

  it('with many stars ends', () => {
    expect(matchesGlob(`${'*a'.repeat(40)}b`, 'a'.repeat(2000))).toBe(false);
    expect(matchesGlob(`${'*a'.repeat(40)}b`, `${'a'.repeat(2000)}b`)).toBe(true);
  });
});

describe('targets', () => {
  const modules = [0, 1].flatMap((i) =>
    ['attention.self.query', 'attention.self.value', 'attention.output.dense', 'output.dense'].map((name) => ({
      name: `bert.encoder.layer.${i}.${name}`,
    })),
  );
  const glob = fc
    .array(fc.constantFrom('*', '?', '.', 'query', 'value', 'dense', 'output', 'layer', '0', '1', 'x'), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join(''));
  const ends = (name: string) => name.split('.').map((_, i, parts) => parts.slice(i).join('.'));

  it('are the modules of whose name or its ends after a dot one of any list of globs matches', () => {
    fc.assert(
      fc.property(fc.array(glob, { minLength: 1, maxLength: 3 }), (targets) => {
        const isHit = (target: string, name: string) => ends(name).some((end) => matches(target, end));
        const missing = targets.find((target) => !modules.some(({ name }) => isHit(target, name)));
        if (missing !== undefined) {
          expect(() => targetModules(targets, modules)).toThrow(`'${missing}' matches no linear layer`);
          return;
        }
        const expected = modules.filter(({ name }) => targets.some((target) => isHit(target, name)));
        expect(targetModules(targets, modules)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('of any kind give a model, or an error', async () => {
    const folder = folderOf(tinyTensors());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(glob, fc.string()), { maxLength: 3 }), async (targets) => {
        try {
          const model = await load(folder, { trainable: { lora: { rank: 1, alpha: 1, targets } } });
          expect(model.dimension).toBeGreaterThan(0);
          model.dispose();
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_ZEST_TRAINABLE' });
        }
      }),
    );
  });
});
