import { expect, it } from 'vitest';
import { listed, show } from '../../lib/text/show.ts';

it('what a message quotes or lists is short, however much there is', () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `c${i}`);
  expect(listed(names)).toMatch(/^c0, c1, .*, c19 and 99980 more$/);
  expect(listed(names.slice(0, 20))).toBe(names.slice(0, 20).join(', '));
  expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  expect(listed([])).toBe('');
  expect(listed(['x'.repeat(1e6)]).length).toBe(101);
  expect(show(names).length).toBeLessThan(150);
});
