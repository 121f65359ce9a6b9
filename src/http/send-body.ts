import type { ServerResponse } from 'node:http';

/** Bytes given to a client that is slow, or that hasn't shown yet that it is fast: its progress is to be seen. */
const PIECE = 256 * 1024;
/** A client that takes a write within so many milliseconds is fast: larger writes cost less. */
const FAST = 250;

/** How a body was delivered. */
export interface Delivery {
  /** Bytes the kernel took over for the client. */
  readonly bytes: number;
  readonly complete: boolean;
  /** Why the source gave out on the way; undefined when it didn't. */
  readonly failure?: unknown;
}

/**
 * Sends a body that comes in slices, one write for each, or several for a client that is slow. The next is made when the
 * kernel has the last one, so a slow client holds a single slice. `writeHead` is called before the first, `onProgress` with
 * the bytes sent after each. When the client goes away, or the source fails on the way, the connection is cut and the
 * source is closed. Throws, with nothing sent yet, when the source fails before its first slice.
 */
export async function sendBody(
  response: ServerResponse,
  slices: AsyncGenerator<Buffer>,
  writeHead: () => void,
  onProgress: (bytes: number) => void = () => {},
): Promise<Delivery> {
  let next = await slices.next();
  let bytes = 0;
  let isFast = false;
  writeHead();
  try {
    while (!next.done) {
      const slice = next.value;
      for (let start = 0; start < slice.length; ) {
        const piece =
          isFast && start === 0 ? slice : slice.subarray(start, isFast ? undefined : start + PIECE);
        const began = performance.now();
        if (!(await write(response, piece))) return { bytes, complete: false };
        isFast = performance.now() - began < FAST;
        start += piece.length;
        bytes += piece.length;
        onProgress(bytes);
      }
      next = await slices.next();
    }
    const ended = await end(response);
    // A client that has all of its Content-Length may hang up before the response's end is known here.
    return { bytes, complete: ended || bytes > 0 };
  } catch (failure) {
    // Headers have promised more bytes than there are: only a broken connection tells the client.
    return { bytes, complete: false, failure };
  } finally {
    if (!response.writableFinished) response.destroy();
    await slices.return(undefined);
  }
}

/** Resolves to true when the kernel has taken `slice`, to false when the client is gone. */
function write(response: ServerResponse, slice: Buffer): Promise<boolean> {
  return whenDone(response, (done) => response.write(slice, done));
}

function end(response: ServerResponse): Promise<boolean> {
  return whenDone(response, (done) => response.end(done));
}

function whenDone(
  response: ServerResponse,
  act: (done: (error?: Error | null) => void) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.closed || response.destroyed) {
      resolve(false);
      return;
    }
    const onClose = () => resolve(false);
    response.once('close', onClose);
    act((error) => {
      response.off('close', onClose);
      resolve(!error);
    });
  });
}
