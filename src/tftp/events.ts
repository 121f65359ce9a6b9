/** What the TFTP server tells whoever watches it. Every request ends in exactly one of `done`, `probe`, `failed`, `refused`. */
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
  /** A request that got an ERROR (unknown file, write request, too many transfers …). */
  | {
      readonly type: 'refused';
      readonly client: TftpPeer;
      readonly file: string;
      readonly reason: TftpRefusal;
      readonly detail: string;
    }
  /** A packet that got no answer at all: not TFTP, or not a request. */
  | {
      readonly type: 'dropped';
      readonly client: TftpPeer;
      readonly reason: 'malformed' | 'unexpected-opcode';
    }
  /** The thread that serves came to grief; it is started again a second later. What it was serving has `failed`. */
  | { readonly type: 'crashed'; readonly detail: string };

export type TftpFailure = 'timeout' | 'aborted' | 'send-error' | 'shutdown' | 'crash';
export type TftpRefusal = 'not-found' | 'write' | 'mode' | 'name' | 'busy' | 'error';

export interface TftpPeer {
  readonly address: string;
  readonly port: number;
}
