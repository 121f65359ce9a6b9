import type { LoaderHistory } from '../boot/fallback.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/**
 * The stages of a boot, in the order a machine passes them; `report` is anything a node says on its way to `up`. A worker is
 * then `registered` at the API server, and `ready` to run pods.
 */
export const STAGES = [
  'discover',
  'offer',
  'ack',
  'loader',
  'script',
  'kernel',
  'initrd',
  'document',
  'report',
  'up',
  'registered',
  'ready',
] as const;

/** One step of the way from power-on to a running node. */
export type Stage = (typeof STAGES)[number];

/** What a machine told about itself through SMBIOS, by way of iPXE. */
export interface Inventory {
  readonly uuid?: string;
  readonly serial?: string;
  readonly asset?: string;
  readonly manufacturer?: string;
  readonly product?: string;
  /** iPXE's `${buildarch}`. */
  readonly buildarch?: string;
  /** iPXE's `${platform}`: pcbios or efi. */
  readonly platform?: string;
}

/**
 * What a timeline tells besides stages: a NAK, a request that was refused, something asked for again, a transfer that
 * broke off, another loader that is tried, a message from iPXE, the kernel or the node itself, that nothing moves any more,
 * or what somebody changed.
 */
export const NOTES = ['nak', 'refusal', 'retry', 'abort', 'fallback', 'message', 'stuck', 'change'] as const;

/** What an entry of a timeline may be. */
export const ENTRY_KINDS = [...STAGES, ...NOTES] as const;

/** What an entry of a timeline is. */
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** One line of a boot's story. */
export interface TimelineEntry {
  readonly kind: EntryKind;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** For people: `iPXE by TFTP (undionly.kpxe 68 kB, 0.1 s)`. */
  readonly detail: string;
}

/** One boot of a machine, from its first DISCOVER to the next one. */
export interface Boot {
  /** 1 for the first boot that was seen of this machine. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly began: number;
  /** The profile that its script was made for; absent until it has got one, and while it waits for approval. */
  readonly profile?: string;
  /** In the order in which it happened. */
  readonly entries: readonly TimelineEntry[];
}

/**
 * Where a machine stands. `discovered`: seen, and waits for somebody to say yes; `approved`: may boot and hasn't yet;
 * `booting`: on its way; `running`: it has reported that it is up, or has got all that its profile makes it ask for when
 * it reports nothing; `registered` and `ready`: so far in the cluster; `stuck`: its boot doesn't move any more; `refused`
 * and `retired`: somebody has said no.
 */
export const MACHINE_STATES = [
  'discovered',
  'approved',
  'booting',
  'running',
  'registered',
  'ready',
  'stuck',
  'refused',
  'retired',
] as const;

export type MachineState = (typeof MACHINE_STATES)[number];

/** The port of a switch that a machine is plugged into, as the relay agent says (option 82, RFC 3046), printable. */
export interface Attachment {
  readonly circuit?: string;
  readonly remote?: string;
}

/** A machine that was seen on a provisioning network. */
export interface SeenMachine {
  readonly mac: Mac;
  readonly network: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly address?: Ipv4;
  /** What its DHCP packets say it is: `BIOS`, `UEFI x64`, `UEFI x64 HTTP`, `iPXE`. */
  readonly firmware?: string;
  /** File name of the loader it fetched last. */
  readonly loader?: string;
  /** What came of its loaders. */
  readonly loaders?: LoaderHistory;
  readonly attachment?: Attachment;
  readonly inventory: Inventory;
  /** The boot going on, or the last one; begins anew with a DISCOVER from firmware. Absent before the first. */
  readonly boot?: Boot;
  /** The state that was told of it last, and since when it is in it. */
  readonly standing?: Standing;
}

/** A state, and since when, milliseconds since the epoch. */
export interface Standing {
  readonly state: MachineState;
  readonly since: number;
}

/** What may have been saved of a machine. */
export interface SavedParts {
  readonly machine: boolean;
  /** Boots that have ended, and the tokens of scripts: of a machine that never got a script there are none. */
  readonly boots: boolean;
}
