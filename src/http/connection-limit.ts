/** Connections of one address at one time. Behind a router that translates addresses there may be a rack of machines. */
const MOST_OF_ONE = 128;
/**
 * Connections in all: ten thousand machines may wait for their images at once. Each may hold as much as its send buffer,
 * even if nobody reads what is sent.
 */
const MOST = 12_288;
/** The same trouble with one address is told again after so many milliseconds. */
const REPEAT = 60_000;
/** Addresses for which it is remembered what was told. */
const MAX_TOLD = 4_096;

/** Bounds how many connections clients keep open, and how much is told of those that are refused. */
export class ConnectionLimit {
  readonly #counts = new Map<string, number>();
  /** When something was told last, in order of time. */
  readonly #told = new Map<string, number>();
  #total = 0;

  /** Counts a new connection. Gives the reason, for people, when there are too many already; it isn't counted then. */
  open(address: string): string | undefined {
    const count = this.#counts.get(address) ?? 0;
    if (count >= MOST_OF_ONE)
      return `${address} has ${count} connections open, and gets no more until it closes some`;
    if (this.#total >= MOST) return `${MOST} connections are open: no more are taken until some are closed`;
    this.#counts.set(address, count + 1);
    this.#total += 1;
    return undefined;
  }

  /** A connection that was counted is closed. */
  close(address: string): void {
    const rest = (this.#counts.get(address) ?? 0) - 1;
    if (rest > 0) this.#counts.set(address, rest);
    else this.#counts.delete(address);
    this.#total -= 1;
  }

  /** True when trouble of this kind with an address is to be told, and not only counted. `now` in milliseconds on a steady clock. */
  isNews(address: string, kind: string, now: number): boolean {
    const key = `${kind} ${address}`;
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT) return false;
    this.#told.delete(key);
    this.#told.set(key, now);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
    return true;
  }
}
