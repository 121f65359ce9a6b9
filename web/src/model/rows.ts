import type { Machine } from './api.ts';
import { GROUPS, type Group, groupOf } from './order.ts';

/** A row of the rack's table. */
export type Row =
  | { readonly kind: 'heading'; readonly key: Group; readonly title: string; readonly count: number }
  | { readonly kind: Group; readonly key: string; readonly machine: Machine };

const TITLES: Readonly<Record<Group, string>> = {
  waiting: 'Waiting for approval',
  stuck: 'Stuck',
  others: 'Machines',
};

/** Pixels, as the style sheet has them: on a wide screen, and on a narrow one. */
const HEIGHTS: Readonly<Record<Row['kind'], readonly [number, number]>> = {
  heading: [40, 40],
  waiting: [46, 124],
  stuck: [54, 118],
  others: [36, 62],
};

/** Sorted machines as rows, each group under its heading; one group of ordinary machines needs none. */
export function rowsOf(machines: readonly Machine[]): readonly Row[] {
  const groups = GROUPS.map((group) => {
    const members = machines.filter((machine) => groupOf(machine) === group);
    return { group, members: members.map((machine) => machineRow(group, machine)) };
  }).filter(({ members }) => members.length > 0);
  if (groups.every(({ group }) => group === 'others')) return groups.flatMap(({ members }) => members);
  return groups.flatMap(({ group, members }): Row[] => [
    { kind: 'heading', key: group, title: TITLES[group], count: members.length },
    ...members,
  ]);
}

function machineRow(kind: Group, machine: Machine): Row {
  return { kind, key: machine.mac, machine };
}

/** The height of a row in pixels. */
export function rowHeight(row: Row, narrow: boolean): number {
  return HEIGHTS[row.kind][narrow ? 1 : 0];
}
