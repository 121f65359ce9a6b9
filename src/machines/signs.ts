import type { Boot } from './machine.ts';
import type { Progress, Stuck } from './rack.ts';
import { lastStage, positionOf } from './timeline.ts';

/** A file that didn't arrive. */
export interface Broken {
  readonly file: string;
  /** How often in this boot. */
  readonly times: number;
  /** How far it came the last time: `after 1.2 MB of 8.1 MB (15 %)`. */
  readonly how: string;
}

/** What was seen of a boot besides its timeline: what tells why it doesn't go on. Kept in memory only. */
export interface Signs {
  /** When it last went on, milliseconds since the epoch. */
  readonly moved: number;
  /** Boots in a row before this one that ended early, at the same stage. */
  readonly rounds: Rounds | undefined;
  /** Why the boot doesn't go on. */
  readonly stuck?: Stuck | undefined;
  /** Why boots before this one didn't go on, until it has come further than they have. */
  readonly carried?: { readonly stuck: Stuck; readonly position: number } | undefined;
  /** The address of another DHCP server that the machine has chosen. */
  readonly otherServer?: string | undefined;
  /** iPXE says that it has an OFFER, ours or another's. */
  readonly hasOffer?: boolean | undefined;
  /** A file whose size the firmware asked for, and then not for the file. */
  readonly probed?: string | undefined;
  /** A file on its way by TFTP, and its size in bytes. */
  readonly fetching?: { readonly file: string; readonly size: number } | undefined;
  /** A file that broke off. */
  readonly broken?: Broken | undefined;
  /** What the machine was told when it asked for a file that it can't have. */
  readonly missing?: string | undefined;
  /** Why the machine wasn't given its script, document or keys. */
  readonly forbidden?: string | undefined;
  /** The operating system has asked for an address of its own. */
  readonly osHasAddress?: boolean | undefined;
  /** A download going on. */
  readonly progress?: Progress | undefined;
}

export interface Rounds {
  readonly stage: string;
  readonly count: number;
}

/** What may be noted of a boot at any time. */
export type Sighting = Partial<Omit<Signs, 'moved' | 'rounds' | 'stuck' | 'carried' | 'progress'>>;

/** Boots that end before the machine has its script are part of a loop when they come one after another. */
const LATEST_END = 'loader';
/** Those that end here or before are held up by the same thing next time, most likely. */
const CARRIED_STAGES: ReadonlySet<string> = new Set([
  'discover',
  'offer',
  'ack',
  'loader',
  'script',
  'kernel',
  'initrd',
]);

/** What there is to know of a boot that begins when `before` was the one before it. */
export function firstSigns(now: number, before?: { readonly boot: Boot; readonly signs: Signs }): Signs {
  if (!before) return { moved: now, rounds: undefined };
  const { boot, signs } = before;
  const stuck = signs.stuck ?? signs.carried?.stuck;
  const carried =
    stuck && CARRIED_STAGES.has(stuck.stage)
      ? { stuck, position: signs.stuck ? positionOf(boot) : (signs.carried?.position ?? 0) }
      : undefined;
  return { moved: now, rounds: roundsAfter(boot, signs.rounds), ...(carried && { carried }) };
}

function roundsAfter(boot: Boot, before: Rounds | undefined): Rounds | undefined {
  const stage = lastStage(boot)?.kind;
  const isEarly = stage === 'ack' || stage === LATEST_END;
  if (!isEarly || boot.profile !== undefined) return undefined;
  return { stage, count: before?.stage === stage ? before.count + 1 : 1 };
}

/** The signs of a boot that has gone on: what seemed to hold it up doesn't. `isFurther`: further than its stages tell. */
export function movedSigns({ rounds, carried }: Signs, boot: Boot, now: number, isFurther: boolean): Signs {
  const stays = carried && !isFurther && positionOf(boot) <= carried.position;
  return { moved: now, rounds, ...(stays && { carried }) };
}
