import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCOPE } from '../../lib/native/platforms.ts';
import { kept } from './paths.ts';
import { run } from './run.ts';
import { toolFolder } from './tools.ts';
import { VERDACCIO } from './versions.ts';

/** Packages of ours, which are never asked for elsewhere. */
const OWN = ['node-zest', `${SCOPE}/*`];

/** Where the registry keeps them, for this run alone; what it fetches for others is kept for the next run. */
const ownStorage = `own-${process.pid}`;

const settings = (storage: string) => {
  const own = { access: '$all', publish: '$anonymous', storage: ownStorage };
  const uplink = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  return {
    storage,
    self_path: storage,
    web: { enable: false },
    // What a registry of this kind takes unless told otherwise, so that a company's own has room for node-zest.
    max_body_size: '10mb',
    uplinks: { upstream: { url: uplink, timeout: '60s', max_fails: 20 } },
    packages: { ...Object.fromEntries(OWN.map((name) => [name, own])), '**': { access: '$all', proxy: 'upstream' } },
    log: { type: 'stdout', format: 'pretty', level: 'fatal' },
  };
};

/** A registry on the loopback interface. */
export interface Registry {
  url: string;
  publish: (packed: string) => Promise<void>;
  close: () => Promise<void>;
}

/** Starts a registry that has nothing of ours, and everything else from this machine's own registry. */
export const startRegistry = async (): Promise<Registry> => {
  const storage = join(kept, 'registry');
  mkdirSync(storage, { recursive: true });
  const { runServer } = createRequire(import.meta.url)(toolFolder(`verdaccio@${VERDACCIO}`));
  const server: Server = await runServer(settings(storage));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const home = mkdtempSync(join(tmpdir(), 'zest-publisher-'));
  writeFileSync(join(home, '.npmrc'), `registry=http://${host}/\n//${host}/:_authToken=anyone\n`);
  const env = { PATH: process.env.PATH as string, HOME: home, npm_config_globalconfig: join(home, 'none') };
  return {
    url: `http://${host}/`,
    publish: async (packed) => {
      await run('npm', ['publish', '--ignore-scripts', packed], { cwd: home, env });
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      for (const folder of [home, join(storage, ownStorage)]) rmSync(folder, { recursive: true, force: true });
    },
  };
};
