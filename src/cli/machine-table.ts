import type { ShownMachine } from '../api-client/types.ts';
import { printable } from './printable.ts';
import { formatTable, type Paint } from './table.ts';
import type { StatePaint } from './terminal.ts';
import { formatAge } from './times.ts';

const HEADER = ['HOSTNAME', 'MAC', 'STATE', 'STAGE', 'PROFILE', 'ADDRESS', 'SINCE'] as const;

/** The machines as a table; `now` in milliseconds since the epoch. */
export function machineTable(machines: readonly ShownMachine[], now: number, paint?: StatePaint): string {
  const rows = machines.map((machine) => [
    machine.hostname,
    machine.mac,
    machine.state,
    stageOf(machine),
    machine.profile ?? '-',
    machine.address ?? '-',
    formatAge(now - Date.parse(machine.since)),
  ]);
  const stateColumn = HEADER.indexOf('STATE');
  const paintState: Paint = (cell, column) => (paint && column === stateColumn ? paint(cell) : cell);
  return formatTable(HEADER, rows, paintState);
}

/** `initrd 45 %`: how far its boot is; `-` before there was one. */
export function stageOf({ stage, progress }: ShownMachine): string {
  if (!progress || progress.size === 0) return stage ?? '-';
  return `${stage ?? 'loads'} ${Math.floor((100 * progress.bytes) / progress.size)} %`;
}

/** What somebody should look after: machines that wait for approval, and those that are stuck and why. */
export function attention(machines: readonly ShownMachine[]): string[] {
  const waiting = machines.filter(({ state }) => state === 'discovered');
  const [first] = waiting;
  const approval = first
    ? [
        `${waiting.length === 1 ? '1 machine waits' : `${waiting.length} machines wait`} for approval: rackseed approve ${first.mac}`,
      ]
    : [];
  const stuck = machines.flatMap(({ hostname, stuck: why }) =>
    why ? [printable(`${hostname} is stuck at ${why.stage}: ${why.cause}`)] : [],
  );
  return [...approval, ...stuck];
}
