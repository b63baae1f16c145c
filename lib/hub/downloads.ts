import { typeError } from '../errors.ts';
import { withoutOptions } from '../options/no-options.ts';
import { show } from '../text/show.ts';

/** How far a download has come. */
export interface Download {
  /** Name of the model or the data set on Hugging Face's hub. */
  name: string;
  /** Short name of its licence, such as `mit`; undefined where it says none. */
  license: string | undefined;
  /** Folder that it is kept in. */
  folder: string;
  /** Number of bytes that have come; 0 at the first call. */
  done: number;
  /** Number of bytes to download, without those that the cache has already. */
  total: number;
}

const listeners = new Set<(download: Download) => void>();

/**
 * Hears of all downloads of models and data sets of this process: once before a byte is asked for, with `done` 0, and as
 * bytes arrive.
 *
 * @returns what ends it
 * @example
 * import { onDownload } from 'node-zest';
 * const stop = onDownload(({ name, done, total }) => console.log(name, done / total));
 * console.log(typeof stop); // function
 *
 * @throws ERR_ZEST_ARGUMENT for what is no function
 * @function
 */
export const onDownload = withoutOptions((listener: (download: Download) => void): (() => void) => {
  if (typeof listener !== 'function') {
    throw typeError('ERR_ZEST_ARGUMENT', `listener is ${show(listener)}; expected a function`);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
});

/** Tells how far a download has come. */
export const tell = (download: Download): void => {
  for (const listener of listeners) listener(download);
};
