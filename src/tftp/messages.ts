import type { TftpEvent, TftpPeer } from './events.ts';
import type { Refusal, Shortage } from './refusal.ts';

/**
 * While so many of its messages are unread, the serving thread doesn't read the socket for requests: they wait in the
 * kernel, which drops what is too much. Transfers on other sockets go on, and each has only its end to tell.
 */
export const MAX_UNREAD = 1_000;

/** What the serving thread is started with. */
export interface ThreadSetup {
  readonly settings: ServingSettings;
  /** The socket for requests. */
  readonly socket: number;
  /** An epoll(7) descriptor that watches nothing yet. */
  readonly epoll: number;
  /** An eventfd(2), readable when messages for the thread wait. */
  readonly wakeUp: number;
  /** A timerfd(2) that doesn't run yet. */
  readonly timer: number;
  /** One Int32: how many messages of the thread are still to be read. */
  readonly unread: SharedArrayBuffer;
}

/** The server's options that concern packets (see `TftpServerOptions`). */
export interface ServingSettings {
  readonly maxBlksize: number;
  readonly singlePort: boolean;
  readonly maxTransfers: number;
  readonly maxTransfersPerClient: number;
}

/** The whole of a file as it is sent, in memory that another thread keeps. */
export interface Contents {
  /** Where it begins (see `addressOf`). */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** From the serving thread. A request is known by its `id`, which is never used again. */
export type FromThread =
  /** It serves from now on. */
  | { readonly type: 'ready' }
  /** A file is asked for: an answer is wanted, unless the request ends before. */
  | {
      readonly type: 'find';
      readonly id: number;
      readonly client: TftpPeer;
      readonly file: string;
      /** The name as it came, escaped. */
      readonly asked: string;
      readonly netascii: boolean;
      /** The transfer wants a socket that no other uses. */
      readonly alone: boolean;
    }
  /** Something for the observer; `ends` is the request that ended with it, if it was one that had a `find`. */
  | { readonly type: 'event'; readonly event: TftpEvent; readonly ends?: number };

/** To the serving thread. */
export type ToThread =
  /**
   * Serve a request. Until it has ended, `contents` stay where they are, and `socket` is open, a bound one that other transfers
   * may use too; without one the socket for requests is used.
   */
  | {
      readonly type: 'serve';
      readonly id: number;
      readonly socket: number | undefined;
      readonly contents: Contents;
    }
  | { readonly type: 'refuse'; readonly id: number; readonly refusal: Refusal }
  /** Forget a request: its client asks again. */
  | { readonly type: 'drop'; readonly id: number; readonly shortage: Shortage }
  /** Grant no larger blocks to transfers that begin from now on. */
  | { readonly type: 'limit'; readonly maxBlksize: number }
  /** End every request, tell the clients, then end. */
  | { readonly type: 'stop' };
