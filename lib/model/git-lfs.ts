/** How the text begins that Git keeps in a file's place where it is in Git LFS. */
const POINTER = 'version https://git-lfs.github.com/';

/** Says that a file is a pointer of Git LFS, by how it begins; undefined if it is none. */
export const lfsFault = (beginning: string): string | undefined =>
  beginning.startsWith(POINTER)
    ? 'this is a pointer of Git LFS, not the file itself; fetch that with git lfs pull in its repository'
    : undefined;
