import { randomBytes } from 'node:crypto';
import type { Mac } from '../net/mac.ts';
import {
  type BootToken,
  hashToken,
  type ScriptWay,
  secretsToken,
  type TokenFault,
  type TokenRequest,
  type TokenUse,
  tokenFault,
} from './boot-token.ts';

/** The tokens of a machine, the oldest first. */
export interface MachineTokens {
  readonly mac: Mac;
  readonly tokens: readonly BootToken[];
}

export interface BootTokensOptions {
  /** Tokens from before. */
  readonly records: Iterable<MachineTokens>;
  /** Writes down all tokens of a machine; resolves once they would survive the loss of this process or host. */
  readonly save: (tokens: MachineTokens) => Promise<void>;
  readonly remove: (mac: Mac) => void;
  /** How long a token is good for, milliseconds. */
  readonly lifetime: () => number;
}

/** A token that opens what was asked for. */
export interface Grant {
  readonly token: BootToken;
  readonly use: TokenUse;
}

/** A token that doesn't, and why. */
export interface Denial {
  readonly fault: TokenFault;
  /** The token that was shown; absent when nobody has been given it, or one long ago. */
  readonly token?: BootToken;
}

/** Tokens of one machine that came by one way; with a further one the oldest goes. */
const KEPT = 4;
/** How long an ended token is remembered, so that who shows it learns what is wrong, milliseconds. */
const MEMORY = 24 * 3_600_000;

/** A token, and which of its deliveries are on their way. */
interface Entry {
  token: BootToken;
  readonly running: Set<TokenUse>;
}

/**
 * The tokens in machines' boot scripts. Each is bound to a machine and the address that it has leased, ends after a while,
 * and is used up by a complete delivery. Every `now` is in milliseconds since the epoch.
 *
 * Each new token may displace an old one of the same machine, so nobody else must be able to have one made. A request by
 * HTTP comes from where it says; one by TFTP is a single datagram, whose sender is easily forged. That is why the tokens
 * of the two ways displace only their like.
 */
export class BootTokens {
  readonly #options: BootTokensOptions;
  /** In order of the last token made, the oldest first. */
  readonly #machines = new Map<Mac, readonly Entry[]>();
  /** By what is shown. */
  readonly #hashes = new Map<string, { readonly entry: Entry; readonly use: TokenUse }>();

  constructor(options: BootTokensOptions) {
    this.#options = options;
    const newest = ({ tokens }: MachineTokens) => tokens.at(-1)?.expires ?? 0;
    for (const { mac, tokens } of [...options.records].sort((a, b) => newest(a) - newest(b))) {
      const entries = tokens.map((token) => ({ token, running: new Set<TokenUse>() }));
      this.#keep(mac, entries);
    }
  }

  /**
   * A new token for a machine that holds a lease of `address`. It is written down before this resolves. Rejects with the
   * store's error.
   */
  async issue(mac: Mac, address: string, way: ScriptWay, now: number): Promise<string> {
    this.#forgetOld(now);
    const text = randomBytes(32).toString('base64url');
    const hashes = {
      document: hashToken(text) as string,
      secrets: hashToken(secretsToken(text)) as string,
    };
    const token = { mac, address, way, hashes, expires: now + this.#options.lifetime(), delivered: {} };
    const before = this.#machines.get(mac) ?? [];
    const alike = before.filter((entry) => entry.token.way === way);
    const displaced = new Set(alike.slice(0, Math.max(0, alike.length - KEPT + 1)));
    for (const entry of displaced) this.#drop(entry);
    const rest = before.filter((entry) => !displaced.has(entry));
    this.#machines.delete(mac);
    this.#keep(mac, [...rest, { token, running: new Set() }]);
    await this.#save(mac);
    return text;
  }

  /** Whether the text that was shown opens what is asked for. */
  check(text: string, request: TokenRequest, now: number): Grant | Denial {
    if (text === '') return { fault: 'missing' };
    const found = this.#hashes.get(hashToken(text) ?? '');
    if (!found || found.use !== request.use) return { fault: 'unknown' };
    const { token } = found.entry;
    const fault = tokenFault(token, request, now);
    return fault === undefined ? { token, use: request.use } : { fault, token };
  }

  /**
   * Marks what a grant opens as delivered, on disk too, before its first byte is sent: if this process is lost meanwhile,
   * it counts as delivered. Gives the function to be told how the delivery went; one that broke off doesn't count, unless
   * there was a complete one. Rejects with the store's error.
   */
  async deliver({ token, use }: Grant, now: number): Promise<(complete: boolean) => void> {
    const entry = this.#hashes.get(token.hashes[use])?.entry;
    if (!entry) return () => {};
    if (entry.token.delivered[use] === undefined) {
      entry.running.add(use);
      this.#mark(entry, use, now);
      await this.#save(token.mac);
    }
    return (complete) => {
      const { delivered } = entry.token;
      if (complete) {
        entry.running.delete(use);
        if (delivered[use] !== undefined) return;
        this.#mark(entry, use, now);
      } else {
        if (!entry.running.delete(use)) return;
        this.#mark(entry, use, undefined);
      }
      // What couldn't be written is reported by the store, and here it is known.
      this.#save(token.mac).catch(() => {});
    };
  }

  /** The clock was set: every token is good for as long as it would have been. `move` gives the new time of a moment. */
  moveTimes(move: (time: number) => number): void {
    for (const [mac, entries] of this.#machines) {
      for (const entry of entries) {
        const { expires, delivered } = entry.token;
        const moved = Object.entries(delivered).map(([use, at]) => [use, move(at)]);
        entry.token = { ...entry.token, expires: move(expires), delivered: Object.fromEntries(moved) };
      }
      this.#save(mac).catch(() => {});
    }
  }

  #mark(entry: Entry, use: TokenUse, at: number | undefined): void {
    const { [use]: _, ...others } = entry.token.delivered;
    entry.token = { ...entry.token, delivered: { ...others, ...(at !== undefined && { [use]: at }) } };
  }

  #save(mac: Mac): Promise<void> {
    const tokens = this.#machines.get(mac)?.map(({ token }) => token) ?? [];
    return this.#options.save({ mac, tokens });
  }

  #keep(mac: Mac, entries: readonly Entry[]): void {
    this.#machines.set(mac, entries);
    for (const entry of entries) {
      for (const use of ['document', 'secrets'] as const) {
        this.#hashes.set(entry.token.hashes[use], { entry, use });
      }
    }
  }

  #drop({ token }: Entry): void {
    for (const hash of Object.values(token.hashes)) this.#hashes.delete(hash);
  }

  /** Forgets machines whose last token ended long ago. */
  #forgetOld(now: number): void {
    for (const [mac, entries] of this.#machines) {
      if ((entries.at(-1)?.token.expires ?? 0) > now - MEMORY) return;
      for (const entry of entries) this.#drop(entry);
      this.#machines.delete(mac);
      this.#options.remove(mac);
    }
  }
}
