import type { TftpRefusal, TftpShortage } from './events.ts';
import { escapeBytes } from './name.ts';
import { ErrorCode, Opcode, type RequestPacket } from './packet.ts';

/** Why a request isn't served: for the counter, for the client (code and message), for our own people. */
export interface Refusal {
  readonly reason: TftpRefusal;
  /** Error code (RFC 1350 §5). */
  readonly code: number;
  readonly message: string;
  /** `message` unless given. */
  readonly detail?: string;
}

/** Why a request isn't even answered now: for the counter and for our own people. */
export interface Shortage {
  readonly reason: TftpShortage;
  readonly detail: string;
}

export const STOPPING: Refusal = {
  reason: 'error',
  code: ErrorCode.NOT_DEFINED,
  message: 'the server is shutting down',
};
export const TOO_LARGE_FOR_TEXT: Refusal = {
  reason: 'mode',
  code: ErrorCode.ILLEGAL_OPERATION,
  message: 'this file is too large for netascii, use octet (binary) mode',
};

/** Refuses what can never be served: writing, and modes other than octet and netascii. */
export function refusalOf(packet: RequestPacket): Refusal | undefined {
  if (packet.opcode === Opcode.WRQ) {
    return { reason: 'write', code: ErrorCode.ACCESS_VIOLATION, message: 'this server is read-only' };
  }
  if (packet.mode === 'octet' || packet.mode === 'netascii') return undefined;
  const mode = escapeBytes(Buffer.from(packet.mode, 'latin1'));
  return {
    reason: 'mode',
    code: ErrorCode.ILLEGAL_OPERATION,
    message: `no transfer mode "${mode}", use octet`,
  };
}

/** Refuses a name that can't be brought into form; `message` says why. */
export function badName(message: string): Refusal {
  return { reason: 'name', code: ErrorCode.ACCESS_VIOLATION, message };
}

/** When the name had to be brought into form, `detail` also says how it came (`asked`, escaped). */
export function notFound(file: string, asked: string): Refusal {
  const message = `no such file: ${file}`;
  return {
    reason: 'not-found',
    code: ErrorCode.FILE_NOT_FOUND,
    message,
    detail: asked === file ? message : `${message} (asked for as "${asked}")`,
  };
}

/** What the system says when it has no more of something that others give back in a while. */
const SHORT = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** The shortage that `error` reports, a system call's or the file system's; undefined when it is something else. */
export function shortageOf(error: unknown): Shortage | undefined {
  if (!(error instanceof Error && 'code' in error && SHORT.has(`${error.code}`))) return undefined;
  return { reason: 'resources', detail: error.message };
}

/** Something of ours failed: the client isn't told what. */
export function trouble(detail: string): Refusal {
  return {
    reason: 'error',
    code: ErrorCode.NOT_DEFINED,
    message: "the server can't send this file now",
    detail,
  };
}
