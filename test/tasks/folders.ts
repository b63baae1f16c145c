import { fileURLToPath } from 'node:url';
import { film } from '../fixtures/film.ts';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** A tokenizer's folder: the built-in model's, or one beside the repository in ../shared, which may be absent. */
export const folderOf = (name: string): string =>
  name === 'film-roberta-mini' ? film : path(`../shared/models/${name}`);
