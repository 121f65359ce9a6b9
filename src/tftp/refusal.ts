import type { TftpRefusal } from './events.ts';
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

export const BUSY: Refusal = { reason: 'busy', code: ErrorCode.NOT_DEFINED, message: 'busy, try again' };
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

/** Something of ours failed: the client isn't told what. */
export function trouble(detail: string): Refusal {
  return {
    reason: 'error',
    code: ErrorCode.NOT_DEFINED,
    message: "the server can't send this file now",
    detail,
  };
}
