import type { Mac } from '../net/mac.ts';
import type { MachineView } from './rack.ts';

/** Called with machines as they are now, and with those that are forgotten. */
export type MachineListener = (machines: readonly MachineView[], forgotten: readonly Mac[]) => void;

export interface MachineFeedOptions {
  readonly view: (mac: Mac) => MachineView | undefined;
  /** True for one of a flood of machines that may not be real: others go first. */
  readonly isStranger: (mac: Mac) => boolean;
  readonly onError: (error: Error) => void;
}

/** A machine is told again after so many milliseconds at the earliest. */
const PAUSE = 500;
/** Most strangers told at once: a flood of them takes its time. */
const MOST_STRANGERS = 200;

/** Tells listeners of machines that have changed, many changes at once. Nothing is kept and no timer runs without listeners. */
export class MachineFeed {
  readonly #options: MachineFeedOptions;
  readonly #listeners = new Set<MachineListener>();
  readonly #changed = new Set<Mac>();
  readonly #forgotten = new Set<Mac>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MachineFeedOptions) {
    this.#options = options;
  }

  /** Calls `listener` until the function it gives is called. */
  subscribe(listener: MachineListener): () => void {
    const own: MachineListener = (...told) => listener(...told);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  /** Something about a machine is different now. */
  changed(mac: Mac): void {
    if (this.#listeners.size === 0) return;
    this.#forgotten.delete(mac);
    this.#changed.add(mac);
    this.#timer ??= setTimeout(() => this.#tell(), PAUSE);
  }

  forgot(mac: Mac): void {
    if (this.#listeners.size === 0) return;
    this.#changed.delete(mac);
    this.#forgotten.add(mac);
    this.#timer ??= setTimeout(() => this.#tell(), PAUSE);
  }

  /** Tells nothing any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed.clear();
    this.#forgotten.clear();
  }

  #tell(): void {
    const views = this.#takeChanged();
    const forgotten = [...this.#forgotten];
    this.#forgotten.clear();
    this.#timer = this.#changed.size > 0 ? setTimeout(() => this.#tell(), PAUSE) : undefined;
    if (views.length === 0 && forgotten.length === 0) return;
    for (const listener of this.#listeners) {
      try {
        listener(views, forgotten);
      } catch (error) {
        this.#options.onError(error as Error);
      }
    }
  }

  /** Every machine once, though several of its cards have changed. */
  #takeChanged(): MachineView[] {
    const views = new Map<Mac, MachineView>();
    let strangers = 0;
    for (const mac of this.#changed) {
      if (this.#options.isStranger(mac) && ++strangers > MOST_STRANGERS) continue;
      this.#changed.delete(mac);
      const view = this.#options.view(mac);
      if (view) views.set(view.mac, view);
    }
    return [...views.values()];
  }
}
