import type { Mac } from '../net/mac.ts';

/** Names that weren't found are looked for anew after this, milliseconds: nodes that are nobody's machine cost little. */
const LIFETIME = 1_000;

export interface HostnameIndexOptions {
  /** All machines there are. */
  readonly machines: () => Iterable<Mac>;
  readonly hostnameOf: (mac: Mac) => string;
}

/** Finds machines by the names they have now. */
export class HostnameIndex {
  readonly #options: HostnameIndexOptions;
  #byName = new Map<string, Mac>();
  #built = Number.NEGATIVE_INFINITY;

  constructor(options: HostnameIndexOptions) {
    this.#options = options;
  }

  /** The machine that is called so at `now` (milliseconds); undefined when none is, or has been for a second only. */
  find(hostname: string, now: number): Mac | undefined {
    const { machines, hostnameOf } = this.#options;
    const known = this.#byName.get(hostname);
    if (known !== undefined && hostnameOf(known) === hostname) return known;
    if (now - this.#built < LIFETIME) return undefined;
    this.#byName = new Map([...machines()].map((mac) => [hostnameOf(mac), mac]));
    this.#built = now;
    return this.#byName.get(hostname);
  }
}
