import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { ShownMachine } from '../api-client/types.ts';
import { watchMachines } from '../api-client/watch-machines.ts';
import { parseDuration } from '../config/units.ts';
import type { MachineState } from '../machines/rack.ts';
import { formatDuration } from '../machines/units.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson, printable } from './printable.ts';

/** What can be waited for, and the states in which a machine has come so far. */
const GOALS = {
  up: ['running', 'registered', 'ready'],
  registered: ['registered', 'ready'],
  ready: ['ready'],
} as const satisfies Readonly<Record<string, readonly MachineState[]>>;

export type Goal = keyof typeof GOALS;

/** The options of `rackseed wait`. */
export interface WaitOptions extends JsonOption {
  /** Machines wanted. */
  readonly ready: number;
  readonly state: Goal;
  /** Seconds. */
  readonly timeout: number;
}

/** Adds `wait` to the command line; its exit status becomes that of this process. */
export function addWaitCommand(program: Command): void {
  addApiCommand(program, 'wait', 'wait until so many machines are ready, for scripts')
    .addOption(
      new Option('--ready <n>', 'how many machines must be ready')
        .argParser(parseCount)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--state <state>', 'what counts: up is a node that runs, registered one in the cluster')
        .choices(Object.keys(GOALS))
        .default('ready'),
    )
    .option('--timeout <duration>', 'how long to wait at most', parseTimeout, 900)
    .addHelpText(
      'after',
      `
Exit status: 0 when they are, 1 when they are not in time, 2 when it was called wrongly. A service that isn't
running yet, or is started again, is waited for as well.

Example:
  rackseed wait --ready 3 --timeout 15m && kubectl get nodes`,
    )
    .action(async (options: WaitOptions, command: Command) => {
      process.exitCode = await waitCommand(await connect(command), options, process.stdout, process.stderr);
    });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1) return count;
  throw new InvalidArgumentError('It must be a whole number from 1 on.');
}

function parseTimeout(text: string): number {
  const seconds = parseDuration(text);
  // A timer can't be set for longer.
  if (!seconds || seconds > 2 ** 31 / 1000) {
    throw new InvalidArgumentError('It must be a duration such as 90s or 15m, up to 24 days.');
  }
  return seconds;
}

/**
 * `rackseed wait`: tells how many machines have come so far whenever that changes, and why there are not more in the end.
 * @returns exit status: 0 when there are enough, 1 when time is over
 */
export async function waitCommand(
  client: ApiClient,
  { ready: wanted, state: goal, timeout, json }: WaitOptions,
  output: Output,
  notes: Output,
): Promise<number> {
  const began = Date.now();
  const signal = AbortSignal.timeout(timeout * 1000);
  let machines: readonly ShownMachine[] = [];
  let told: string | undefined;
  for await (const sighting of watchMachines(client, {}, { signal, interval: 500, patient: true })) {
    if (sighting.kind === 'lost') {
      notes.write(`rackseed: ${printable(sighting.reason)}; trying again\n`);
      continue;
    }
    machines = sighting.machines;
    const count = countReached(machines, goal);
    if (count >= wanted) {
      const after = formatDuration(Date.now() - began);
      output.write(json ? result(true, wanted, goal, machines) : `${amount(count)} ${goal} after ${after}\n`);
      return 0;
    }
    const line = `waiting for ${wanted === 1 ? '1 machine' : `${wanted} machines`}, ${count} ${goal}\n`;
    if (!json && line !== told) output.write(line);
    told = line;
  }
  const count = countReached(machines, goal);
  notes.write(
    `rackseed: not in time: ${count} of ${wanted} ${goal} after ${formatDuration(timeout * 1000)}\n`,
  );
  for (const line of behind(machines, goal)) notes.write(`${line}\n`);
  if (json) output.write(result(false, wanted, goal, machines));
  return 1;
}

/** How many machines have come as far as `goal`. */
export function countReached(machines: readonly ShownMachine[], goal: Goal): number {
  return machines.filter((machine) => hasReached(machine, goal)).length;
}

/** Where the other machines are, and what holds them up, a line each; those that may not boot are left out. */
export function behind(machines: readonly ShownMachine[], goal: Goal): string[] {
  return machines
    .filter((machine) => !hasReached(machine, goal) && !['refused', 'retired'].includes(machine.state))
    .map(({ hostname, mac, state, stage, stuck }) => {
      const who = `  ${hostname} (${mac})`;
      if (stuck) return printable(`${who} is stuck at ${stuck.stage}: ${stuck.cause}`);
      if (state === 'discovered') return printable(`${who} waits for approval: rackseed approve ${mac}`);
      return printable(`${who} is ${state}${stage === undefined ? '' : `, at ${stage}`}`);
    });
}

function hasReached({ state }: ShownMachine, goal: Goal): boolean {
  return GOALS[goal].some((reached) => reached === state);
}

function amount(count: number): string {
  return count === 1 ? '1 machine is' : `${count} machines are`;
}

function result(reached: boolean, wanted: number, goal: Goal, machines: readonly ShownMachine[]): string {
  const there = machines.filter((machine) => hasReached(machine, goal));
  return formatJson({ reached, wanted, state: goal, count: there.length, machines: there });
}
