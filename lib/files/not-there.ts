import { readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, parse } from 'node:path';
import { nearest } from '../options/nearest.ts';
import { listed } from '../text/show.ts';

const SHOWN = 5;

/** Where a link leads; undefined for what is none. */
const targetOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

/** Says of a path that leads nowhere what is where it should be: `runs/x is not there: runs has a, b`. */
export const notThere = (path: string): string => {
  const target = targetOf(path);
  if (target !== undefined) return `${path} is a link to ${target}, which is not there`;
  const above = dirname(path);
  const fault = `${path} is not there`;
  let names: string[];
  try {
    names = readdirSync(above).sort();
  } catch {
    return `${fault}, nor is ${above}`;
  }
  // One that lacks its extension, or is mistyped.
  const named = names.filter((name) => parse(name).name === basename(path));
  const guesses = named.length > 0 ? named : (nearest(basename(path), names) ?? []);
  const meant = [guesses].flat().map((name) => join(above, name));
  if (meant.length > 0) return `${fault} (did you mean ${meant.join(' or ')}?)`;
  if (above === '.') return fault;
  return `${fault}: ${above} ${names.length === 0 ? 'is empty' : `has ${listed(names, SHOWN)}`}`;
};
