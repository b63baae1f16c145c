import { onDownload } from '../../hub/downloads.ts';
import { megabytes, printLine } from './output.ts';
import { progressDisplay } from './progress.ts';

/** Bytes of which it is said beforehand what comes. */
const LARGE = 100e6;

/** Shows the downloads of a command: what is large is said before it begins, with its licence. */
export const reportDownloads = (): void => {
  onDownload(({ name, license, folder, done, total }) => {
    if (done === 0) {
      const terms = license === undefined ? 'which names no licence' : `licence ${license}`;
      if (total > LARGE) printLine(`downloading ${name}, ${terms}: ${megabytes(total)}, kept in ${folder}`);
    }
    const whole = (bytes: number) => Math.ceil(bytes / 1e6);
    progressDisplay()({ label: `downloading ${name}`, done: whole(done), total: whole(total), unit: 'MB' });
  });
};
