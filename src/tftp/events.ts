/** What the TFTP server tells whoever watches it. Every request ends in exactly one of `done`, `probe`, `failed`, `refused`, `dropped`. */
export type TftpEvent =
  | { readonly type: 'started'; readonly client: TftpPeer; readonly file: string; readonly size: number }
  | {
      readonly type: 'done';
      readonly client: TftpPeer;
      readonly file: string;
      readonly bytes: number;
      readonly milliseconds: number;
      readonly retransmissions: number;
    }
  /** The client only asked for the size (tsize), then aborted with ERROR 0 or 8. */
  | { readonly type: 'probe'; readonly client: TftpPeer; readonly file: string; readonly size: number }
  /** The transfer began and broke off: `reason` is a short word for counting, `detail` is for people. */
  | {
      readonly type: 'failed';
      readonly client: TftpPeer;
      readonly file: string;
      readonly reason: TftpFailure;
      readonly detail: string;
      /** Bytes the client had acknowledged; 0 after a crash. */
      readonly bytes: number;
    }
  /** A request that got an ERROR (unknown file, write request …). */
  | {
      readonly type: 'refused';
      readonly client: TftpPeer;
      readonly file: string;
      readonly reason: TftpRefusal;
      readonly detail: string;
    }
  /** A packet that got no answer at all: not TFTP, not a request, or a request that can't be served at the moment. */
  | {
      readonly type: 'dropped';
      readonly client: TftpPeer;
      readonly reason: 'malformed' | 'unexpected-opcode' | TftpShortage;
      /** Why it can't be served at the moment, for people. */
      readonly detail?: string;
    }
  /** The thread that serves came to grief; it is started again a second later. What it was serving has `failed`. */
  | { readonly type: 'crashed'; readonly detail: string };

export type TftpFailure = 'timeout' | 'aborted' | 'send-error' | 'shutdown' | 'crash';
export type TftpRefusal = 'not-found' | 'write' | 'mode' | 'name' | 'error';
/**
 * What there isn't enough of: transfers (`busy`), transfers of this one client (`client-busy`), descriptors or memory of the
 * system (`resources`). Firmware takes an ERROR for final and doesn't boot, but asks again after some seconds of silence.
 */
export type TftpShortage = 'busy' | 'client-busy' | 'resources';

export interface TftpPeer {
  readonly address: string;
  readonly port: number;
}
