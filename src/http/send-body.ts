import type { ServerResponse } from 'node:http';

/** Bytes given to a client that is slow, or that hasn't shown yet that it is fast: its progress is to be seen. */
const PIECE = 256 * 1024;
/** A client that takes a write within so many milliseconds is fast: larger writes cost less. */
const FAST = 250;

/** A body on its way. */
export interface Body {
  /** Bytes, as the head announces them. */
  readonly size: number;
  /** It comes in slices, each made when the one before has been taken. */
  readonly slices: AsyncGenerator<Buffer>;
  /** Resolves when so many bytes may be written. */
  readonly pace: (bytes: number) => Promise<void>;
  /** Called before the first slice. */
  readonly writeHead: () => void;
  /** Called with the bytes sent after each write. */
  readonly onProgress: (bytes: number) => void;
}

/** How a body was delivered. */
export interface Delivery {
  /** Bytes the kernel took over for the client. */
  readonly bytes: number;
  readonly complete: boolean;
  /** Why the source gave out on the way; undefined when it didn't. */
  readonly failure?: unknown;
}

/**
 * Sends a body, one write for each slice, or several for a client that is slow. The next slice is made when the kernel has
 * the last one, so a slow client holds a single one. When the client goes away, or the source fails on the way, the
 * connection is cut and the source is closed. Throws, with nothing sent yet, when the source fails before its first slice.
 */
export async function sendBody(
  response: ServerResponse,
  { size, slices, pace, writeHead, onProgress }: Body,
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
        await pace(piece.length);
        const began = performance.now();
        const isLast = bytes + piece.length === size;
        if (!(await (isLast ? end(response, piece) : write(response, piece)))) {
          return { bytes, complete: false };
        }
        isFast = performance.now() - began < FAST;
        start += piece.length;
        bytes += piece.length;
        onProgress(bytes);
      }
      next = await slices.next();
    }
    // An empty body has no last slice to end with.
    return { bytes, complete: response.writableEnded || (await end(response)) };
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

/** The same for the last slice: the response ends with it, so that nothing more is to be sent for that. */
function end(response: ServerResponse, slice?: Buffer): Promise<boolean> {
  return whenDone(response, (done) => response.end(slice, done));
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
