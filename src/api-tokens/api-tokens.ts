import { timingSafeEqual } from 'node:crypto';
import { type ApiTokenRecord, hashToken, isTokenText, newToken, type Role } from './token.ts';

/** Where tokens are kept. */
export interface ApiTokenStorage {
  apiTokens(): Iterable<ApiTokenRecord>;
  /** Resolves once the record would survive the loss of this process. */
  saveApiToken(record: ApiTokenRecord): Promise<void>;
  /** Resolves once the record is gone for good. */
  removeApiToken(name: string): Promise<void>;
}

/** Why a token wasn't made. */
export class ApiTokenRefusal extends Error {}

/** Every token is compared with what a caller shows, so there are not to be too many. */
const MAX_TOKENS = 200;
/** Callers that nobody made a token for have this name. */
const RESERVED = 'local';
const USE_INTERVAL = 60_000;

/** The tokens that open the admin API to callers that are not on this host. Times are milliseconds since the epoch. */
export class ApiTokens {
  readonly #storage: ApiTokenStorage;
  readonly #onError: (error: unknown) => void;
  readonly #tokens = new Map<string, { readonly record: ApiTokenRecord; readonly hash: Buffer }>();

  /** @param onError told when noting a token's last use failed */
  constructor(storage: ApiTokenStorage, onError: (error: unknown) => void) {
    this.#storage = storage;
    this.#onError = onError;
    for (const record of storage.apiTokens()) this.#put(record);
  }

  /** All tokens, in order of their names. */
  list(): ApiTokenRecord[] {
    return [...this.#tokens.values()].map(({ record }) => record).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Makes a token and gives it: nobody can get to know it later. Rejects with an ApiTokenRefusal. */
  async create(name: string, role: Role, now: number): Promise<string> {
    if (name === RESERVED)
      throw new ApiTokenRefusal(`${RESERVED} means callers on this host; choose another name`);
    if (this.#tokens.has(name)) {
      throw new ApiTokenRefusal(`there is a token ${name} already; revoke it first, or choose another name`);
    }
    if (this.#tokens.size >= MAX_TOKENS) {
      throw new ApiTokenRefusal(`there are ${MAX_TOKENS} tokens, which is the most; revoke one first`);
    }
    const token = newToken();
    const record = { name, role, hash: hashToken(token).toString('hex'), created: now };
    this.#put(record);
    try {
      await this.#storage.saveApiToken(record);
    } catch (error) {
      this.#tokens.delete(name);
      throw error;
    }
    return token;
  }

  /** Makes a token useless. False when there is none of that name. */
  async revoke(name: string): Promise<boolean> {
    if (!this.#tokens.delete(name)) return false;
    await this.#storage.removeApiToken(name);
    return true;
  }

  /** Whose token this is; undefined when it is nobody's. Notes, at most once a minute, that it was used. */
  find(token: string, now: number): { readonly name: string; readonly role: Role } | undefined {
    if (!isTokenText(token)) return undefined;
    const hash = hashToken(token);
    let found: ApiTokenRecord | undefined;
    // All of them are looked at, so that the time it takes tells nothing.
    for (const candidate of this.#tokens.values()) {
      if (timingSafeEqual(candidate.hash, hash)) found = candidate.record;
    }
    if (found && now - (found.lastUsed ?? 0) >= USE_INTERVAL) {
      const used = { ...found, lastUsed: now };
      this.#put(used);
      this.#storage.saveApiToken(used).catch(this.#onError);
    }
    return found && { name: found.name, role: found.role };
  }

  #put(record: ApiTokenRecord): void {
    this.#tokens.set(record.name, { record, hash: Buffer.from(record.hash, 'hex') });
  }
}
