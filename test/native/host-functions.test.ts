import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadNative } from '../../lib/native/load.ts';

/** What Node calls of an addon, and not the addon of Node. */
const OWN = ['napi_register_module_v1'];

it('what the addon takes of its host is named for Windows, whose linker misses it otherwise', () => {
  const addon = readFileSync(loadNative().file, 'latin1');
  const taken = new Set(addon.match(/(?<=\0_?)napi_\w+(?=\0)/g) ?? []);
  const named = readFileSync(new URL('../../native/addon/host_windows.cc', import.meta.url), 'utf8');
  expect(taken.size).toBeGreaterThan(50);
  expect([...taken].filter((name) => !OWN.includes(name) && !named.includes(`F(${name})`))).toEqual([]);
});
