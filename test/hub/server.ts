import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Files from this size on are in LFS, and come from another host. */
const LFS_FROM = 1000;

/** What the hub says of a file's content. */
const addressOf = (given: string | Uint8Array) => {
  const content = Buffer.from(given);
  const git = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const isLfs = content.length >= LFS_FROM;
  return { git, sha256, isLfs, size: content.length, etag: isLfs ? sha256 : git };
};

/** A repository that the server has. */
export interface ServedRepository {
  kind: 'model' | 'dataset';
  id: string;
  /** Content by path. */
  files: Record<string, string | Uint8Array>;
  /** Commit by revision. Default: `main` at one that is made of the id. */
  revisions?: Record<string, string>;
  /** Content at commits where it is another. */
  filesAt?: Record<string, ServedRepository['files']>;
  license?: string;
  gated?: boolean;
  /** Tokens that see a gated or a private one. */
  tokens?: readonly string[];
  private?: boolean;
}

/** How the next downloads of a file go wrong; each is used up by one request. */
export type Mishap =
  | { cutAfter: number }
  | { status: number }
  | { wrongByte: number }
  | { instead: string }
  | { withoutRange: true }
  | { silent: true };

export const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

/**
 * A server that speaks the endpoints of Hugging Face's hub over real sockets: the list of a repository's files, and its
 * files, by ranges, those of LFS behind a redirect to a second server, where no token may come.
 */
export class HubServer {
  readonly #hub: Server;
  readonly #store: Server;
  readonly repositories: ServedRepository[] = [];
  /** By path of a file. */
  readonly mishaps = new Map<string, Mishap[]>();
  /** Requests: method, path, range. */
  readonly requests: string[] = [];
  /** Bytes a second of the files; 0: as fast as it goes. */
  slowness = 0;
  /** Whether the hub answers at all. */
  isDown = false;
  leaked = false;

  constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response));
    this.#store = createServer((request, response) => {
      if (request.headers.authorization !== undefined) this.leaked = true;
      const [, index, commit, ...path] = decodeURIComponent(request.url ?? '').split('/');
      const { files, filesAt } = this.repositories[Number(index)] as ServedRepository;
      void this.#send(filesAt?.[commit as string] ?? files, path.join('/'), request, response);
    });
  }

  async start(): Promise<string> {
    for (const server of [this.#hub, this.#store])
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return this.#addressOf(this.#hub);
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }

  #addressOf(server: Server): string {
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Requests of files, as path and range. */
  get downloads(): string[] {
    return this.requests
      .filter((each) => each.includes('/resolve/'))
      .map((each) => each.replace(/^.*\/resolve\/\w+\//, ''));
  }

  #refuse(response: ServerResponse, status: number, code?: string, message = code ?? ''): void {
    response.writeHead(status, { ...(code && { 'x-error-code': code }), 'x-error-message': message });
    response.end(JSON.stringify({ error: message }));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = decodeURIComponent((request.url ?? '').split('?')[0] as string);
    this.requests.push(`${url}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    if (this.isDown) {
      request.socket.destroy();
      return;
    }
    const token = request.headers.authorization?.replace('Bearer ', '');
    const api = /^\/api\/(model|dataset)s\/(.+)\/revision\/(.+)$/.exec(url);
    const file = /^\/(datasets\/)?(.+)\/resolve\/([^/]+)\/(.+)$/.exec(url);
    const [kind, id, revision] = api
      ? [api[1], api[2], api[3]]
      : [file?.[1] ? 'dataset' : 'model', file?.[2], file?.[3]];
    const repository = this.repositories.find((each) => each.kind === kind && each.id === id);
    const isSeen = repository && (!repository.private || repository.tokens?.includes(token ?? ''));
    if (!isSeen) {
      if (token === 'invalid') this.#refuse(response, 401, undefined, 'Invalid credentials in Authorization header');
      // The hub does not tell who is nobody what there is.
      else this.#refuse(response, token === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found');
      return;
    }
    const revisions = repository.revisions ?? { main: sha1(repository.id) };
    const commit = revisions[revision as string] ?? Object.values(revisions).find((each) => each === revision);
    if (commit === undefined) {
      this.#refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    } else if (api) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(this.#info(repository, commit)));
    } else if (repository.gated && !repository.tokens?.includes(token ?? '')) {
      this.#refuse(
        response,
        token === undefined ? 401 : 403,
        'GatedRepo',
        `Access to ${repository.kind} ${id} is restricted.`,
      );
    } else {
      const path = file?.[4] as string;
      const content = (repository.filesAt?.[commit] ?? repository.files)[path];
      if (content === undefined) {
        this.#refuse(response, 404, 'EntryNotFound', 'Entry not found');
        return;
      }
      const { etag, size } = addressOf(content);
      response.setHeader('x-repo-commit', commit);
      response.setHeader('etag', `"${etag}"`);
      response.setHeader('x-linked-etag', `"${etag}"`);
      response.setHeader('x-linked-size', size);
      if (content.length >= LFS_FROM) {
        const index = this.repositories.indexOf(repository);
        response.writeHead(302, { location: `${this.#addressOf(this.#store)}/${index}/${commit}/${encodeURI(path)}` });
        response.end();
      } else void this.#send({ [path]: content }, path, request, response);
    }
  }

  #info(repository: ServedRepository, commit: string): object {
    const siblings = Object.entries(repository.filesAt?.[commit] ?? repository.files).map(([rfilename, given]) => {
      const { git, sha256, size, isLfs } = addressOf(given);
      return { rfilename, blobId: git, size, ...(isLfs && { lfs: { sha256, size, pointerSize: 134 } }) };
    });
    const { id, gated, license } = repository;
    return { id, sha: commit, gated: gated ? 'auto' : false, siblings, cardData: { license }, tags: [] };
  }

  async #send(
    files: ServedRepository['files'],
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const mishap = this.mishaps.get(path)?.shift();
    const content = Buffer.from(mishap && 'instead' in mishap ? mishap.instead : (files[path] as string));
    if (mishap && 'silent' in mishap) return;
    if (mishap && 'status' in mishap) {
      response.writeHead(mishap.status);
      response.end();
      return;
    }
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const from = asked === undefined || (mishap && 'withoutRange' in mishap) ? 0 : Number(asked);
    if (from >= content.length && from > 0) {
      response.writeHead(416);
      response.end();
      return;
    }
    if (mishap && 'wrongByte' in mishap) content[mishap.wrongByte] = (content[mishap.wrongByte] as number) ^ 1;
    const part = content.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': part.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    if (mishap && 'cutAfter' in mishap) {
      response.write(part.subarray(0, mishap.cutAfter), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    const size = this.slowness > 0 ? Math.ceil(this.slowness / 20) : part.length;
    for (let at = 0; at < part.length && !response.destroyed; at += size) {
      response.write(part.subarray(at, at + size));
      if (this.slowness > 0) await new Promise((done) => setTimeout(done, 50));
    }
    response.end();
  }
}
