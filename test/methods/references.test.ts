import { describe, expect, it } from 'vitest';
import { findMethod } from '../../lib/methods/registry.ts';
import { errorOf, REFERENCES } from './references.ts';

describe('every method', () => {
  it.each(Object.keys(REFERENCES))('%s: a step is that of its formula', (name) => {
    expect(errorOf(findMethod(name.split(',')[0])!, name)).toBeLessThan(1e-10);
  });
});
