import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Machine, MachineState } from '../model/api.ts';
import { compareMachines, countStates, samePlace } from '../model/order.ts';
import type { Api } from './api.ts';
import { coalesce } from './coalesce.ts';

/** The machines as the page knows them. */
export interface RackStore {
  /** Sorted as they are shown. */
  readonly machines: ReadonlySignal<readonly Machine[]>;
  readonly counts: ReadonlySignal<ReadonlyMap<MachineState, number>>;
  /** False until the machines have been fetched once. */
  readonly loaded: ReadonlySignal<boolean>;
  /** By any of its cards. */
  find(mac: string): Machine | undefined;
  /** Fetches all machines anew; rejects with an ApiProblem. */
  load(): Promise<void>;
  put(machine: Machine): void;
  forget(mac: string): void;
}

/** At most so often is the list drawn anew, milliseconds. */
const DRAW_INTERVAL = 100;

const PAGE = 1000;

/** What is known of a machine since the last drawing; undefined when it was forgotten. */
type Pending = Map<string, Machine | undefined>;

export function createRackStore(api: Api): RackStore {
  const machines = signal<readonly Machine[]>([]);
  const loaded = signal(false);
  const cards = computed(() => {
    const entries = machines.value.flatMap((machine) =>
      [machine.mac, ...machine.cards].map((card) => [card, machine] as const),
    );
    return new Map(entries);
  });
  const pending: Pending = new Map();
  /** What came while the list was on its way, which may be older. */
  let sinceLoad: Pending | undefined;

  function note(mac: string, machine: Machine | undefined) {
    pending.set(mac, machine);
    sinceLoad?.set(mac, machine);
    drawSoon();
  }

  const drawSoon = coalesce(() => {
    machines.value = merge(machines.value, pending);
    pending.clear();
  }, DRAW_INTERVAL);

  async function load() {
    const meanwhile: Pending = new Map();
    sinceLoad = meanwhile;
    const fetched = await fetchAll(api);
    if (sinceLoad !== meanwhile) return;
    sinceLoad = undefined;
    machines.value = merge(fetched.toSorted(compareMachines), meanwhile);
    loaded.value = true;
  }

  return {
    machines,
    counts: computed(() => countStates(machines.value)),
    loaded,
    find: (mac) => cards.value.get(mac),
    load,
    put: (machine) => note(machine.mac, machine),
    forget: (mac) => note(mac, undefined),
  };
}

async function fetchAll(api: Api): Promise<Machine[]> {
  // By address: a page that begins where something moved may repeat a machine.
  const all = new Map<string, Machine>();
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== undefined && { cursor }) });
    const answer = await api.get<{ machines: Machine[]; next?: string }>(`/v1/machines?${query}`);
    for (const machine of answer.machines) all.set(machine.mac, machine);
    cursor = answer.next;
  } while (cursor !== undefined);
  return [...all.values()];
}

/** The sorted list with what has changed; sorted anew only when a machine is new or moves. */
function merge(before: readonly Machine[], changes: Pending): readonly Machine[] {
  if (changes.size === 0) return before;
  const rest = new Map(changes);
  let moved = false;
  const after: Machine[] = [];
  for (const machine of before) {
    const change = rest.has(machine.mac) ? rest.get(machine.mac) : machine;
    rest.delete(machine.mac);
    if (!change) continue;
    moved ||= !samePlace(machine, change);
    after.push(change);
  }
  for (const machine of rest.values()) {
    if (!machine) continue;
    moved = true;
    after.push(machine);
  }
  return moved ? after.sort(compareMachines) : after;
}
