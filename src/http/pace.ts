/** Bytes whose writes begin in one turn of the event loop: copying so many takes the kernel a few milliseconds. */
const BYTES_PER_TURN = 4 * 1024 * 1024;

interface Writer {
  readonly bytes: number;
  readonly begin: () => void;
}

/**
 * Spreads the writes of all downloads over the turns of the event loop: a few in each, so that whatever else came in the
 * meantime, above all DHCP, is dealt with in between. Who comes first goes first.
 */
export class Pace {
  readonly #nextTurn: (begin: () => void) => void;
  readonly #waiting: Writer[] = [];
  /** Bytes that may still be written in this turn; the last write may go beyond. */
  #left = BYTES_PER_TURN;
  #counts = false;

  /** @param nextTurn calls back in the next turn of the event loop, as `setImmediate` does */
  constructor(nextTurn: (begin: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  /** Resolves when the caller may write so many bytes. */
  async write(bytes: number): Promise<void> {
    if (!this.#counts) {
      this.#counts = true;
      this.#nextTurn(() => this.#turn());
    }
    if (this.#left > 0) this.#left -= bytes;
    else await new Promise<void>((begin) => this.#waiting.push({ bytes, begin }));
  }

  #turn(): void {
    this.#left = BYTES_PER_TURN;
    const called: Writer[] = [];
    while (this.#left > 0) {
      const writer = this.#waiting.shift();
      if (!writer) break;
      this.#left -= writer.bytes;
      called.push(writer);
    }
    this.#counts = called.length > 0;
    if (this.#counts) this.#nextTurn(() => this.#turn());
    for (const { begin } of called) begin();
  }
}
