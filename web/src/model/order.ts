import { MACHINE_STATES, type Machine, type MachineState } from './api.ts';

/** The groups in which the rack is shown, in this order: who needs somebody comes first. */
export const GROUPS = ['waiting', 'stuck', 'others'] as const;
export type Group = (typeof GROUPS)[number];

/** The group of a machine. */
export function groupOf(machine: Machine): Group {
  if (machine.state === 'discovered') return 'waiting';
  return machine.state === 'stuck' ? 'stuck' : 'others';
}

const natural = new Intl.Collator('en', { numeric: true });

/** Sorts machines by group, then by hostname (`worker-2` before `worker-10`), then by hardware address. */
export function compareMachines(a: Machine, b: Machine): number {
  return (
    GROUPS.indexOf(groupOf(a)) - GROUPS.indexOf(groupOf(b)) ||
    (a.hostname === b.hostname ? 0 : natural.compare(a.hostname, b.hostname)) ||
    (a.mac < b.mac ? -1 : Number(a.mac > b.mac))
  );
}

/** True when two states of one machine stand at the same place in the list. */
export function samePlace(a: Machine, b: Machine): boolean {
  return a.mac === b.mac && a.hostname === b.hostname && groupOf(a) === groupOf(b);
}

/**
 * A test for machines that have every word of `query` somewhere in what identifies them. Hardware addresses match in any
 * notation from two bytes on.
 */
export function matcher(query: string): (machine: Machine) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  return (machine) => {
    const text = searchableText(machine);
    return words.every((word) => text.includes(word) || text.includes(withColons(word)));
  };
}

const texts = new WeakMap<Machine, string>();

/** Made once for each state of a machine, since a long list is searched again with every change. */
function searchableText(machine: Machine): string {
  const kept = texts.get(machine);
  if (kept !== undefined) return kept;
  const text = composeText(machine);
  texts.set(machine, text);
  return text;
}

function composeText(machine: Machine): string {
  const { attachment, inventory } = machine;
  return [
    machine.hostname,
    ...machine.cards,
    machine.mac,
    machine.address,
    machine.profile,
    machine.state,
    machine.network,
    machine.firmware,
    attachment?.circuit,
    attachment?.remote,
    ...Object.values(inventory),
    ...Object.entries(machine.labels).map(([key, value]) => `${key}=${value}`),
  ]
    .filter(Boolean)
    .join('\n')
    .toLowerCase();
}

function withColons(word: string): string {
  const digits = word.replace(/[:.-]/g, '');
  if (!/^[0-9a-f]{4,12}$/.test(digits)) return word;
  return digits.replace(/(..)(?=.)/g, '$1:');
}

/** How many machines are in each state. */
export function countStates(machines: readonly Machine[]): ReadonlyMap<MachineState, number> {
  const counts = new Map<MachineState, number>(MACHINE_STATES.map((state) => [state, 0]));
  for (const { state } of machines) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
