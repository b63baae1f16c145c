import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseYaml, yamlOf } from '../../lib/text/yaml.ts';

const characters = fc.constantFrom(...' \n\t\r\\"\':#-|>&*{}[],%@`~ab…\u0085\u2028\u{1f600}\ud800'.match(/./gsu)!);
const texts = fc.oneof(fc.string({ unit: characters, maxLength: 80 }), fc.string({ unit: 'binary' }));

it('a value comes back from its YAML as it was, whatever its texts are', () => {
  const values = fc.record({ text: texts, list: fc.array(texts), map: fc.dictionary(texts, texts) });
  const template = 'Here is a word of a review.\n \n{word} . i {mask} it .\n ';
  fc.assert(
    fc.property(values, (value) => {
      const bytes = Buffer.from(yamlOf(value));
      expect(parseYaml(bytes.toString()).toJS()).toEqual(value);
    }),
    { numRuns: 300, examples: [[{ text: template, list: [], map: {} }]] },
  );
});

it('a text of several lines stays one that can be read', () => {
  expect(yamlOf({ template: 'A word.\n{word} .\n' })).toMatch(/^template: \|\n {2}A word\.\n {2}\{word\}/);
});

it.each([
  '{1: 1, 0: 0, "1": 0, "0": 1}',
  '{~: 1, "": 2}',
  '{&a b: 1, *a : 2}',
  '{0x10: 1, 16: 2}',
  '{true: 1, "true": 2}',
])('a map has a key but once, also as another value: %s', (text) => {
  expect(parseYaml(text).errors.map(({ message }) => message)).toEqual(['Map keys must be unique']);
});
