/** The same moment by two clocks, milliseconds. */
export interface Moment {
  /** Since the epoch; people and NTP set it. */
  readonly wall: number;
  /** Since any moment; nobody sets it. */
  readonly steady: number;
}

/** The wall clock was set. Milliseconds. */
export interface ClockChange {
  /** How far: negative when it was set back. */
  readonly by: number;
  /** The time that it would be now if it hadn't been set. */
  readonly before: number;
}

/** Smaller steps are taken for time that has passed, milliseconds: what lasts minutes doesn't care. */
const LARGEST_STEP = 5_000;
/** What is left longer than this wasn't begun by this clock, but by one that was right when it was wrong, milliseconds. */
const LONGEST = 366 * 24 * 3_600_000;

/** A host whose clock says an earlier year has none that is kept while it is off. */
export const FIRST_YEAR = 2025;

/** What is wrong with a clock that can't be right, for people; undefined for one that can. */
export function wrongYear(now: number): string | undefined {
  const year = new Date(now).getUTCFullYear();
  if (year >= FIRST_YEAR) return undefined;
  return `this host's clock says ${year}: certificates made now are no good to machines; set it (timedatectl set-ntp true)`;
}

/** Whether the wall clock was set between two moments. */
export function changeBetween(last: Moment, now: Moment): ClockChange | undefined {
  const before = last.wall + (now.steady - last.steady);
  const by = now.wall - before;
  return Math.abs(by) > LARGEST_STEP ? { by, before } : undefined;
}

/** When something ends that was to end at `end` (milliseconds since the epoch), so that as much time is left as before. */
export function shiftedEnd(end: number, { by, before }: ClockChange): number {
  return Number.isFinite(end) && end - before < LONGEST ? end + by : end;
}

/** In words, for people. */
export function describeChange({ by, before }: ClockChange): string {
  const time = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
  const way = by > 0 ? 'forward' : 'back';
  return `this host's clock was set ${way} from ${time(before)} to ${time(before + by)}`;
}

/** The wall clock, watched for being set. */
export class Clock {
  readonly #read: () => Moment;
  readonly #onSet: (change: ClockChange) => void;
  #last: Moment;

  /**
   * @param read both clocks now
   * @param onSet told at once, before any time after the change is given
   */
  constructor(read: () => Moment, onSet: (change: ClockChange) => void) {
    this.#read = read;
    this.#onSet = onSet;
    this.#last = read();
  }

  /** Milliseconds since the epoch. To be asked at least every few minutes, since clocks differ a little in their speed. */
  readonly now = (): number => {
    const moment = this.#read();
    const change = changeBetween(this.#last, moment);
    this.#last = moment;
    if (change) this.#onSet(change);
    return moment.wall;
  };
}
