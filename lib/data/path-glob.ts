import { matchesGlob } from '../model/glob.ts';

/** Whether a path is a glob: it has a star, a question mark, or alternatives in braces. */
export const isGlob = (path: string): boolean => /[*?]|\{[^}]*,[^}]*\}/.test(path);

/** The globs without braces that one with `{a,b}` stands for. */
const alternatives = (glob: string): string[] => {
  const found = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/.exec(glob);
  if (!found) return [glob];
  const [, before, inner, after] = found as unknown as [string, string, string, string];
  return inner.split(',').flatMap((each) => alternatives(before + each + after));
};

const matchesParts = (globs: readonly string[], parts: readonly string[]): boolean => {
  const [glob, ...rest] = globs;
  if (glob === undefined) return parts.length === 0;
  if (glob === '**') return matchesParts(rest, parts) || (parts.length > 0 && matchesParts(globs, parts.slice(1)));
  const [part, ...others] = parts;
  return part !== undefined && matchesGlob(glob, part) && matchesParts(rest, others);
};

/** Whether a glob matches a path with slashes: `*` and `?` stay within a folder, `**` is any number of folders. */
export const matchesPath = (glob: string, path: string): boolean =>
  alternatives(glob).some((each) => matchesParts(each.split('/'), path.split('/')));

const leads = (globs: readonly string[], parts: readonly string[]): boolean => {
  const [[glob, ...rest], [part, ...others]] = [globs, parts];
  if (glob === undefined || part === undefined) return glob !== undefined;
  return glob === '**' || (matchesGlob(glob, part) && leads(rest, others));
};

/** Whether a glob may match a path below a folder. */
export const leadsTo = (glob: string, folder: string): boolean =>
  alternatives(glob).some((each) => leads(each.split('/'), folder.split('/')));
