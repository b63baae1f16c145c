import { setTimeout as delay } from 'node:timers/promises';
import { isError, ZestError } from '../errors.ts';
import { type HubName, written } from './cache.ts';
import { hubEnvironment } from './environment.ts';

/** Tries of a request that gets no answer, or one that may be another soon. */
const TRIES = 3;
/** Answers in a row that bring no more of a file, after which it is given up. */
export const MOST_TRIES = 5;

/** Waits; a signal ends it with its own reason. */
export const wait = (milliseconds: number, signal: AbortSignal | undefined): Promise<unknown> =>
  delay(milliseconds, undefined, { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });

/** Time before another try, in milliseconds: 0.2 s, twice as long each time. */
export const pause = (tries: number, signal: AbortSignal | undefined): Promise<unknown> =>
  wait(100 * 2 ** tries, signal);

/** What a person calls it. */
export const called = (name: HubName): string =>
  `${name.kind === 'model' ? 'the model' : 'the data set'} ${written(name)}`;

/** Begins a message about a name that may have been meant for the folder of a model. */
export const noFolder = (name: HubName): string =>
  name.kind === 'model' ? `${written(name)} is no folder here, and ` : '';

/** Says why the network gave nothing: the system's error beneath fetch's own. */
export const reason = (error: unknown): string => {
  const { message, cause, name } = error as Error;
  if (name === 'TimeoutError') return 'no answer in time';
  return isError(cause) && cause.message !== '' ? cause.message : ((cause as { code?: string })?.code ?? message);
};

/** Whether another try may bring what this one did not. */
const isPassing = (status: number): boolean => status === 429 || status >= 500;

const pageOf = ({ kind, id }: HubName): string =>
  `${hubEnvironment().endpoint}/${kind === 'model' ? '' : 'datasets/'}${id}`;

/** What helps where there is no way to the hub. */
const cure = ({ kind }: HubName): string =>
  `; try again, name a local ${kind === 'model' ? 'folder of the model' : 'file'}, set HF_ENDPOINT to a hub that can be reached, or HF_HUB_OFFLINE=1 where the cache has it; Node asks the proxy of HTTPS_PROXY only with NODE_USE_ENV_PROXY=1 (from Node 24)`;

/** The error that an answer of the hub stands for. */
const refusal = async (name: HubName, response: Response, what: string): Promise<ZestError> => {
  const { token, endpoint } = hubEnvironment();
  const code = response.headers.get('x-error-code');
  const said = response.headers.get('x-error-message');
  await response.body?.cancel();
  const { status } = response;
  const fail = (message: string) => new ZestError('ERR_ZEST_HUB', message);
  const repository = called(name);
  const login = 'HF_TOKEN, or the file that hf auth login writes';
  if (code === 'GatedRepo' || (status === 403 && code === null)) {
    return fail(
      token === undefined
        ? `${repository} is gated; accept its terms at ${pageOf(name)}, and give a token of your account in ${login}`
        : `${repository} is gated, and the account of the token given has no access; accept its terms at ${pageOf(name)}`,
    );
  }
  if (code === 'RevisionNotFound') {
    return fail(`${repository} has no revision ${JSON.stringify(name.revision)}; expected a branch, a tag or a commit`);
  }
  if (code === 'EntryNotFound') return fail(`${repository} has no file ${what}`);
  if (status === 401 && token !== undefined && code !== 'RepoNotFound') {
    return fail(`${endpoint} refuses the token in ${login}: ${said ?? 'it is not valid'}`);
  }
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    const kind = name.kind === 'model' ? 'model' : 'data set';
    const hidden =
      token === undefined ? `; a private one needs a token in ${login}` : ', or the token given does not see it';
    return fail(`${noFolder(name)}${endpoint} has no ${kind} ${JSON.stringify(name.id)}${hidden}`);
  }
  return new ZestError(
    'ERR_ZEST_DOWNLOAD',
    `${repository}: ${endpoint} answers ${what} with ${status}${said ? `: ${said}` : ''}`,
  );
};

/**
 * The header that has the token; none without one. A token that no header can hold is refused here, for fetch would put
 * it into the message of its error, and that into logs.
 */
const authorization = (): Record<string, string> => {
  const { token, tokenSource } = hubEnvironment();
  if (token === undefined) return {};
  if (/[^\t\x20-\x7e\x80-\xff]/.test(token)) {
    throw new ZestError(
      'ERR_ZEST_HUB',
      `the token in ${tokenSource} has a character that no header of HTTP can hold; put the token there as the hub shows it, or remove it`,
    );
  }
  return { authorization: `Bearer ${token}` };
};

/**
 * Asks the hub for something of a repository. What passes (no connection, 429, 5xx) is tried again.
 *
 * @param what it is, for messages
 * @throws ERR_ZEST_HUB for a name, a revision or a token that does not do, ERR_ZEST_DOWNLOAD where there is no answer
 */
export const ask = async (
  name: HubName,
  path: string,
  what: string,
  { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> => {
  const { endpoint, patience } = hubEnvironment();
  const url = `${endpoint}${path}`;
  const own = { 'user-agent': 'node-zest', ...authorization() };
  for (let attempt = 1; ; attempt++) {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new DOMException('no answer', 'TimeoutError')), patience);
    let failure: ZestError;
    try {
      const signals = signal ? [signal, silence.signal] : [silence.signal];
      // fetch takes the token away where an answer leads to another host.
      const response = await fetch(url, {
        headers: { ...own, ...headers },
        signal: AbortSignal.any(signals),
      });
      if (response.ok || response.status === 416) return response;
      failure = await refusal(name, response, what);
      if (!isPassing(response.status)) throw failure;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ZestError) throw error;
      failure = new ZestError(
        'ERR_ZEST_DOWNLOAD',
        `${called(name)}: ${endpoint} cannot be reached for ${what}: ${reason(error)}${cure(name)}`,
        {
          cause: error,
        },
      );
    } finally {
      clearTimeout(timer);
    }
    if (attempt >= TRIES) throw failure;
    await pause(attempt, signal);
  }
};
