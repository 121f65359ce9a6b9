import { type Command, InvalidArgumentError } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { MachineFilter } from '../api-client/types.ts';
import { didYouMean } from '../config/similar.ts';
import { MACHINE_STATES, type MachineState } from '../machines/rack.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { attention, machineTable } from './machine-table.ts';
import { formatJson } from './printable.ts';
import { statePaint, terminalOf } from './terminal.ts';
import { watchCommand } from './watch.ts';

/** The options of `rackseed machines`. */
interface MachinesOptions extends JsonOption {
  readonly state?: readonly MachineState[];
  readonly network?: string;
  readonly search?: string;
  readonly watch?: boolean;
}

/** Adds `machines` to the command line. */
export function addMachinesCommand(program: Command): void {
  addApiCommand(program, 'machines', 'list the machines: those that wait or are stuck first')
    .option('--state <states>', `only these, parted by commas: ${MACHINE_STATES.join(', ')}`, parseStates)
    .option('--network <name>', 'only machines on this network')
    .option('--search <text>', 'only machines that say this somewhere: name, address, label, serial number')
    .option('--watch', 'stay and show what changes: in place on a terminal, else a line for each change')
    .addHelpText(
      'after',
      `
Examples:
  rackseed machines --state discovered,stuck   who waits for me?
  rackseed machines --search rack=a1 --watch   how does this rack come up?
  rackseed machines --json | jq -r '.machines[] | select(.state == "ready") | .hostname'`,
    )
    .action(async (options: MachinesOptions, command: Command) => {
      const client = await connect(command);
      const filter = toFilter(options);
      if (options.watch) await watchCommand(client, filter, { json: options.json }, process.stdout);
      else await machinesCommand(client, filter, options, process.stdout);
    });
}

/** Reads `stuck,ready`. Throws commander's error for a state that doesn't exist. */
function parseStates(text: string): readonly MachineState[] {
  return text.split(',').map((word) => {
    const state = MACHINE_STATES.find((known) => known === word);
    if (state) return state;
    throw new InvalidArgumentError(
      `There is no state ${word}${didYouMean(word, MACHINE_STATES) || `: states are ${MACHINE_STATES.join(', ')}.`}`,
    );
  });
}

function toFilter({ state, network, search }: MachinesOptions): MachineFilter {
  return {
    ...(state && { states: state }),
    ...(network !== undefined && { network }),
    ...(search !== undefined && { search }),
  };
}

/** `rackseed machines`: prints the machines that the filter lets through. */
export async function machinesCommand(
  client: ApiClient,
  filter: MachineFilter,
  { json }: JsonOption,
  output: Output,
): Promise<void> {
  const machines = await client.machines(filter);
  if (json) {
    output.write(formatJson({ machines, total: machines.length }));
  } else if (machines.length === 0) {
    const isFiltered = Object.keys(filter).length > 0;
    output.write(isFiltered ? 'no machine is like that\n' : 'no machine has been seen yet\n');
  } else {
    output.write(machineTable(machines, Date.now(), statePaint(output)));
    // Programs that read the table from a pipe expect nothing below it.
    if (terminalOf(output)) for (const line of attention(machines)) output.write(`${line}\n`);
  }
}
