import type { Command } from 'commander';
import type { ApiClient, MachineAction } from '../api-client/client.ts';
import { ApiRefusal } from '../api-client/errors.ts';
import type { ShownMachine } from '../api-client/types.ts';
import type { Mac } from '../net/mac.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { findMachine } from './find-machine.ts';
import { assignLabel, parseLabelChanges } from './labels.ts';
import { formatLabels } from './machine.ts';
import { formatJson, printable } from './printable.ts';
import { UsageError } from './usage.ts';

/** What somebody wants of machines, as the API has it. */
export interface Change {
  readonly action: MachineAction | 'forget';
  readonly body?: object;
}

interface ApproveOptions {
  readonly profile?: string;
  readonly hostname?: string;
  readonly label?: Readonly<Record<string, string>>;
}

const MACHINE = 'its hardware address or its host name';
const MACHINES = 'their hardware addresses or host names';

/** Adds the commands that change machines to the command line. */
export function addChangeCommands(program: Command): void {
  addApiCommand(program, 'approve', 'let machines boot; one that waits goes on within seconds')
    .argument('<machines...>', MACHINES)
    .option('--profile <name>', 'what they become; else rules and default_profile say')
    .option('--hostname <name>', 'what it is called; for one machine')
    .option('--label <key=value>', 'a label, may be given again', assignLabel)
    .addHelpText(
      'after',
      `
A machine that hasn't been seen yet can be approved by its hardware address.

Examples:
  rackseed approve 52:54:00:12:34:56
  rackseed approve 52:54:00:12:34:56 --profile storage --hostname store-1 --label rack=a1`,
    )
    .action(async (machines: string[], { profile, hostname, label }: ApproveOptions, command: Command) => {
      if (hostname !== undefined && machines.length > 1) {
        throw new UsageError('--hostname is for one machine: no two can have the same name');
      }
      await change(command, machines, {
        action: 'approve',
        body: {
          ...(profile !== undefined && { profile }),
          ...(hostname !== undefined && { hostname }),
          ...(label && { labels: label }),
        },
      });
    });

  for (const [action, description] of [
    ['refuse', 'keep machines from booting; each says so on its screen'],
    ['retire', 'keep machines from booting whose service is over'],
    ['forget', 'forget machines, with their boots and what was decided about them'],
    ['adopt-disk', 'let machines format their Docker disk once, whatever it holds'],
    ['wake', 'switch machines on from afar (Wake-on-LAN), where their firmware has it enabled'],
  ] as const) {
    addApiCommand(program, action, description)
      .argument('<machines...>', MACHINES)
      .action((machines: string[], _: object, command: Command) => change(command, machines, { action }));
  }

  addApiCommand(program, 'rename', 'give a machine a host name, or take it away')
    .argument('<machine>', MACHINE)
    .argument('[name]', 'a DNS label, such as worker-07')
    .option('--none', 'no name of its own: it is called after its profile and index')
    .action((machine: string, name: string | undefined, { none }: { none?: true }, command: Command) =>
      change(command, [machine], {
        action: 'rename',
        body: { hostname: nameOrNone('name', name, none) },
      }),
    );

  addApiCommand(program, 'label', 'set and take away labels of a machine')
    .argument('<machine>', MACHINE)
    .argument('<labels...>', 'KEY=VALUE sets a label, KEY- takes it away')
    .addHelpText('after', '\nExample:\n  rackseed label worker-01 rack=a1 role-')
    .action((machine: string, labels: string[], _: object, command: Command) =>
      change(command, [machine], { action: 'label', body: { labels: parseLabelChanges(labels) } }),
    );

  addProfileCommand(program, 'assign', 'give a machine a profile, from its next boot on', [
    'no profile of its own: rules and default_profile say',
    'rackseed assign worker-01 storage',
  ]);
  addProfileCommand(program, 'boot-once', 'boot a profile the next time only: to install, to rescue', [
    'as it always boots, after all',
    'rackseed boot-once worker-01 rescue',
  ]);
}

function addProfileCommand(
  program: Command,
  action: 'assign' | 'boot-once',
  description: string,
  [none, example]: readonly [none: string, example: string],
): void {
  addApiCommand(program, action, description)
    .argument('<machine>', MACHINE)
    .argument('[profile]', 'a profile in profiles/')
    .option('--none', none)
    .addHelpText('after', `\nExample:\n  ${example}`)
    .action((machine: string, profile: string | undefined, options: { none?: true }, command: Command) =>
      change(command, [machine], { action, body: { profile: nameOrNone('profile', profile, options.none) } }),
    );
}

/** What was said, null for `--none`. Throws a UsageError unless it is exactly one of both. */
function nameOrNone(what: string, name: string | undefined, none = false): string | null {
  if ((name === undefined) !== none) throw new UsageError(`say either a ${what} or --none`);
  return name ?? null;
}

async function change(command: Command, machines: readonly string[], wanted: Change): Promise<void> {
  const { json } = command.opts<JsonOption>();
  await changeCommand(await connect(command), machines, wanted, { json }, process.stdout);
}

/**
 * Changes machines one after the other, and tells what became of each. What the API refuses for one keeps the others from nothing; at
 * the end it throws an Error that tells all of that.
 */
export async function changeCommand(
  client: ApiClient,
  machines: readonly string[],
  wanted: Change,
  { json }: JsonOption,
  output: Output,
): Promise<void> {
  const macs: Mac[] = [];
  // Nothing is changed before it is known who is meant by each name.
  for (const machine of machines) macs.push(await findMachine(client, machine));
  const changed: object[] = [];
  const refusals: string[] = [];
  for (const mac of macs) {
    try {
      const machine = await apply(client, mac, wanted);
      changed.push(machine ?? { mac });
      if (!json) output.write(`${outcome(wanted.action, mac, machine)}\n`);
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
      refusals.push(macs.length === 1 ? error.message : `${mac}: ${error.message}`);
    }
  }
  if (json) output.write(formatJson({ machines: changed }));
  if (refusals.length > 0) throw new Error(refusals.join('\n'));
}

async function apply(
  client: ApiClient,
  mac: Mac,
  { action, body }: Change,
): Promise<ShownMachine | undefined> {
  if (action !== 'forget') return client.change(mac, action, body);
  await client.forget(mac);
  return undefined;
}

/** What has become of a machine, for people. */
export function outcome(action: Change['action'], mac: string, machine: ShownMachine | undefined): string {
  const who = machine ? `${machine.hostname} (${mac})` : mac;
  const profile = machine?.profile ?? 'none';
  const said: Readonly<Record<Change['action'], string>> = {
    approve: `${who} may boot: profile ${profile}`,
    refuse: `${who} is refused`,
    retire: `${who} is retired`,
    forget: `${who} is forgotten`,
    'adopt-disk': `${who} may format its Docker disk at its next boot, whatever it holds`,
    wake: `${who}: a magic packet was sent; its first DHCP message shows that it woke`,
    rename: `${mac} is called ${machine?.hostname}`,
    label: `${who} has labels: ${formatLabels(machine?.labels ?? {})}`,
    assign: `${who} has profile ${profile} (${machine?.reason})`,
    'boot-once':
      machine?.bootOnce === undefined
        ? `${who} boots profile ${profile}, as always`
        : `${who} boots profile ${machine.bootOnce} the next time, then ${profile} again`,
  };
  return printable(said[action]);
}
