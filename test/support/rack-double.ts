import { EventJournal } from '../../src/machines/event-journal.ts';
import type { Happening } from '../../src/machines/journal.ts';
import type { Boot } from '../../src/machines/machine.ts';
import { MachineFeed } from '../../src/machines/machine-feed.ts';
import {
  ChangeRefusal,
  type Decision,
  type MachineChange,
  type MachineView,
  type NextBoot,
  type Rack,
} from '../../src/machines/rack.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';

/** 2026-01-02T03:04:05.000Z */
export const SEEN = Date.parse('2026-01-02T03:04:05Z');

/** The nth hardware address. */
export function macNumber(number: number): Mac {
  const hex = number.toString(16).padStart(6, '0');
  return parseMac(`525400${hex}`) as Mac;
}

/** A machine that waits for approval, with some things different. */
export function machineView(number: number, changes: Partial<MachineView> = {}): MachineView {
  const mac = changes.mac ?? macNumber(number);
  return {
    mac,
    cards: [mac],
    state: 'discovered',
    since: SEEN,
    hostname: `node-${mac.replaceAll(':', '')}`,
    admission: 'hold',
    reason: 'no entry in machines/, and unknown_machines is hold',
    labels: {},
    network: 'kubernetes1',
    inventory: {},
    firstSeen: SEEN,
    lastSeen: SEEN,
    revision: 0,
    ...changes,
  };
}

/** Stands in for the rack: it believes whatever it is told, and keeps it in memory. The journal is the real one. */
export class RackDouble implements Rack {
  readonly #machines = new Map<Mac, MachineView>();
  readonly #journal: EventJournal;
  readonly #feed: MachineFeed;
  /** What `boots` and `next` give for every machine. */
  readonly story: { boots: readonly Boot[]; next: NextBoot | undefined | Error } = {
    boots: [],
    next: undefined,
  };
  /** Changes that it is to refuse, and why. */
  readonly refusals = new Map<MachineChange['action'], ChangeRefusal>();

  /** @param capacity most events that the journal keeps */
  constructor(machines: Iterable<MachineView> = [], capacity = 5000) {
    for (const machine of machines) this.#machines.set(machine.mac, machine);
    const onError = (error: Error) => {
      throw error;
    };
    this.#feed = new MachineFeed({ view: (mac) => this.machine(mac), isStranger: () => false, onError });
    this.#journal = new EventJournal({
      events: { all: () => [], append: async () => {} },
      changes: { all: () => [], append: async () => {} },
      feed: this.#feed,
      now: () => SEEN,
      onError,
      capacity: { events: capacity, changes: 2000 },
    });
  }

  get journal(): EventJournal {
    return this.#journal;
  }

  /** Lets something happen. */
  publish(happening: Happening): void {
    this.#journal.publish(happening);
  }

  /** Puts a machine in, or a changed one in its place. */
  put(machine: MachineView): void {
    this.#machines.set(machine.mac, machine);
    this.#feed.changed(machine.mac);
  }

  machines(): Iterable<MachineView> {
    return this.#machines.values();
  }

  machine(mac: Mac): MachineView | undefined {
    return this.#machines.get(mac) ?? [...this.#machines.values()].find(({ cards }) => cards.includes(mac));
  }

  boots(): readonly Boot[] {
    return this.story.boots;
  }

  async next(): Promise<NextBoot | undefined> {
    if (this.story.next instanceof Error) throw this.story.next;
    return this.story.next;
  }

  refusal(mac: Mac, change: MachineChange): ChangeRefusal | undefined {
    if (this.machine(mac) || change.action === 'approve') return undefined;
    return new ChangeRefusal('unknown', `no machine with the address ${mac} was seen`);
  }

  async change(mac: Mac, change: MachineChange, by: string): Promise<MachineView | undefined> {
    const refusal = this.refusals.get(change.action);
    if (refusal) throw refusal;
    const unknown = change.action === 'forget' ? undefined : this.refusal(mac, change);
    if (unknown) throw unknown;
    const before = this.machine(mac) ?? machineView(0, { mac });
    const { hostname } = before;
    this.publish({
      type: 'change',
      action: change.action,
      by,
      mac: before.mac,
      hostname,
      detail: change.action,
    });
    if (change.action === 'forget') {
      this.#machines.delete(before.mac);
      this.#feed.forgot(before.mac);
      return undefined;
    }
    if (change.action === 'wake') return before;
    const after = changed(before, change, by);
    this.put(after);
    return after;
  }
}

function changed(
  machine: MachineView,
  change: Exclude<MachineChange, { action: 'forget' | 'wake' }>,
  by: string,
): MachineView {
  const decision: Decision = {
    mac: machine.mac,
    verdict: 'approved',
    labels: {},
    adoptDisk: change.action === 'adopt-disk',
    by,
    at: SEEN,
    ...(change.action === 'boot-once' && change.profile !== null && { bootOnce: change.profile }),
  };
  const {
    hostname,
    profile,
    labels = {},
  } = { hostname: undefined, profile: undefined, ...change } as {
    hostname?: string | null;
    profile?: string | null;
    labels?: Record<string, string | null>;
  };
  const merged = Object.entries({ ...machine.labels, ...labels }).filter(([, value]) => value !== null);
  const verdicts = { approve: 'approved', refuse: 'refused', retire: 'retired' } as const;
  const { action } = change;
  return {
    ...machine,
    ...(action in verdicts && {
      state: verdicts[action as keyof typeof verdicts],
      admission: action === 'approve' ? 'boot' : 'hold',
    }),
    ...(typeof hostname === 'string' && { hostname }),
    ...(typeof profile === 'string' && action !== 'boot-once' && { profile }),
    labels: Object.fromEntries(merged) as Record<string, string>,
    decision,
    revision: machine.revision + 1,
  };
}
