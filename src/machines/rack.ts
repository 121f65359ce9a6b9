import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { Attachment, Boot, Inventory, MachineState, Stage } from './machine.ts';

export { type Attachment, MACHINE_STATES, type MachineState } from './machine.ts';

/** What somebody decided about a machine while the service runs; an entry in machines/ goes before it. */
export interface Decision {
  readonly mac: Mac;
  readonly verdict: 'approved' | 'refused' | 'retired';
  readonly profile?: string;
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The profile of the next boot only. */
  readonly bootOnce?: string;
  /** The next boot may format the Docker disk whatever it holds. */
  readonly adoptDisk: boolean;
  /** Who decided last: the name of an API token, or `local`. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Why a boot doesn't go on. */
export interface Stuck {
  /** The last stage it reached. */
  readonly stage: Stage;
  /** Since when nothing moves, milliseconds since the epoch. */
  readonly since: number;
  /** The likely cause and what to do about it, for people. */
  readonly cause: string;
}

/** A file that is on its way to a machine. */
export interface Progress {
  readonly file: string;
  readonly bytes: number;
  readonly size: number;
}

/**
 * All that is known of one machine. Times are milliseconds since the epoch; those of a machine that was approved before
 * it was seen are the approval's.
 */
export interface MachineView {
  /** The card it booted with last, or was seen with last when it never did. */
  readonly mac: Mac;
  /** All cards that showed this machine's uuid, `mac` among them. */
  readonly cards: readonly Mac[];
  readonly state: MachineState;
  /** Since when it is in this state. */
  readonly since: number;
  readonly hostname: string;
  /** Absent for a machine that may not boot. */
  readonly profile?: string;
  readonly index?: number;
  readonly admission: 'boot' | 'hold' | 'ignore';
  /** What chose its profile, or why it may not boot. */
  readonly reason: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `machines/rack-1.yaml: machines[0]`, where it is written down; what is said there can't be changed here. */
  readonly place?: string;
  readonly decision?: Decision;
  readonly network: string;
  readonly address?: Ipv4;
  readonly firmware?: string;
  /** File name of the loader it fetched last. */
  readonly loader?: string;
  readonly attachment?: Attachment;
  readonly inventory: Inventory;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** The last stage of its last boot, and when it was reached. */
  readonly stage?: Stage;
  readonly stageAt?: number;
  readonly progress?: Progress;
  readonly stuck?: Stuck;
  /** Grows with every change that somebody makes: an entity tag. */
  readonly revision: number;
}

/** What somebody wants of a machine. Undefined leaves as it is, null takes away. */
export type MachineChange =
  | {
      readonly action: 'approve';
      readonly profile?: string;
      readonly hostname?: string;
      readonly labels?: Readonly<Record<string, string>>;
    }
  | { readonly action: 'refuse' | 'retire' | 'adopt-disk' }
  | { readonly action: 'forget' }
  | { readonly action: 'wake' }
  | { readonly action: 'rename'; readonly hostname: string | null }
  | { readonly action: 'label'; readonly labels: Readonly<Record<string, string | null>> }
  | { readonly action: 'assign' | 'boot-once'; readonly profile: string | null };

export type ChangeAction = MachineChange['action'];

/** Why a change wasn't made. */
export class ChangeRefusal extends Error {
  /** `unknown`: no such machine; `invalid`: the change itself is wrong; `conflict`: something stands against it. */
  readonly kind: 'unknown' | 'invalid' | 'conflict';
  constructor(kind: ChangeRefusal['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What a machine would get at its next boot, keys left out. */
export interface NextBoot {
  readonly script: string;
  readonly document?: { readonly format: string; readonly text: string };
}

/** The machines as people and tools see and change them: what the API, the web page and the command line stand on. */
export interface Rack {
  /** Every machine once, however many cards it has. */
  machines(): Iterable<MachineView>;
  /** By any of its cards. */
  machine(mac: Mac): MachineView | undefined;
  /** Its boots, the newest first. */
  boots(mac: Mac): readonly Boot[];
  /** Undefined for a machine that may not boot or was never seen. Throws an Error for people when it can't be rendered. */
  next(mac: Mac): Promise<NextBoot | undefined>;
  /**
   * Makes a change and writes it down before it resolves. `approve` may name a machine that hasn't been seen. Gives the
   * machine as it is then, undefined when it was forgotten. Rejects with a ChangeRefusal.
   */
  change(mac: Mac, change: MachineChange, by: string): Promise<MachineView | undefined>;
  /** Why `change` wouldn't be made as things are; undefined when it would. Changes nothing. */
  refusal(mac: Mac, change: Exclude<MachineChange, { action: 'forget' | 'wake' }>): ChangeRefusal | undefined;
}
