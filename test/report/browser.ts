import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

const find = (): string | undefined => {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
};

/** The Chromium of this machine: Debian's package chromium-headless-shell, or another on the PATH. */
export const chromiumPath = find();

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: chromiumPath });
