import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ApiProblem } from './api.ts';

/** How the stream of events is doing. */
export type Connection =
  | { readonly state: 'connecting' | 'live' | 'closed' }
  /** Tries again at `until`, milliseconds since the epoch. */
  | { readonly state: 'waiting'; readonly until: number; readonly why: string };

export interface StreamOptions {
  /** Opens the stream after the event with the number `lastId`; undefined for what is to come only. */
  readonly open: (lastId: string | undefined, signal: AbortSignal) => Promise<Response>;
  /** How many of the latest events to ask for at first. */
  readonly backlog: number;
  /** Called whenever the stream is open: what was fetched before may be out of date. */
  readonly onOpen: () => void;
  readonly onMessage: (event: string, data: unknown) => void;
  readonly onConnection: (connection: Connection) => void;
}

/** The server sends something every 15 s: after this many milliseconds without, the connection is dead. */
const SILENCE = 40_000;

const LONGEST_PAUSE = 15_000;

/** Milliseconds before the next attempt: longer each time, and different for each of many pages. */
function pauseBefore(attempt: number): number {
  return Math.min(LONGEST_PAUSE, 500 * 2 ** attempt) * (0.75 + Math.random() / 2);
}

/**
 * Follows a stream of server-sent events, reconnecting where it left off, until the function it gives is called. It ends
 * by itself when the server answers 401. EventSource would do this too, but can't send a token.
 */
export function followStream(options: StreamOptions): () => void {
  const stop = new AbortController();
  void follow(options, stop.signal);
  return () => stop.abort();
}

async function follow(options: StreamOptions, stop: AbortSignal): Promise<void> {
  const { onConnection } = options;
  const position: Position = { lastId: undefined };
  let attempt = 0;
  while (!stop.aborted) {
    onConnection({ state: 'connecting' });
    let why = 'The server closed the connection';
    try {
      const again = await readOnce(options, position, stop, () => {
        attempt = 0;
      });
      if (again) continue;
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) break;
      if (error instanceof ApiProblem) why = error.message;
    }
    if (stop.aborted) break;
    const pause = pauseBefore(attempt);
    attempt += 1;
    onConnection({ state: 'waiting', until: Date.now() + pause, why });
    await pauseOrOnline(pause, stop);
  }
  onConnection({ state: 'closed' });
}

interface Position {
  lastId: string | undefined;
}

/** Reads one connection to its end. True when the next one shall follow at once. */
async function readOnce(
  { open, backlog, onOpen, onMessage, onConnection }: StreamOptions,
  position: Position,
  stop: AbortSignal,
  onFirst: () => void,
): Promise<boolean> {
  const connection = new AbortController();
  const abort = () => connection.abort();
  stop.addEventListener('abort', abort);
  let watchdog = setTimeout(abort, SILENCE);
  let rewind = false;
  let first = true;
  const parser = createParser({
    onEvent(message: EventSourceMessage) {
      if (first) onFirst();
      first = false;
      const data: unknown = JSON.parse(message.data);
      if (message.event === 'hello' && position.lastId === undefined) {
        const lastId = lastIdOf(data);
        position.lastId = String(Math.max(0, lastId - backlog));
        rewind = lastId > 0;
        if (!rewind) onOpen();
      }
      if (message.event === 'reset') position.lastId = String(lastIdOf(data));
      if (message.id !== undefined) position.lastId = message.id;
      if (!rewind) onMessage(message.event ?? 'message', data);
    },
  });
  try {
    const response = await open(position.lastId, connection.signal);
    onConnection({ state: 'live' });
    if (position.lastId !== undefined) onOpen();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (reader && !rewind) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(watchdog);
      watchdog = setTimeout(abort, SILENCE);
      parser.feed(value);
    }
    return rewind;
  } finally {
    clearTimeout(watchdog);
    stop.removeEventListener('abort', abort);
    connection.abort();
  }
}

function lastIdOf(data: unknown): number {
  return typeof data === 'object' && data !== null && 'lastId' in data ? Number(data.lastId) : 0;
}

function pauseOrOnline(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
    stop.addEventListener('abort', done);
  });
}
