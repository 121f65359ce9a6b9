/**
 * Clients that are sent large files at one time: enough to fill 10 Gbit/s when each has 1 Gbit/s, and few enough that
 * each is soon done and that they don't keep this process from everything else.
 */
const AT_ONCE = 16;
/** Those of one address among them: the others are for other machines. */
const AT_ONCE_PER_ADDRESS = 8;
/** Who takes less than so many bytes in so many milliseconds holds up nobody: the next has a turn beside it. */
const SLOW = { bytes: 1024 * 1024, milliseconds: 10_000 };
/** Slow clients beyond those that have a turn. More would take memory of the kernel's for nothing. */
const MAX_SLOW = 1024;

/** One client's place, in the queue or at the front of it. */
export interface Turn {
  /** True from the moment when the client may be sent its file. */
  readonly hasCome: boolean;
  /** Waits for that moment, at most `milliseconds`; tells whether it has come. */
  comes(milliseconds: number): Promise<boolean>;
  /** Tells how many bytes the client has taken so far. */
  progress(bytes: number): void;
  /** Gives the place up, in the queue or not; to be called once. */
  end(): void;
}

/**
 * Lets large files go to a few clients at a time, in the order in which they asked. When a room full of machines asks at
 * once, the first boot within seconds and the last no later than if all of them had shared the line from the beginning,
 * which would have made everyone as late as the last.
 */
export class Turns {
  readonly #now: () => number;
  readonly #waiting = new Set<Place>();
  readonly #fast = new Set<Place>();
  readonly #slow = new Set<Place>();
  readonly #countByAddress = new Map<string, number>();

  /** `now` gives the time in milliseconds, on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A place for the client at `address`: at the front when there is room, else at the end of the queue. */
  take(address: string): Turn {
    const place = new Place(address, () => this.#leave(place));
    this.#waiting.add(place);
    this.#callNext();
    return place;
  }

  /** Finds out who is slow; to be called every now and then while somebody waits. */
  look(): void {
    const now = this.#now();
    for (const place of this.#fast) {
      if (this.#slow.size >= MAX_SLOW) break;
      if (!place.isSlow(now)) continue;
      this.#fast.delete(place);
      this.#slow.add(place);
    }
    this.#callNext();
  }

  #leave(place: Place): void {
    if (this.#waiting.delete(place)) return;
    this.#fast.delete(place);
    this.#slow.delete(place);
    const rest = this.#countOf(place.address) - 1;
    if (rest > 0) this.#countByAddress.set(place.address, rest);
    else this.#countByAddress.delete(place.address);
    this.#callNext();
  }

  #callNext(): void {
    for (const place of this.#waiting) {
      if (this.#fast.size >= AT_ONCE) return;
      const count = this.#countOf(place.address);
      if (count >= AT_ONCE_PER_ADDRESS) continue;
      this.#waiting.delete(place);
      this.#fast.add(place);
      this.#countByAddress.set(place.address, count + 1);
      place.call(this.#now());
    }
  }

  #countOf(address: string): number {
    return this.#countByAddress.get(address) ?? 0;
  }
}

class Place implements Turn {
  readonly address: string;
  readonly end: () => void;
  #hasCome = false;
  #wake = () => {};
  #bytes = 0;
  /** When the client's speed was looked at last, and the bytes it had then. */
  #before = { at: 0, bytes: 0 };

  constructor(address: string, end: () => void) {
    this.address = address;
    this.end = end;
  }

  get hasCome(): boolean {
    return this.#hasCome;
  }

  comes(milliseconds: number): Promise<boolean> {
    if (this.#hasCome) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      // Nobody stays for the sake of a client whose connection was cut.
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  call(now: number): void {
    this.#hasCome = true;
    this.#before = { at: now, bytes: this.#bytes };
    this.#wake();
  }

  progress(bytes: number): void {
    this.#bytes = bytes;
  }

  /** Whether the client took next to nothing, once it has had the time to take something. */
  isSlow(now: number): boolean {
    const { at, bytes } = this.#before;
    if (now - at < SLOW.milliseconds) return false;
    this.#before = { at: now, bytes: this.#bytes };
    return this.#bytes - bytes < SLOW.bytes;
  }
}
