import type { Mac } from '../net/mac.ts';
import { diagnose, diagnoseLoop, PATIENCE } from './diagnose.ts';
import { type Expectations, isRunning } from './expectations.ts';
import type { Boot, SeenMachine } from './machine.ts';
import type { Progress, Stuck } from './rack.ts';
import { firstSigns, movedSigns, type Sighting, type Signs } from './signs.ts';
import { isStage, positionOf } from './timeline.ts';

/** Boots looked at in one tick, so that a flood of them holds up nothing else. */
const MOST_AT_ONCE = 1_000;
/** Boots in a row that end early at the same stage: after so many nobody needs to wait for another. */
const CLEAR_LOOP = 2;

export interface BootWatchOptions {
  readonly machine: (mac: Mac) => SeenMachine | undefined;
  /** What a machine that may boot is to do; undefined for one that may not: it waits, and isn't stuck. */
  readonly expected: (mac: Mac) => Expectations | undefined;
  /** A boot doesn't move any more. */
  readonly onStuck: (mac: Mac, stuck: Stuck, now: number) => void;
  /** Progress, or no longer being stuck: what a machine's timeline doesn't tell. */
  readonly onChanged: (mac: Mac) => void;
}

/** Watches the boots going on for one that doesn't move any more. Holds no clock: `now` is in milliseconds since the epoch. */
export class BootWatch {
  readonly #options: BootWatchOptions;
  readonly #signs = new Map<Mac, Signs>();
  /** Machines that may get stuck. */
  readonly #booting = new Set<Mac>();

  /** Takes up the boots of `machines` where they stood. */
  constructor(machines: Iterable<SeenMachine>, options: BootWatchOptions) {
    this.#options = options;
    for (const machine of machines) this.#resume(machine);
  }

  /** What was seen of a machine's boot. */
  signs(mac: Mac): Signs | undefined {
    return this.#signs.get(mac);
  }

  /** The file that is on its way to a machine. */
  progress(mac: Mac): Progress | undefined {
    return this.#signs.get(mac)?.progress;
  }

  /** Why a machine's boot doesn't go on. One that comes no further than the boot before is held up by the same thing. */
  stuck(mac: Mac): Stuck | undefined {
    const signs = this.#signs.get(mac);
    return signs?.stuck ?? signs?.carried?.stuck;
  }

  /** A machine's boot begins. `before` is the one before it. */
  began(mac: Mac, before: Boot | undefined, now: number): void {
    const last = this.#signs.get(mac);
    const signs = firstSigns(now, before && last && { boot: before, signs: last });
    this.#signs.set(mac, signs);
    this.#booting.add(mac);
    const expected = this.#options.expected(mac);
    if (before && last && !signs.carried && (signs.rounds?.count ?? 0) >= CLEAR_LOOP && expected) {
      const { firmware, loader } = this.#options.machine(mac) ?? {};
      const evidence = { boot: before, signs: { ...last, rounds: signs.rounds }, expected, firmware, loader };
      const stuck = diagnoseLoop(evidence);
      if (!stuck) return;
      this.#signs.set(mac, { ...signs, carried: { stuck, position: positionOf(before) } });
      this.#options.onStuck(mac, stuck, now);
    } else if (last?.stuck && !signs.carried) {
      this.#options.onChanged(mac);
    }
  }

  /** The boot goes on. `isFurther`: further than the stages of its timeline tell. */
  moved(mac: Mac, now: number, isFurther = false): void {
    const boot = this.#options.machine(mac)?.boot;
    if (!boot) return;
    const before = this.#signs.get(mac);
    const after = before ? movedSigns(before, boot, now, isFurther) : firstSigns(now);
    this.#signs.set(mac, after);
    this.#booting.add(mac);
    if ((before?.stuck ?? before?.carried) && !after.carried) this.#options.onChanged(mac);
  }

  /** Something was seen that may tell why the boot doesn't go on. */
  note(mac: Mac, seen: Sighting, now: number): void {
    if (!this.#options.machine(mac)) return;
    this.#signs.set(mac, { ...(this.#signs.get(mac) ?? firstSigns(now)), ...seen });
  }

  /** A download goes on. */
  downloads(mac: Mac, progress: Progress, now: number): void {
    this.moved(mac, now, progress.bytes > 0);
    const signs = this.#signs.get(mac);
    if (!signs) return;
    this.#signs.set(mac, { ...signs, progress });
    this.#options.onChanged(mac);
  }

  /** A download is over. */
  downloaded(mac: Mac): void {
    const signs = this.#signs.get(mac);
    if (!signs?.progress) return;
    this.#signs.set(mac, { ...signs, progress: undefined });
    this.#options.onChanged(mac);
  }

  /** A machine may boot now that might not before: its boot is looked at again. */
  admitted(mac: Mac): void {
    const signs = this.#signs.get(mac);
    if (signs && !signs.stuck) this.#booting.add(mac);
  }

  /** The clock was set by so many milliseconds: no boot was held up meanwhile. */
  clockSet(by: number): void {
    for (const [mac, signs] of this.#signs) this.#signs.set(mac, { ...signs, moved: signs.moved + by });
  }

  forget(mac: Mac): void {
    this.#signs.delete(mac);
    this.#booting.delete(mac);
  }

  /** Looks for boots that are stuck. */
  tick(now: number): void {
    let looked = 0;
    for (const mac of this.#booting) {
      const signs = this.#signs.get(mac);
      if (signs && now - signs.moved < PATIENCE) continue;
      if (looked === MOST_AT_ONCE) return;
      looked += 1;
      const machine = this.#options.machine(mac);
      const expected = this.#options.expected(mac);
      const isOver = machine?.boot && expected && isRunning(machine.boot, expected);
      if (!signs || !machine?.boot || !expected || isOver) {
        this.#booting.delete(mac);
        // Nothing of a boot that went well tells anything about the next one, and most machines are up.
        if (isOver) this.#signs.delete(mac);
        continue;
      }
      const { boot, firmware, loader } = machine;
      const stuck = diagnose({ boot, signs, expected, firmware, loader }, now);
      if (!stuck) continue;
      this.#booting.delete(mac);
      this.#signs.set(mac, { ...signs, stuck });
      this.#options.onStuck(mac, stuck, now);
    }
  }

  /** Where a boot stood when the service ended: its last stage was its last movement, unless it was stuck already. */
  #resume({ mac, boot }: SeenMachine): void {
    if (!boot) return;
    const stage = boot.entries.findLastIndex(({ kind }) => isStage(kind));
    const last = boot.entries[stage];
    if (!last || !isStage(last.kind)) return;
    const signs = firstSigns(last.at);
    const told = boot.entries.slice(stage + 1).findLast(({ kind }) => kind === 'stuck');
    if (told) {
      this.#signs.set(mac, { ...signs, stuck: { stage: last.kind, since: last.at, cause: told.detail } });
      return;
    }
    this.#signs.set(mac, signs);
    this.#booting.add(mac);
  }
}
