import { createHash, createHmac } from 'node:crypto';
import type { Mac } from '../net/mac.ts';

/** What one boot's token opens: the machine's document, and the keys that this makes it fetch in a second step. */
export type TokenUse = 'document' | 'secrets';

/** How a script, and with it a token, got to the machine. */
export type ScriptWay = 'http' | 'tftp';

/** A boot token as it is kept: whoever reads this learns no token. */
export interface BootToken {
  readonly mac: Mac;
  /** The address leased to the machine when it got the token, in dotted notation. */
  readonly address: string;
  readonly way: ScriptWay;
  /** SHA-256 of what must be shown for each use, hexadecimal. */
  readonly hashes: Readonly<Record<TokenUse, string>>;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Since when each is delivered, milliseconds since the epoch. */
  readonly delivered: Readonly<Partial<Record<TokenUse, number>>>;
}

/** Who asks for what. */
export interface TokenRequest {
  readonly mac: Mac;
  readonly use: TokenUse;
  /** In dotted notation. */
  readonly address: string;
}

/** Why a token opens nothing. */
export type TokenFault = 'missing' | 'unknown' | 'other-machine' | 'other-address' | 'expired' | 'used';

/** How long what was delivered is given again, milliseconds: the client may not have got it. */
export const REPEAT_TIME = 2 * 60_000;

/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** Tells what is wrong with a token for this request at `now` (milliseconds); undefined when nothing is. */
export function tokenFault(token: BootToken, request: TokenRequest, now: number): TokenFault | undefined {
  if (token.mac !== request.mac) return 'other-machine';
  if (token.address !== request.address) return 'other-address';
  const delivered = token.delivered[request.use];
  if (delivered !== undefined && now - delivered > REPEAT_TIME) return 'used';
  // Who has got the document may get the keys too, and both again.
  const end = Math.max(token.expires, (token.delivered.document ?? 0) + REPEAT_TIME);
  return now > end ? 'expired' : undefined;
}

/** What a token is known by, hexadecimal; undefined for text that is no token. */
export function hashToken(text: string): string | undefined {
  return TOKEN.test(text) ? createHash('sha256').update(text).digest('hex') : undefined;
}

/**
 * What opens the keys of the same boot. It follows from the token in the script and doesn't lead back to it, so that it
 * can be written into the document again and again without being kept anywhere.
 */
export function secretsToken(token: string): string {
  return createHmac('sha256', token).update('rackseed secrets').digest('base64url');
}

/** Text without what could hold a boot token, for logs: something may stand right before it or after it. */
export function withoutTokens(text: string): string {
  return text.replace(/[A-Za-z0-9_-]{43,}/g, '…');
}
