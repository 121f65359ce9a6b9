import type { LoaderRow } from '../boot/loaders.ts';
import type { BootWatch } from '../machines/boot-watch.ts';
import type { Decisions } from '../machines/decisions.ts';
import type { Identity } from '../machines/identity.ts';
import type { EntryKind, SeenMachine, Stage } from '../machines/machine.ts';
import type { MachineRegistry } from '../machines/registry.ts';
import type { Timelines } from '../machines/timelines.ts';
import { formatBytes, formatDuration } from '../machines/units.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/** What following boots needs. */
export interface TrackingParts {
  readonly registry: MachineRegistry;
  readonly timelines: Timelines;
  readonly watch: BootWatch;
  readonly decisions: Pick<Decisions, 'bootBegan' | 'scriptGiven' | 'allGiven'>;
  readonly identify: (mac: Mac) => Identity;
  readonly isLoader: (file: string) => boolean;
  /** The loader table. */
  readonly rows: () => readonly LoaderRow[];
  /** Somebody ought to know of something that belongs on no machine's timeline. */
  readonly warn: (detail: string) => void;
}

/** The boots of the machines on one network. Times are milliseconds since the epoch. */
export class Tracking {
  readonly parts: TrackingParts;
  readonly network: string;

  constructor(network: string, parts: TrackingParts) {
    this.network = network;
    this.parts = parts;
  }

  /** The machine that has, or last had, an address; undefined for text that is none. */
  machineAt(from: string): SeenMachine | undefined {
    const address = parseIpv4(from);
    return address === undefined ? undefined : this.parts.registry.at(address);
  }

  /** A machine begins another boot. `isFresh`: it goes another way than before, so that it can't be in a loop. */
  begin(mac: Mac, now: number, isFresh = false): void {
    const { registry, decisions, watch } = this.parts;
    const before = registry.get(mac)?.boot;
    decisions.bootBegan(mac);
    registry.beginBoot(mac, now);
    watch.began(mac, isFresh ? undefined : before, now);
  }

  /** A boot has reached a stage. */
  reach(mac: Mac, stage: Stage, detail: string, now: number): void {
    this.parts.timelines.add(mac, stage, detail, now);
    this.parts.watch.moved(mac, now);
  }

  /** Something else is to be told of a boot; that isn't movement. */
  note(mac: Mac, kind: EntryKind, detail: string, now: number): void {
    this.parts.timelines.add(mac, kind, detail, now);
  }

  /** True when there is a timeline to tell something on. */
  hasTimeline(mac: Mac): boolean {
    return this.parts.registry.get(mac)?.boot !== undefined;
  }
}

/** `68 kB, 0.1 s` */
export function transfer(bytes: number, milliseconds: number): string {
  return `${formatBytes(bytes)}, ${formatDuration(milliseconds)}`;
}
