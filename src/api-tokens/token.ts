import { createHash, randomBytes } from 'node:crypto';

/** What a caller may do; each may do what those before it may. */
export const ROLES = ['read', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** A token as it is kept: who has it and what for, but not the token itself. */
export interface ApiTokenRecord {
  /** Unique; told as the author of what is done with the token. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token, in hex. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Milliseconds since the epoch, to the minute. */
  readonly lastUsed?: number;
}

const FORM = /^rs_[A-Za-z0-9_-]{43}$/;

/** True when `role` may do what `needed` may. */
export function mayActAs(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** A new token: `rs_` and 32 random bytes in base64url. */
export function newToken(): string {
  return `rs_${randomBytes(32).toString('base64url')}`;
}

/** True for text that `newToken` could have given. */
export function isTokenText(text: string): boolean {
  return FORM.test(text);
}

/** SHA-256 of a token. It has 256 random bits, so there is nothing that a slower hash would protect. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
