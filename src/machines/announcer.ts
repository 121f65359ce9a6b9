import type { Mac } from '../net/mac.ts';
import type { Happening } from './journal.ts';
import type { MachineView } from './rack.ts';
import type { MachineRegistry } from './registry.ts';

export interface AnnouncerOptions {
  readonly view: (mac: Mac) => MachineView | undefined;
  readonly registry: Pick<MachineRegistry, 'all' | 'get' | 'isStranger' | 'setStanding'>;
  readonly publish: (happening: Happening) => void;
  /** Told of every machine that may look different now, by its main card. */
  readonly onChanged: (mac: Mac) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Machines looked at in one turn of the event loop: a few milliseconds' worth. */
const MOST_AT_ONCE = 100;
/** Strangers looked at in so many milliseconds: of a flood of them, most are forgotten before it is their turn. */
const MOST_STRANGERS = 100;
const STRANGERS_PAUSE = 100;

/** Tells when a machine is in another state. Machines that change are looked at a moment later, once for many changes. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #touched = new Set<Mac>();
  /** Strangers that are too many for now. */
  readonly #putOff = new Set<Mac>();
  #strangersLeft = MOST_STRANGERS;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isStopped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Something about a machine is different now. */
  touch(mac: Mac): void {
    if (this.#isStopped || (this.#options.registry.isStranger(mac) && this.#putsOff(mac))) return;
    this.#touched.add(mac);
    this.#immediate ??= setImmediate(() => this.#look());
  }

  forget(mac: Mac): void {
    this.#touched.delete(mac);
    this.#putOff.delete(mac);
  }

  /** Looks at all machines. */
  touchAll(): void {
    for (const { mac } of this.#options.registry.all()) this.touch(mac);
  }

  /** Looks at what is waiting, now. */
  flush(): void {
    for (const mac of this.#putOff) this.#touched.add(mac);
    this.#putOff.clear();
    while (this.#touched.size > 0) this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
  }

  /** True when a stranger has to wait for its turn. */
  #putsOff(mac: Mac): boolean {
    if (this.#touched.has(mac)) return false;
    this.#timer ??= setTimeout(() => this.#lookAtStrangers(), STRANGERS_PAUSE);
    this.#strangersLeft -= 1;
    if (this.#strangersLeft >= 0) return false;
    this.#putOff.add(mac);
    return true;
  }

  #lookAtStrangers(): void {
    this.#timer = undefined;
    this.#strangersLeft = MOST_STRANGERS;
    for (const mac of this.#putOff) {
      if (this.#strangersLeft === 0) break;
      this.#putOff.delete(mac);
      this.touch(mac);
    }
  }

  #look(): void {
    clearImmediate(this.#immediate);
    let looked = 0;
    for (const mac of this.#touched) {
      if (looked === MOST_AT_ONCE) break;
      looked += 1;
      this.#touched.delete(mac);
      const view = this.#options.view(mac);
      if (view) this.#announce(view);
    }
    this.#immediate = this.#touched.size > 0 ? setImmediate(() => this.#look()) : undefined;
  }

  #announce(view: MachineView): void {
    const { registry, publish, onChanged, now } = this.#options;
    const { mac, hostname, state } = view;
    onChanged(mac);
    const seen = registry.get(mac);
    const before = seen?.standing?.state;
    if (!seen || before === state) return;
    registry.setStanding(mac, { state, since: now() });
    publish({
      type: 'state',
      mac,
      hostname,
      state,
      ...(before !== undefined && { before }),
      detail: explain(view, seen.boot?.entries.at(-1)?.detail),
    });
  }
}

/** Why a machine is in its state, for people. */
function explain({ state, stuck, reason, profile }: MachineView, lastEntry: string | undefined): string {
  switch (state) {
    case 'discovered':
    case 'refused':
    case 'retired':
      return reason;
    case 'approved':
      return `may boot profile ${profile}: ${reason}`;
    case 'stuck':
      return stuck?.cause ?? '';
    default:
      return lastEntry ?? reason;
  }
}
