import type { ApiClient } from '../api-client/client.ts';
import type { MachineFilter, ShownMachine } from '../api-client/types.ts';
import { type Sighting, watchMachines } from '../api-client/watch-machines.ts';
import type { Output } from './check.ts';
import type { JsonOption } from './connection.ts';
import { attention, machineTable } from './machine-table.ts';
import { formatJson, printable } from './printable.ts';
import { drawInPlace, statePaint, type Terminal, terminalOf } from './terminal.ts';
import { shortTime } from './times.ts';

/** How often what is drawn is drawn again, so that its times go on, milliseconds. */
const TICK = 1000;

export interface WatchCommandOptions extends JsonOption {
  /** Ends the watch; without one it goes on until the process ends. */
  readonly signal?: AbortSignal;
  /** Least time between two looks, milliseconds. */
  readonly interval?: number;
}

/**
 * `rackseed machines --watch`: shows the machines and what becomes of them. On a terminal the table is drawn in place; elsewhere, and
 * as JSON, there is a line for each machine at first and then for each change.
 */
export async function watchCommand(
  client: ApiClient,
  filter: MachineFilter,
  { json = false, ...options }: WatchCommandOptions,
  output: Output,
): Promise<void> {
  const sightings = watchMachines(client, filter, options);
  const terminal = json ? undefined : terminalOf(output);
  if (terminal) await draw(sightings, terminal);
  else await printChanges(sightings, json, output);
}

async function draw(sightings: AsyncIterable<Sighting>, terminal: Terminal): Promise<void> {
  const show = drawInPlace(terminal);
  const paint = statePaint(terminal);
  let machines: readonly ShownMachine[] = [];
  let trouble: string | undefined;
  const redraw = () => show(screen(machines, { now: Date.now(), rows: terminal.rows - 1, paint, trouble }));
  const ticking = setInterval(redraw, TICK);
  try {
    for await (const sighting of sightings) {
      if (sighting.kind === 'machines') machines = sighting.machines;
      trouble = sighting.kind === 'lost' ? sighting.reason : undefined;
      redraw();
    }
  } finally {
    clearInterval(ticking);
  }
}

/** What a screen of `rows` lines shows: the table as far as there is room, and below it what should be looked after. */
export function screen(
  machines: readonly ShownMachine[],
  {
    now,
    rows,
    paint,
    trouble,
  }: {
    readonly now: number;
    readonly rows: number;
    readonly paint?: ((state: string) => string) | undefined;
    /** Why the machines may look different by now. */
    readonly trouble?: string | undefined;
  },
): string[] {
  const below = [
    ...(trouble === undefined ? [] : [printable(`not up to date: ${trouble}`)]),
    ...attention(machines),
  ].slice(0, Math.max(1, Math.floor(rows / 3)));
  if (machines.length === 0) return ['no machine to show yet', ...below];
  const table = machineTable(machines, now, paint).trimEnd().split('\n');
  const room = rows - below.length;
  if (table.length <= room) return [...table, ...below];
  const shown = Math.max(1, room - 1);
  return [...table.slice(0, shown), `… and ${table.length - shown} more`, ...below];
}

async function printChanges(
  sightings: AsyncIterable<Sighting>,
  json: boolean,
  output: Output,
): Promise<void> {
  let before = new Map<string, ShownMachine>();
  for await (const sighting of sightings) {
    if (sighting.kind === 'lost') {
      process.stderr.write(`rackseed: ${printable(sighting.reason)}; trying again\n`);
      continue;
    }
    const now = new Map(sighting.machines.map((machine) => [machine.mac, machine]));
    for (const machine of now.values()) {
      const line = changeLine(before.get(machine.mac), machine);
      if (line !== undefined) output.write(json ? formatJson(machine, 'line') : `${line}\n`);
    }
    for (const { mac, hostname } of before.values()) {
      if (now.has(mac)) continue;
      output.write(
        json ? formatJson({ mac, hostname, gone: true }, 'line') : `${mac}  ${printable(hostname)} is gone\n`,
      );
    }
    before = now;
  }
}

/**
 * What has become of a machine, on a line: `2026-11-21 08:44:10Z  52:54:00:00:00:01  worker-01  approved → booting, at kernel`.
 * Undefined when nothing has but the progress of a download.
 */
export function changeLine(before: ShownMachine | undefined, now: ShownMachine): string | undefined {
  const isSameState = before?.state === now.state;
  if (before && isSameState && before.stage === now.stage && before.hostname === now.hostname)
    return undefined;
  const state = before && !isSameState ? `${before.state} → ${now.state}` : now.state;
  const stage = now.stage === undefined ? '' : `, at ${now.stage}`;
  const cause = now.stuck ? `: ${now.stuck.cause}` : '';
  const at = isSameState ? (now.stageAt ?? now.since) : now.since;
  return printable(`${shortTime(at)}  ${now.mac}  ${now.hostname}  ${state}${stage}${cause}`);
}
