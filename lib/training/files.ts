import { open, rename } from 'node:fs/promises';

/** Writes a file so that a reader sees the old content or the new, never a part: a temporary file beside it, then a rename. */
export const writeAtomic = async (file: string, content: string | Uint8Array): Promise<void> => {
  const temporary = `${file}.partial`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
};
