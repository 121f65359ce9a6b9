import type { Mac } from '../net/mac.ts';

/** Messages of one machine in a second, and at once. */
export const MESSAGES_PER_SECOND = 50;
/** Messages of one machine in one boot. */
export const MESSAGES_PER_BOOT = 500;
/** Machines kept in mind; beyond that the one that was silent for longest is forgotten. */
const MAX_MACHINES = 10_000;

/** Why a message is left out. */
export type Limit = 'rate' | 'boot';

/** What becomes of a message; `first` the first time in a boot that this limit leaves one out. */
export type Verdict = 'take' | { readonly limit: Limit; readonly first: boolean };

interface Account {
  readonly boot: number;
  /** Messages taken in this boot. */
  readonly taken: number;
  /** Messages that could be taken at `at`, part of one included. */
  readonly credit: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Limits that were met in this boot. */
  readonly met: readonly Limit[];
}

/** How much each machine may still say. Holds no clock: `now` is in milliseconds since the epoch. */
export class MessageLimits {
  /** In order of last message, the longest silent first. */
  readonly #accounts = new Map<Mac, Account>();

  /** Counts a message of a machine in the boot of this number. */
  count(mac: Mac, boot: number, now: number): Verdict {
    const before = this.#accounts.get(mac);
    const elapsed = before ? Math.max(0, now - before.at) : 0;
    const credit = Math.min(
      MESSAGES_PER_SECOND,
      (before?.credit ?? MESSAGES_PER_SECOND) + (elapsed * MESSAGES_PER_SECOND) / 1_000,
    );
    const { taken, met }: Pick<Account, 'taken' | 'met'> =
      before?.boot === boot ? before : { taken: 0, met: [] };
    const limit = taken >= MESSAGES_PER_BOOT ? 'boot' : credit < 1 ? 'rate' : undefined;
    const first = limit !== undefined && !met.includes(limit);
    this.#keep(mac, {
      boot,
      taken: taken + (limit === undefined ? 1 : 0),
      credit: limit === undefined ? credit - 1 : credit,
      at: now,
      met: first ? [...met, limit] : met,
    });
    return limit === undefined ? 'take' : { limit, first };
  }

  #keep(mac: Mac, account: Account): void {
    this.#accounts.delete(mac);
    this.#accounts.set(mac, account);
    const [longestSilent] = this.#accounts.keys();
    if (this.#accounts.size > MAX_MACHINES && longestSilent !== undefined) {
      this.#accounts.delete(longestSilent);
    }
  }
}
