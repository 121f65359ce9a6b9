import { explainApiError } from './api-error.ts';
import { type ClientSource, library } from './client.ts';
import { backOff, waitFor } from './retry.ts';

/** The API server ends a watch after this, seconds; the next one goes on from where it was. */
const WATCH_SECONDS = 300;
/** A watch that ended sooner counts as a failure, milliseconds. */
const SHORTEST_WATCH = 5_000;

export interface WatchOptions {
  readonly source: ClientSource;
  /** `/api/v1/nodes` */
  readonly path: string;
  /** Called for every object there is and for each change, more than once for some. */
  readonly onObject: (object: unknown) => void;
  /** Told after each attempt to connect: undefined when it succeeded, else why not. */
  readonly onState: (reason: string | undefined) => void;
}

/** Watches objects until `signal`, whatever becomes of the API server: pauses between attempts grow to a minute. */
export async function keepWatching(options: WatchOptions, signal: AbortSignal): Promise<void> {
  let resourceVersion: string | undefined;
  let failures = 0;
  do {
    const begun = performance.now();
    try {
      await watchOnce(options, resourceVersion, signal, (seen) => {
        resourceVersion = seen;
      });
      failures = performance.now() - begun < SHORTEST_WATCH ? failures + 1 : 0;
    } catch (error) {
      // From the beginning again: the version to go on from may be gone, the kubeconfig may be another.
      resourceVersion = undefined;
      options.source.forget();
      failures = performance.now() - begun < SHORTEST_WATCH ? failures + 1 : 1;
      if (!signal.aborted) options.onState(explainApiError(error));
    }
  } while (failures === 0 ? !signal.aborted : await waitFor(backOff(failures), signal));
}

/** What is read of any object, and of the Status that ends a watch. */
interface WatchedObject {
  readonly code?: number;
  readonly metadata?: { readonly resourceVersion?: string };
}

/** One connection. Without a resource version, the API server begins with all objects there are. */
async function watchOnce(
  { source, path, onObject, onState }: WatchOptions,
  resourceVersion: string | undefined,
  signal: AbortSignal,
  onVersion: (resourceVersion: string) => void,
): Promise<void> {
  const kubeconfig = await source.kubeconfig();
  const { Watch } = await library();
  const query = { timeoutSeconds: WATCH_SECONDS, allowWatchBookmarks: true, resourceVersion };
  let finish = (_error: unknown) => {};
  let isOver = false;
  const finished = new Promise<unknown>((resolve) => {
    finish = resolve;
  });
  let refusal: unknown;
  const request = await new Watch(kubeconfig).watch(
    path,
    query,
    (phase: string, object: WatchedObject) => {
      if (phase === 'ERROR') {
        refusal = { code: object.code, body: object };
        return;
      }
      if (object.metadata?.resourceVersion) onVersion(object.metadata.resourceVersion);
      if (phase === 'ADDED' || phase === 'MODIFIED') onObject(object);
    },
    (error: unknown) => {
      isOver = true;
      finish(error);
    },
  );
  if (!isOver) onState(undefined);
  const abort = () => request.abort();
  // The server's own end should come first; it doesn't when the server has vanished without a word.
  const overdue = setTimeout(abort, (WATCH_SECONDS + 30) * 1000);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const error = await finished;
  clearTimeout(overdue);
  signal.removeEventListener('abort', abort);
  if (refusal ?? error) throw refusal ?? error;
}
