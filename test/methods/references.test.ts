import { describe, expect, it } from 'vitest';
import { adazoSamMethod } from '../../lib/methods/adazo-sam.ts';
import { hizooMethod } from '../../lib/methods/hizoo.ts';
import { findMethod } from '../../lib/methods/registry.ts';
import { samMethod } from '../../lib/methods/sam.ts';
import { tsamMethod } from '../../lib/methods/tsam.ts';
import { errorOf, REFERENCES } from './references.ts';

const OTHERS = { hizoo: hizooMethod, sam: samMethod, tsam: tsamMethod, 'adazo-sam': adazoSamMethod };

describe('every method', () => {
  it.each(Object.keys(REFERENCES))('%s: a step is that of its formula', (name) => {
    const method = findMethod(name.split(',')[0]) ?? OTHERS[name as keyof typeof OTHERS];
    expect(errorOf(method, name)).toBeLessThan(1e-10);
  });
});
