import { fileURLToPath } from 'node:url';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** The built-in model's folder. */
export const FILM: string = path('models/film-roberta-mini');

/** A tokenizer's folder: the built-in model's, or one beside the repository in ../shared, which may be absent. */
export const folderOf = (name: string): string =>
  name === 'film-roberta-mini' ? FILM : path(`../shared/models/${name}`);
