/** Wrong tokens of one address within `WINDOW` after which it isn't listened to for as long. */
const MOST = 10;
/** Milliseconds. */
const WINDOW = 60_000;
/** Addresses that are remembered; beyond that the one that began first is forgotten. */
const CAPACITY = 4_096;

/** What one address did. */
interface Guesser {
  /** When its first wrong token came. */
  since: number;
  count: number;
  /** Until when it isn't listened to. */
  blockedUntil: number;
  /** True when its block has been told. */
  isBlockTold: boolean;
  /** The kinds of faults that have been told. */
  readonly told: Set<string>;
  /** How many were told to nobody since the last block was told. */
  untold: number;
}

/**
 * Keeps count of who shows wrong tokens. Somebody who guesses soon gets no further answers, and doesn't fill the log: of
 * an address and a minute, each kind of fault is told once, and that it is refused. Times are milliseconds.
 */
export class GuessLimit {
  readonly #guessers = new Map<string, Guesser>();

  /** Notes a wrong token; true when it is to be told. */
  isNews(address: string, fault: string, now: number): boolean {
    const guesser = this.#guesser(address, now);
    guesser.count += 1;
    if (guesser.count >= MOST) guesser.blockedUntil = now + WINDOW;
    if (guesser.count < MOST && !guesser.told.has(fault)) {
      guesser.told.add(fault);
      return true;
    }
    guesser.untold += 1;
    return false;
  }

  /**
   * Undefined for an address that is listened to. Else what is to be told of its block: how many wrong tokens were told to
   * nobody, once for each block.
   */
  block(address: string, now: number): { readonly untold?: number } | undefined {
    const guesser = this.#guessers.get(address);
    // A clock that was set back must not make the block longer.
    if (!guesser || now >= guesser.blockedUntil || now < guesser.since) return undefined;
    if (guesser.isBlockTold) {
      guesser.untold += 1;
      return {};
    }
    const { untold } = guesser;
    guesser.isBlockTold = true;
    guesser.untold = 0;
    return { untold };
  }

  #guesser(address: string, now: number): Guesser {
    const before = this.#guessers.get(address);
    if (before && now >= before.since && now - before.since < WINDOW) return before;
    const guesser: Guesser = {
      since: now,
      count: 0,
      blockedUntil: 0,
      isBlockTold: false,
      told: new Set(),
      untold: before?.untold ?? 0,
    };
    this.#guessers.delete(address);
    this.#guessers.set(address, guesser);
    const [oldest] = this.#guessers.keys();
    if (this.#guessers.size > CAPACITY && oldest !== undefined) this.#guessers.delete(oldest);
    return guesser;
  }
}
