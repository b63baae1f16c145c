import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import disk from 'node:fs/promises';
import { createServer } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readRows } from '../../lib/data/read-rows.ts';
import { hubFiles, splitPath } from '../../lib/hub/dataset-files.ts';
import { type Download, onDownload } from '../../lib/hub/downloads.ts';
import { missingShards } from '../../lib/hub/shards.ts';
import { Model } from '../../lib/model/model.ts';
import { baseDigest } from '../../lib/runs/base-digest.ts';
import { loadChatTemplate } from '../../lib/tasks/chat-template.ts';
import { Tokenizer } from '../../lib/tasks/tokenizer.ts';
import { film } from '../fixtures/film.ts';
import { rejects } from '../fixtures/rejects.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { HubServer, type ServedRepository, sha1 } from './server.ts';

const scratch = scratchFolder();
let server: HubServer;
let cache: string;

beforeAll(() => {
  vi.stubEnv('HF_HUB_OFFLINE', undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});
beforeEach(async () => {
  server = new HubServer();
  const home = mkdtempSync(join(scratch, 'home-'));
  cache = join(home, 'hub');
  vi.stubEnv('HF_ENDPOINT', await server.start());
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_HUB_CACHE', undefined);
  vi.stubEnv('HF_TOKEN', undefined);
  vi.stubEnv('HF_HUB_OFFLINE', undefined);
});
afterEach(() => server.stop());

const serve = (repository: Omit<ServedRepository, 'kind' | 'id'> & Partial<ServedRepository>): ServedRepository => {
  const served = { kind: 'dataset' as const, id: 'org/rows', ...repository };
  server.repositories.push(served);
  return served;
};

const filmFiles = Object.fromEntries(readdirSync(film).map((name) => [name, readFileSync(join(film, name))]));

const lines = (count: number, salt = ''): string =>
  Array.from({ length: count }, (_, i) => `{"text":"line ${i} ${salt}","label":${i % 2}}\n`).join('');
const BIG = lines(20_000);
const BIG_PATH = 'hf://datasets/org/rows/train.jsonl';
const count = async (path: string) => (await readRows(path)).length;

const blobs = (repository = 'datasets--org--rows'): string[] => {
  const folder = join(cache, repository, 'blobs');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};

/** Reads rows in another process; gives what it prints, and its error. */
const child = (path: string, before = ''): { process: ChildProcess; out: Promise<string> } => {
  const script = `
    import { readRows } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    await readRows(${JSON.stringify(path)}).then(
      (rows) => console.log(rows.length),
      (error) => console.log(error.code, error.message));`;
  const command = `${before} exec ${JSON.stringify(process.execPath)} --input-type=module -e "$SCRIPT"`;
  const process_ = spawn('bash', ['-c', command], { env: { ...process.env, SCRIPT: script } });
  let out = '';
  for (const stream of [process_.stdout, process_.stderr]) {
    stream?.on('data', (piece) => {
      out += piece;
    });
  }
  return { process: process_, out: new Promise((done) => process_.once('close', () => done(out.trim()))) };
};

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((done) => setTimeout(done, 10));
};

describe('a model of the hub', () => {
  const serveFilm = (more: Partial<ServedRepository> = {}) =>
    serve({
      kind: 'model',
      id: 'org/film',
      files: { ...filmFiles, 'pytorch_model.bin': 'x', 'onnx/model.onnx': 'x' },
      ...more,
    });

  it('is loaded by its name, once, and no file that is not needed', async () => {
    serveFilm();
    const model = await Model.load('org/film', { device: 'cpu' });
    expect(model.family).toBe('roberta');
    model.dispose();
    const tokenizer = await Tokenizer.load('org/film');
    expect(tokenizer.vocabularySize).toBe(8192);
    expect(await loadChatTemplate('org/film')).toBeUndefined();
    expect(server.downloads.sort()).toEqual(
      ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].sort(),
    );
    expect(server.requests.filter((each) => each.startsWith('/api'))).toHaveLength(1);
    expect(server.leaked).toBe(false);
  });

  it('has its digest taken, for a log that is put on it, where it was never loaded', async () => {
    serveFilm();
    expect(await baseDigest('org/film')).toBe(await baseDigest(film));
    await rejects(() => baseDigest('org/none'), 'ERR_ZEST_HUB', /org\/none is no folder here/);
  });

  it('gives its tokenizer without its weights', async () => {
    serveFilm();
    await Tokenizer.load('org/film');
    expect(server.downloads).not.toContain('model.safetensors');
  });

  it("is kept as Python's huggingface_hub keeps it", async () => {
    // Checked with 2.4.0 of it against this server: what either has downloaded, the other finds without a network
    // (hf_hub_download('org/film', 'model.safetensors', local_files_only=True), and Model.load with HF_HUB_OFFLINE=1).
    serveFilm();
    (await Model.load('org/film', { device: 'cpu' })).dispose();
    const root = join(cache, 'models--org--film');
    const commit = sha1('org/film');
    expect(readFileSync(join(root, 'refs/main'), 'utf8')).toBe(commit);
    const weights = createHash('sha256')
      .update(filmFiles['model.safetensors'] as Buffer)
      .digest('hex');
    const link = join(root, 'snapshots', commit, 'model.safetensors');
    expect(readlinkSync(link)).toBe(`../../blobs/${weights}`);
    expect(readFileSync(link).equals(filmFiles['model.safetensors'] as Buffer)).toBe(true);
    const config = filmFiles['config.json'] as Buffer;
    const git = createHash('sha1').update(`blob ${config.length}\0`).update(config).digest('hex');
    expect(readlinkSync(join(root, 'snapshots', commit, 'config.json'))).toBe(`../../blobs/${git}`);
  });

  it('may be at a revision, and a folder of that name comes first', async () => {
    const commit = 'c'.repeat(40);
    serveFilm({ revisions: { main: sha1('main'), 'v1.0': commit, 'refs/pr/3': 'd'.repeat(40) } });
    for (const name of ['org/film@v1.0', `org/film@${commit}`, 'org/film@refs/pr/3']) await Tokenizer.load(name);
    const root = join(cache, 'models--org--film');
    expect(readdirSync(join(root, 'snapshots')).sort()).toEqual([commit, 'd'.repeat(40)]);
    expect(readFileSync(join(root, 'refs/v1.0'), 'utf8')).toBe(commit);
    expect(readFileSync(join(root, 'refs/refs/pr/3'), 'utf8')).toBe('d'.repeat(40));
    await rejects(() => Tokenizer.load('org/film@v2'), 'ERR_ZEST_HUB', /the model org\/film@v2 has no revision "v2"/);
    const before = process.cwd();
    process.chdir(scratch);
    try {
      mkdirSync('film-here');
      await rejects(() => Tokenizer.load('film-here'), 'ERR_ZEST_TOKENIZER', /film-here/);
    } finally {
      process.chdir(before);
    }
  });

  it('may be at a branch with slashes, and what ends as a GGUF file is one', async () => {
    const revisions = { main: sha1('main'), next: sha1('next'), 'feature/x/y': sha1('xy') };
    serveFilm({ revisions, filesAt: { [revisions.next]: { 'x/y.gguf': 'GGUF' } } });
    expect((await Tokenizer.load('org/film@feature/x/y')).vocabularySize).toBe(8192);
    expect(readFileSync(join(cache, 'models--org--film/refs/feature/x/y'), 'utf8')).toBe(revisions['feature/x/y']);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await Tokenizer.load('org/film@feature/x/y')).vocabularySize).toBe(8192);
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    await rejects(() => Model.load('org/film@next/x/y.gguf'), 'ERR_ZEST_GGUF', /x\/y\.gguf/);
  });

  it('that there is not says so, as a folder and as a name', async () => {
    await rejects(
      () => Model.load('no-one/no-model'),
      'ERR_ZEST_HUB',
      /^no-one\/no-model is no folder here, and http:.* has no model "no-one\/no-model"; a private one needs a token in HF_TOKEN/,
    );
    vi.stubEnv('HF_TOKEN', 'good');
    await rejects(
      () => Model.load('nothing'),
      'ERR_ZEST_HUB',
      /has no model "nothing", or the token given does not see it/,
    );
    vi.stubEnv('HF_TOKEN', 'invalid');
    await rejects(() => Model.load('nothing'), 'ERR_ZEST_HUB', /refuses the token in HF_TOKEN.*Invalid credentials/);
    expect(server.requests).toHaveLength(3);
  });

  it('that is gated takes a token, from the environment or the file', async () => {
    serveFilm({ gated: true, tokens: ['good'] });
    await rejects(
      () => Tokenizer.load('org/film'),
      'ERR_ZEST_HUB',
      /is gated; accept its terms at http.*org\/film, and give a token/,
    );
    vi.stubEnv('HF_TOKEN', 'other');
    await rejects(
      () => Tokenizer.load('org/film'),
      'ERR_ZEST_HUB',
      /is gated, and the account of the token given has no access/,
    );
    vi.stubEnv('HF_TOKEN', undefined);
    writeFileSync(join(process.env.HF_HOME as string, 'token'), 'good\n');
    const model = await Model.load('org/film', { device: 'cpu' });
    model.dispose();
    expect(server.leaked).toBe(false);
  });

  it('takes a token of several lines as one, and refuses one that no header can hold without printing it', async () => {
    serveFilm({ gated: true, tokens: ['hf_good'] });
    const file = join(process.env.HF_HOME as string, 'token');
    writeFileSync(file, 'hf_secret\u2026\n');
    const refused = (source: string) =>
      rejects(
        () => Tokenizer.load('org/film'),
        'ERR_ZEST_HUB',
        new RegExp(
          `^the token in ${source} has a character that no header of HTTP can hold; put .{0,60}, or remove it$`,
        ),
      );
    await refused(file);
    vi.stubEnv('HF_TOKEN', 'hf_\x07secret');
    await refused('HF_TOKEN');
    expect(server.requests).toEqual([]);
    vi.stubEnv('HF_TOKEN', ' hf_\r\ngood\n');
    expect((await Tokenizer.load('org/film')).vocabularySize).toBe(8192);
  });

  it('without safetensors says how to get them', async () => {
    const { 'model.safetensors': _, ...rest } = filmFiles;
    serve({ kind: 'model', id: 'org/old', files: { ...rest, 'pytorch_model.bin': 'x' } });
    await rejects(
      () => Tokenizer.load('org/old'),
      'ERR_ZEST_HUB',
      /the model org\/old has no safetensors; it has pytorch_model\.bin, a pickle.*from_pretrained\('org\/old'\)\.save_pretrained/,
    );
    serve({ kind: 'model', id: 'org/gguf', files: { 'm-q8.gguf': 'GGUF' } });
    await rejects(
      () => Model.load('org/gguf'),
      'ERR_ZEST_HUB',
      /it has m-q8\.gguf; name one of them: org\/gguf\/m-q8\.gguf/,
    );
    await rejects(() => Model.load('org/gguf/m.gguf'), 'ERR_ZEST_HUB', /has no file m\.gguf; it has m-q8\.gguf/);
    await rejects(() => Model.load('org/gguf/m-q8.gguf'), 'ERR_ZEST_GGUF', /m-q8\.gguf/);
    expect(server.downloads).toEqual(['m-q8.gguf']);
  });
});

describe('without a network', () => {
  it('what was downloaded is read, and what was not is an error', async () => {
    serve({ kind: 'model', id: 'org/film', files: filmFiles });
    await Tokenizer.load('org/film');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const before = server.requests.length;
    expect((await Tokenizer.load('org/film')).vocabularySize).toBe(8192);
    await rejects(
      () => Model.load('org/film'),
      'ERR_ZEST_DOWNLOAD',
      /the model org\/film has 3 of 4 wanted files in the cache .*hub, and not model\.safetensors; HF_HUB_OFFLINE keeps/,
    );
    await rejects(() => Model.load('org/other'), 'ERR_ZEST_DOWNLOAD', /^org\/other is no folder here, and the model/);
    await rejects(
      () => readRows('hf://datasets/org/rows?split=train'),
      'ERR_ZEST_DOWNLOAD',
      /the data set org\/rows is/,
    );
    expect(server.requests).toHaveLength(before);
  });

  it('a hub that cannot be reached gives way to the cache', async () => {
    serve({ files: { 'train.jsonl': lines(3) } });
    expect(await count(BIG_PATH)).toBe(3);
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    expect(await count(BIG_PATH)).toBe(3);
    await rejects(
      () => readRows('hf://datasets/org/others/train.jsonl'),
      'ERR_ZEST_DOWNLOAD',
      /the data set org\/others: http:\/\/127\.0\.0\.1:9 cannot be reached for its files: .*; try again, name a local file, set HF_ENDPOINT .*HF_HUB_OFFLINE=1/,
    );
  });
});

describe('a data set of which a part was downloaded', () => {
  const path = 'hf://datasets/org/rows';
  const [first, second] = ['data/train-00000-of-00002.jsonl', 'data/train-00001-of-00002.jsonl'] as const;
  const card = '---\nconfigs:\n- data_files:\n  - split: train\n    path: data/train-*\n---\n';
  const inPart =
    /the data set org\/rows has 1 of 2 wanted files in the cache .*, and not data\/train-00001-of-00002\.jsonl; /;
  const forget = () => rmSync(join(cache, 'datasets--org--rows/.zest'), { recursive: true });

  const refusedInPart = async (...sources: string[]) => {
    for (const source of sources) await rejects(() => count(source), 'ERR_ZEST_DOWNLOAD', inPart);
  };

  const breakSecond = async () => {
    serve({ files: { 'README.md': card, [first]: lines(5), [second]: lines(6) } });
    server.mishaps.set(second, [{ wrongByte: 1 }, { wrongByte: 1 }]);
    await rejects(() => count(`${path}?split=train`), 'ERR_ZEST_DOWNLOAD', /00001-of-00002\.jsonl came twice/);
  };

  it('is no split and no glob without the rest, however the hub is not there', async () => {
    await breakSecond();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await refusedInPart(`${path}?split=train`, `${path}/data/*.jsonl`, `${path}/data/train-{00000,00001}-*`);
    expect(await count(`${path}/${first}`)).toBe(5);
    expect(await count(`${path}/data/train-00000-*`)).toBe(5);
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    const endpoint = process.env.HF_ENDPOINT;
    const broken = createServer((_, response) => response.writeHead(503).end());
    await new Promise<void>((done) => broken.listen(0, '127.0.0.1', done));
    const unavailable = `http://127.0.0.1:${(broken.address() as { port: number }).port}`;
    for (const elsewhere of ['http://127.0.0.1:9', unavailable]) {
      vi.stubEnv('HF_ENDPOINT', elsewhere);
      await refusedInPart(`${path}?split=train`);
    }
    broken.close();
    vi.stubEnv('HF_ENDPOINT', endpoint);
    expect(await count(`${path}?split=train`)).toBe(11);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await count(`${path}?split=train`)).toBe(11);
  });

  it('by others, without a list of all, is refused by the numbers of its shards', async () => {
    await breakSecond();
    forget();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await refusedInPart(`${path}?split=train`, `${path}/data/*.jsonl`);
    expect(await count(`${path}/${first}`)).toBe(5);
  });

  it('by its path is not all that a glob matches, or that the card lists', async () => {
    serve({ files: { 'README.md': card, 'data/train-a.jsonl': lines(1), 'data/train-b.jsonl': lines(2) } });
    expect(await count(`${path}/data/train-a.jsonl`)).toBe(1);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await rejects(
      () => count(`${path}/data/*`),
      'ERR_ZEST_DOWNLOAD',
      /has 1 of 2 wanted files in the cache .*, and not data\/train-b\.jsonl/,
    );
    await rejects(() => count(`${path}?split=train`), 'ERR_ZEST_DOWNLOAD', /and not README\.md/);
  });

  it('by others is known as a part once the hub was asked', async () => {
    serve({ files: { 'a.jsonl': lines(1), 'b.jsonl': lines(2) } });
    await count(`${path}/a.jsonl`);
    forget();
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await count(`${path}/*.jsonl`)).toBe(1);
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    await count(`${path}/a.jsonl`);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await rejects(() => count(`${path}/*.jsonl`), 'ERR_ZEST_DOWNLOAD', /has 1 of 2 wanted files/);
  });

  it('is read also where the list can be neither read nor written', async () => {
    serve({ files: { 'a.jsonl': lines(1) } });
    await count(`${path}/a.jsonl`);
    forget();
    writeFileSync(join(cache, 'datasets--org--rows/.zest'), '');
    expect(await count(`${path}/a.jsonl`)).toBe(1);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await count(`${path}/*.jsonl`)).toBe(1);
  });

  it.each<[string, string[], string[], (0 | 1)?]>([
    ['whole', ['a-00000-of-00002.csv', 'a-00001-of-00002.csv', 'b.csv'], []],
    ['from 1', ['a-00002-of-00002.csv'], ['a-00001-of-00002.csv']],
    ['of a model', ['m-00001-of-00002.safetensors'], ['m-00002-of-00002.safetensors'], 1],
    ['in folders', ['x/000-of-002.json.gz', 'y/001-of-002.json.gz'], ['x/001-of-002.json.gz', 'y/000-of-002.json.gz']],
    [
      'with hashes',
      ['t-00000-of-00003-0123456789abcdef.parquet', 't-00002-of-00003-fedcba9876543210.parquet'],
      ['t-00001-of-00003-*.parquet'],
    ],
    ['that are none', ['top-10-of-50.csv', 'out-of-001.csv'], []],
  ])('has the shards that its names tell of: %s', (_, there, missing, from = 0) => {
    expect(missingShards(there, from)).toEqual(missing);
  });
});

describe('a data set of the hub', () => {
  it('is named by its splits, as its card lists them', async () => {
    const card = `---
license: mit
configs:
- config_name: first
  data_files:
  - split: train
    path: first/train-*
  - split: validation
    path: [first/dev.jsonl]
- config_name: second
  data_files: second/*.jsonl
  default: true
---
# Rows`;
    serve({
      files: {
        'README.md': card,
        ...{ 'first/train-0.jsonl': lines(1), 'first/train-1.jsonl': lines(2), 'first/dev.jsonl': lines(4) },
        ...{ 'second/a.jsonl': lines(8), 'other.jsonl': lines(16) },
      },
    });
    const path = 'hf://datasets/org/rows';
    expect(await count(`${path}?split=train&subset=first`)).toBe(3);
    expect(await count(`${path}?split=validation&subset=first`)).toBe(4);
    expect(await count(`${path}?split=train`)).toBe(8);
    expect(await count(`${path}/first/*.jsonl`)).toBe(7);
    expect((await readRows(`${path}/other.jsonl`))[9]).toMatchObject({ file: `${path}/other.jsonl`, line: 10 });
    expect(await count(`${path}@main/other.jsonl`)).toBe(16);
    await rejects(
      () => count(`${path}?split=test&subset=first`),
      'ERR_ZEST_HUB',
      /no split "test"; expected one of train, valid/,
    );
    await rejects(
      () => count(`${path}?split=train&subset=third`),
      'ERR_ZEST_HUB',
      /no subset "third"; expected one of first, sec/,
    );
    await rejects(() => count(`${path}/none.jsonl`), 'ERR_ZEST_HUB', /has no file none\.jsonl; it has README\.md/);
    await rejects(
      () => count(path),
      'ERR_ZEST_HUB',
      /names no files of a data set; expected hf:\/\/datasets\/ORG\/NAME/,
    );
    await rejects(() => count('hf://datasets/org/absent?split=train'), 'ERR_ZEST_HUB', /has no data set "org\/absent"/);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await count(`${path}?split=train`)).toBe(8);
  });

  it('may be at a branch with slashes', async () => {
    const revisions = { main: sha1('main'), 'feature/x': sha1('x'), 'refs/pr/3': sha1('pr') };
    serve({ files: { 'train.jsonl': lines(1) }, revisions, filesAt: { [sha1('x')]: { 'train.jsonl': lines(2) } } });
    expect(await count('hf://datasets/org/rows@feature%2Fx/train.jsonl')).toBe(2);
    expect(await count(splitPath('org/rows', { split: 'train', revision: 'feature/x' }))).toBe(2);
    expect(splitPath('org/rows@feature/x', { split: 'train' })).toBe('hf://datasets/org/rows@feature%2Fx?split=train');
    expect(splitPath('org/rows', { split: 'train', revision: 'refs/pr/3' })).toBe(
      'hf://datasets/org/rows@refs/pr/3?split=train',
    );
  });

  it('has subsets that are folders, whose splits the names of their files tell', async () => {
    // Numbers as load_dataset of Python's datasets 5.2.0 gives them for such a folder.
    const card = `---
configs:
- config_name: en
  data_dir: english
  default: true
- config_name: fr
  data_dir: ./test-french/
- config_name: all
---`;
    serve({
      files: {
        'README.md': card,
        ...{ 'english/train.jsonl': lines(1), 'english/dev.jsonl': lines(2) },
        ...{ 'test-french/a.jsonl': lines(4), 'english-old/train.jsonl': lines(8) },
      },
    });
    const path = 'hf://datasets/org/rows';
    expect(await count(`${path}?split=train`)).toBe(1);
    expect(await count(`${path}?split=train&subset=en`)).toBe(1);
    expect(await count(`${path}?split=validation`)).toBe(2);
    expect(await count(`${path}?split=train&subset=fr`)).toBe(4);
    expect(await count(`${path}?split=test&subset=all`)).toBe(4);
    await rejects(
      () => count(`${path}?split=test`),
      'ERR_ZEST_HUB',
      /has no files of the split "test" of the subset en; it has english\/dev\.jsonl, english\/train\.jsonl; a file/,
    );
    await rejects(
      () => count(`${path}?split=train&subset=de`),
      'ERR_ZEST_HUB',
      /no subset "de"; expected one of en, fr, all/,
    );
  });

  it('without a card is told by the names of its files', async () => {
    const path = 'hf://datasets/org/rows';
    const served = serve({
      files: { 'data/train-00000-of-00001.jsonl': lines(1), 'data/dev.jsonl': lines(2), 'dataset_infos.json': '{}' },
    });
    expect(await count(`${path}?split=train`)).toBe(1);
    expect(await count(`${path}?split=validation`)).toBe(2);
    await rejects(
      () => count(`${path}?split=test`),
      'ERR_ZEST_HUB',
      /no files of the split "test"; it has data\/dev\.jsonl/,
    );
    served.id = 'org/plain';
    served.files = { 'restrained.jsonl': lines(5) };
    expect(await count('hf://datasets/org/plain?split=train')).toBe(5);
    served.id = 'org/texts';
    served.files = { 'a.txt': 'one\ntwo\n', 'b.txt': 'three\n' };
    expect(await count('hf://datasets/org/texts?split=train')).toBe(3);
    served.id = 'org/noted';
    served.files = { 'a.json': lines(2), 'notes.txt': 'one\n' };
    expect(await count('hf://datasets/org/noted?split=train')).toBe(2);
  });

  it('of a script is read as the Parquet that the hub makes of it', async () => {
    const parquet = readFileSync(new URL('../fixtures/data/parquet/snappy.parquet', import.meta.url));
    serve({
      files: { 'rows.py': 'x' },
      revisions: { main: sha1('main'), 'refs/convert/parquet': sha1('parquet') },
      filesAt: { [sha1('parquet')]: { 'sst2/train/0000.parquet': parquet, 'rte/train/0000.parquet': parquet } },
    });
    const path = 'hf://datasets/org/rows';
    expect(await count(`${path}@refs/convert/parquet/sst2/train/*.parquet`)).toBe(6);
    expect(await count(`${path}?split=train&subset=sst2`)).toBe(6);
    await rejects(
      () => count(`${path}?split=train`),
      'ERR_ZEST_HUB',
      /has several subsets; expected one of .*: rte, sst2/,
    );
    await rejects(
      () => count(`${path}?split=test`),
      'ERR_ZEST_HUB',
      /no files of the split "test"; none of its files has rows/,
    );
  });
});

describe('a download', () => {
  it('says what it will be before a byte, and how far it is', async () => {
    serve({ files: { 'train.jsonl': BIG }, license: 'cc-by-4.0' });
    const heard: Download[] = [];
    const stop = onDownload((download) => {
      if (heard.length === 0) expect(server.downloads).toEqual([]);
      heard.push(download);
    });
    await count(BIG_PATH);
    stop();
    expect(heard[0]).toMatchObject({ name: 'org/rows', license: 'cc-by-4.0', done: 0, total: BIG.length });
    expect(heard.filter((each) => each.done === 0)).toHaveLength(1);
    expect(heard[0]?.folder).toMatch(/datasets--org--rows/);
    expect(heard.at(-1)?.done).toBe(BIG.length);
    const done = heard.map((each) => each.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    await rejects(() => onDownload(7 as never), 'ERR_ZEST_ARGUMENT', /listener is 7; expected a function/);
  });

  it('is of what the cache lacks: no blob of another commit, and the rest of one that was cut', async () => {
    const files = { 'train.jsonl': BIG, 'test.jsonl': lines(3) };
    const commits = { main: sha1('main'), next: sha1('next'), last: sha1('last') };
    serve({
      files,
      revisions: commits,
      filesAt: {
        [commits.next]: { ...files, 'test.jsonl': lines(4), 'again.jsonl': lines(4) },
        [commits.last]: { 'train.jsonl': lines(20_000, 'anew') },
      },
    });
    const heard: Download[] = [];
    const stop = onDownload((download) => heard.push(download));
    const hearsAll = (total: number) => {
      const done = heard.map((each) => each.done);
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(done.filter((each) => each === 0)).toHaveLength(1);
      expect(heard.splice(0).at(-1)).toMatchObject({ done: total, total });
    };
    await count('hf://datasets/org/rows/*.jsonl');
    heard.length = 0;
    await count('hf://datasets/org/rows@next/*.jsonl');
    expect(server.downloads.filter((each) => each === 'train.jsonl')).toHaveLength(1);
    hearsAll(lines(4).length);
    rmSync(join(cache, 'datasets--org--rows/snapshots'), { recursive: true });
    await count('hf://datasets/org/rows@next/*.jsonl');
    expect(heard).toEqual([]);
    const last = lines(20_000, 'anew');
    const etag = createHash('sha256').update(last).digest('hex');
    writeFileSync(join(cache, 'datasets--org--rows/blobs', `${etag}.incomplete`), last.slice(0, 50_000));
    await count('hf://datasets/org/rows@last/train.jsonl');
    expect(server.downloads.at(-1)).toBe('train.jsonl bytes=50000-');
    hearsAll(last.length - 50_000);
    stop();
  });

  it('that is cut goes on where it was', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.mishaps.set('train.jsonl', [{ cutAfter: 50_000 }, { cutAfter: 70_000 }, { status: 503 }]);
    expect(await count(BIG_PATH)).toBe(20_000);
    const ranges = server.downloads.map((each) => Number(/bytes=(\d+)/.exec(each)?.[1] ?? 0));
    expect(ranges[0]).toBe(0);
    expect(ranges[1]).toBeGreaterThan(0);
    expect(ranges[2]).toBeGreaterThan(ranges[1] as number);
    expect(blobs()).toHaveLength(1);
  });

  it('begins anew where the server knows no ranges', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.mishaps.set('train.jsonl', [{ cutAfter: 50_000 }, { withoutRange: true }]);
    expect(await count(BIG_PATH)).toBe(20_000);
  });

  it('that never comes to its end is an error, and what came is kept', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.mishaps.set('train.jsonl', [{ cutAfter: 50_000 }, ...Array.from({ length: 6 }, () => ({ cutAfter: 0 }))]);
    await rejects(
      () => count(BIG_PATH),
      'ERR_ZEST_DOWNLOAD',
      /train\.jsonl stops after \d+ of \d+ bytes, again and again/,
    );
    expect(blobs()).toEqual([expect.stringMatching(/\.incomplete$/)]);
    server.mishaps.clear();
    expect(await count(BIG_PATH)).toBe(20_000);
    expect(server.downloads.at(-1)).toMatch(/bytes=[1-9]/);
    expect(blobs()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  it('of a file that is shorter than the hub says ends, however often it is begun anew', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.mishaps.set(
      'train.jsonl',
      Array.from({ length: 100 }, () => ({ instead: '<html>Log in</html>' })),
    );
    await rejects(
      () => count(BIG_PATH),
      'ERR_ZEST_DOWNLOAD',
      /train\.jsonl stops after 19 of \d+ bytes, again and again/,
    );
    expect(server.downloads.length).toBeLessThan(12);
    server.mishaps.clear();
    // What came is not the file's beginning: its checksum says so, and it is fetched whole.
    expect(await count(BIG_PATH)).toBe(20_000);
  });

  it('that is told to stop ends with what stopped it, also between two tries', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.mishaps.set(
      'train.jsonl',
      Array.from({ length: 100 }, () => ({ cutAfter: 0 })),
    );
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 500);
    await expect(hubFiles(BIG_PATH, stop.signal)).rejects.toThrow('enough');
  });

  it('with a wrong checksum is never taken', async () => {
    serve({ files: { 'train.jsonl': BIG, 'small.jsonl': lines(3) } });
    server.mishaps.set('train.jsonl', [{ wrongByte: 100 }, { wrongByte: 100 }]);
    await rejects(
      () => count(BIG_PATH),
      'ERR_ZEST_DOWNLOAD',
      /train\.jsonl came twice with the checksum .*; expected [0-9a-f]{64}/,
    );
    expect(blobs()).toEqual([]);
    server.mishaps.set('train.jsonl', [{ wrongByte: 100 }]);
    expect(await count(BIG_PATH)).toBe(20_000);
    server.mishaps.set('small.jsonl', [{ wrongByte: 9 }, { wrongByte: 9 }]);
    const small = 'hf://datasets/org/rows/small.jsonl';
    await rejects(
      () => count(small),
      'ERR_ZEST_DOWNLOAD',
      /small\.jsonl came twice with the checksum .*; expected [0-9a-f]{40}/,
    );
    expect(await count(small)).toBe(3);
  });

  it('of which something else lies about is begun anew', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    const etag = createHash('sha256').update(BIG).digest('hex');
    const folder = join(cache, 'datasets--org--rows/blobs');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${etag}.incomplete`), randomBytes(1000));
    expect(await count(BIG_PATH)).toBe(20_000);
    expect(server.downloads).toEqual([expect.stringContaining('bytes=1000-'), 'train.jsonl']);
  });

  it('that was killed goes on in the next process', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.slowness = 400_000;
    const { process: first, out } = child(BIG_PATH);
    await until(() => blobs().some((name) => statSync(join(cache, 'datasets--org--rows/blobs', name)).size > 100_000));
    first.kill('SIGKILL');
    await out;
    expect(blobs()).toEqual([expect.stringMatching(/\.incomplete$/)]);
    server.slowness = 0;
    expect(await child(BIG_PATH).out).toBe('20000');
    expect(server.downloads.at(-1)).toMatch(/bytes=[1-9]\d{4}/);
  });

  it('by two processes at once is one', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    server.slowness = 1_000_000;
    const both = [child(BIG_PATH), child(BIG_PATH), child(BIG_PATH)];
    expect(await Promise.all(both.map(({ out }) => out))).toEqual(['20000', '20000', '20000']);
    expect(server.downloads).toEqual(['train.jsonl']);
    expect(blobs()).toHaveLength(1);
  });

  it('that fills the disk is an error, and what came is not taken for the file', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    // No file may be longer than 200 KB there: a write beyond fails as on a full disk.
    const out = await child(BIG_PATH, "trap '' XFSZ; ulimit -f 200;").out;
    expect(out).toMatch(/^ERR_ZEST_FILE cannot write .*\.incomplete: EFBIG/);
    expect(blobs()).toEqual([expect.stringMatching(/\.incomplete$/)]);
    expect(existsSync(join(cache, 'datasets--org--rows/snapshots'))).toBe(false);
    expect(await count(BIG_PATH)).toBe(20_000);
  });

  it('for which there is no room does not begin', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    const answer = await fetch(`${process.env.HF_ENDPOINT}/api/datasets/org/rows/revision/main`);
    const info = (await answer.json()) as { siblings: { size: number; lfs: { size: number } }[] };
    for (const sibling of info.siblings) sibling.lfs.size = 2 ** 60;
    const other = createServer((_, response) => response.end(JSON.stringify(info)));
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(other.address() as { port: number }).port}`);
    await rejects(
      () => count(BIG_PATH),
      'ERR_ZEST_FILE',
      /takes \d+ MB, and .* has room for \d+ MB; make room, or name an/,
    );
    other.close();
  });

  it('for which there is room beside what is there begins', async () => {
    const served = serve({ files: { 'train.jsonl': BIG, 'test.jsonl': lines(3) } });
    await count('hf://datasets/org/rows/*.jsonl');
    served.revisions = { main: sha1('org/rows'), next: sha1('next') };
    served.files = { 'train.jsonl': BIG, 'test.jsonl': lines(4) };
    const full = vi.spyOn(disk, 'statfs').mockImplementation((async () => ({ bavail: 1, bsize: 4096 })) as never);
    syncBuiltinESMExports();
    try {
      expect(await count('hf://datasets/org/rows@next/*.jsonl')).toBe(20_004);
      served.revisions.last = sha1('last');
      served.files = { 'train.jsonl': lines(20_000, 'anew') };
      await rejects(
        () => count('hf://datasets/org/rows@last/*'),
        'ERR_ZEST_FILE',
        /takes 1 MB, and .* has room for 1 MB/,
      );
    } finally {
      full.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('that falls silent is tried again, and one that is aborted stops', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '2');
    server.mishaps.set('train.jsonl', [{ silent: true }]);
    expect(await count(BIG_PATH)).toBe(20_000);
    expect(server.downloads).toHaveLength(2);
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', undefined);
    serve({ kind: 'model', id: 'org/film', files: filmFiles });
    server.slowness = 1_000_000;
    const controller = new AbortController();
    const loading = Model.load('org/film', { device: 'cpu', signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 300);
    await expect(loading).rejects.toThrow('enough');
  });

  it('leaves nothing outside of its folder, whatever a list of files says', async () => {
    serve({ files: { '../../evil.jsonl': lines(1), '/etc/evil.jsonl': lines(1), 'train.jsonl': lines(2) } });
    expect(await count('hf://datasets/org/rows/**')).toBe(2);
  });

  it('whose links or blobs were removed is made good', async () => {
    serve({ files: { 'train.jsonl': BIG } });
    await count(BIG_PATH);
    const [blob] = blobs();
    rmSync(join(cache, 'datasets--org--rows/blobs', blob as string));
    expect(await count(BIG_PATH)).toBe(20_000);
    const link = join(cache, 'datasets--org--rows/snapshots', sha1('org/rows'), 'train.jsonl');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(realpathSync(link)).toContain(blob);
    rmSync(link);
    expect(await count(BIG_PATH)).toBe(20_000);
    expect(server.downloads).toHaveLength(2);
  });

  it('needs no home directory where a variable names the folder', async () => {
    serve({ files: { 'train.jsonl': lines(3) } });
    // As for a user id that no user has: libuv finds no entry of it.
    const homeless = vi.spyOn(os, 'homedir').mockImplementation(() => {
      throw new Error('A system error occurred: uv_os_homedir returned ENOENT (no such file or directory)');
    });
    syncBuiltinESMExports();
    try {
      expect(await count(BIG_PATH)).toBe(3);
      vi.stubEnv('HF_HUB_CACHE', cache);
      vi.stubEnv('HF_HOME', undefined);
      vi.stubEnv('XDG_CACHE_HOME', undefined);
      expect(await count(BIG_PATH)).toBe(3);
      vi.stubEnv('HF_HUB_CACHE', undefined);
      const refused = /^no folder for downloads: this user has no home directory; name a folder in HF_HOME/;
      await rejects(() => count(BIG_PATH), 'ERR_ZEST_HUB', refused);
      vi.stubEnv('HF_HOME', '~/models');
      await rejects(() => Tokenizer.load('org/film'), 'ERR_ZEST_HUB', refused);
    } finally {
      homeless.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('keeps the commit of a process though the branch moves, and a new process sees it', async () => {
    const served = serve({ files: { 'train.jsonl': lines(3) } });
    expect(await count(BIG_PATH)).toBe(3);
    served.files = { 'train.jsonl': lines(4) };
    served.revisions = { main: sha1('moved') };
    expect(await count(BIG_PATH)).toBe(3);
    expect(await child(BIG_PATH).out).toBe('4');
    expect(readFileSync(join(cache, 'datasets--org--rows/refs/main'), 'utf8')).toBe(sha1('moved'));
  });
});
