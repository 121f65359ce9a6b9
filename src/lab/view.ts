import { STAGES } from '../machines/machine.ts';
import { formatSeconds, isUp, type MachineProgress, type StageReached } from './progress.ts';

/** The longest name of a stage, in characters. */
const STAGE_WIDTH = Math.max(...STAGES.map(({ length }) => length));

/** Room on the terminal, in characters. */
export interface Room {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The rack as lines of text: a block for each machine with a line for each stage when there is room, otherwise one line
 * for each machine.
 * @param clock milliseconds after power-on, shown for machines that are on their way
 */
export function drawRack(machines: readonly MachineProgress[], clock: number, room: Room): string[] {
  const blocks = machines.flatMap((machine, index) => [
    ...(index === 0 ? [] : ['']),
    ...drawMachine(machine, clock),
  ]);
  // Room for every stage from the start, so that the picture doesn't change its form on the way.
  const needed = Math.max(blocks.length, machines.length * (STAGES.length + 2));
  const lines = needed < room.rows ? blocks : machines.map((machine) => drawRow(machine, clock));
  return lines.slice(0, room.rows - 1).map((line) => cut(line, room.columns));
}

function drawMachine(machine: MachineProgress, clock: number): string[] {
  const title = [machine.hostname, machine.mac, machine.address, machine.firmware].filter(Boolean).join('  ');
  const stages = machine.stages.map((reached) => `  ✔ ${drawStage(reached)}`);
  return [
    title,
    ...stages,
    ...(isUp(machine) ? [] : [`  … ${formatSeconds(clock)} ${waiting(machine)}`.trimEnd()]),
  ];
}

function drawRow(machine: MachineProgress, clock: number): string {
  const last = machine.stages.at(-1);
  const state = isUp(machine) || !last ? '' : `  … ${formatSeconds(clock)}`;
  return `${machine.hostname}  ${last ? drawStage(last) : waiting(machine)}${state}`;
}

/** `document  22.4 s  cloud-config 1.3 kB` */
function drawStage({ stage, after, detail }: StageReached): string {
  return `${stage.padEnd(STAGE_WIDTH)} ${formatSeconds(after).padStart(7)}  ${detail}`.trimEnd();
}

function waiting(machine: MachineProgress): string {
  if (machine.held) return 'waits for approval';
  return machine.stages.length === 0 ? 'switched on' : '';
}

/** One line for a stage, for output that is not a terminal: ` 22.4 s worker-01 document cloud-config 1.3 kB`. */
export function stageLine(machine: MachineProgress, { stage, after, detail }: StageReached): string {
  return `${formatSeconds(after).padStart(7)}  ${machine.hostname}  ${stage.padEnd(STAGE_WIDTH)}  ${detail}`.trimEnd();
}

/** The stages in `now` that were not in `before`, with their machines, in the order they were reached. */
export function newStages(
  before: readonly MachineProgress[],
  now: readonly MachineProgress[],
): { readonly machine: MachineProgress; readonly reached: StageReached }[] {
  const key = (mac: string, reached: StageReached) => `${mac} ${reached.stage} ${reached.after}`;
  const known = new Set(before.flatMap(({ mac, stages }) => stages.map((reached) => key(mac, reached))));
  return now
    .flatMap((machine) => machine.stages.map((reached) => ({ machine, reached })))
    .filter(({ machine, reached }) => !known.has(key(machine.mac, reached)))
    .sort((a, b) => a.reached.after - b.reached.after);
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
