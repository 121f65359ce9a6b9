import { type Command, InvalidArgumentError } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { ShownBoot, ShownMachine } from '../api-client/types.ts';
import { formatBytes, formatDuration } from '../machines/units.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { findMachine } from './find-machine.ts';
import { formatJson, printable } from './printable.ts';
import { type Fact, formatFacts } from './table.ts';
import { formatAge, shortTime } from './times.ts';

/** Adds `machine` to the command line. */
export function addMachineCommand(program: Command): void {
  addApiCommand(program, 'machine', 'tell all about a machine, and the story of its boots')
    .argument('<machine>', 'its hardware address or its host name')
    .option('--boots <n>', 'tell this many boots, the last one first', parseBoots, 1)
    .action(async (machine: string, options: { boots: number } & JsonOption, command: Command) =>
      machineCommand(await connect(command), machine, options, process.stdout),
    );
}

function parseBoots(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new InvalidArgumentError('It must be a whole number.');
}

/** `rackseed machine MAC`: who it is, how it stands, and what happened in its last boots. */
export async function machineCommand(
  client: ApiClient,
  text: string,
  { boots: count, json }: { readonly boots: number } & JsonOption,
  output: Output,
): Promise<void> {
  const mac = await findMachine(client, text);
  const machine = await client.machine(mac);
  const boots = count === 0 ? [] : (await client.boots(mac)).slice(0, count);
  if (json) {
    output.write(formatJson({ ...machine, boots }));
    return;
  }
  const story = boots.map((boot) => `\n${formatBoot(boot)}`);
  output.write(`${describe(machine, Date.now())}${story.join('')}`);
  if (count > 0 && boots.length === 0) output.write('\nit has not booted yet\n');
}

/** What is known of a machine; `now` in milliseconds since the epoch. */
export function describe(machine: ShownMachine, now: number): string {
  const { hostname, mac, state, since, stuck, progress, inventory, attachment, labels } = machine;
  const ago = (iso: string) => `${shortTime(iso)}, ${formatAge(now - Date.parse(iso))} ago`;
  const facts: (Fact | undefined)[] = [
    ['machine', `${hostname} ${mac}`],
    machine.cards.length > 1 ? ['cards', machine.cards.join(', ')] : undefined,
    ['state', `${state} since ${ago(since)}`],
    stuck && ['stuck', `at ${stuck.stage} since ${ago(stuck.since)}: ${stuck.cause}`],
    state === 'discovered' ? ['approve', `rackseed approve ${mac}`] : undefined,
    machine.stage && ['stage', `${machine.stage}${machine.stageAt ? `, ${ago(machine.stageAt)}` : ''}`],
    progress && ['loads', describeProgress(progress)],
    ['profile', describeProfile(machine)],
    machine.bootOnce === undefined ? undefined : ['next boot', `profile ${machine.bootOnce}, once`],
    machine.adoptDisk ? ['disk', 'its next boot may format the Docker disk whatever it holds'] : undefined,
    machine.index === undefined ? undefined : ['index', String(machine.index)],
    ['labels', formatLabels(labels)],
    machine.place === undefined ? undefined : ['entry', machine.place],
    machine.decidedBy === undefined
      ? undefined
      : ['decided', `by ${machine.decidedBy}${machine.decidedAt ? `, ${ago(machine.decidedAt)}` : ''}`],
    ['network', machine.network],
    ['address', machine.address ?? 'none'],
    attachment && ['switch', [attachment.remote, attachment.circuit].filter(Boolean).join(' ')],
    factOf('hardware', [inventory.manufacturer, inventory.product, inventory.buildarch]),
    factOf('serial', [inventory.serial]),
    factOf('asset', [inventory.asset]),
    factOf('uuid', [inventory.uuid]),
    factOf('firmware', [machine.firmware, machine.loader && `loads ${machine.loader}`], ', '),
    ['seen', `first ${ago(machine.firstSeen)}; last ${ago(machine.lastSeen)}`],
  ];
  return formatFacts(facts.filter((fact) => fact !== undefined));
}

/** `rack=a1 role=db`, or `none`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.join(' ') || 'none';
}

function describeProfile({ profile, admission, reason }: ShownMachine): string {
  if (profile !== undefined) return `${profile} (${reason})`;
  return `none, it ${admission === 'ignore' ? 'gets no answer' : 'may not boot'}: ${reason}`;
}

function describeProgress({ file, bytes, size }: NonNullable<ShownMachine['progress']>): string {
  const share = size > 0 ? ` (${Math.floor((100 * bytes) / size)} %)` : '';
  return `${file}, ${formatBytes(bytes)} of ${formatBytes(size)}${share}`;
}

function factOf(what: string, parts: readonly (string | undefined)[], between = ' '): Fact | undefined {
  const known = parts.filter((part) => part !== undefined && part !== '');
  return known.length === 0 ? undefined : [what, known.join(between)];
}

/** The story of a boot: for each entry the time since the boot began, how long it took to come to that, and what it is. */
export function formatBoot({ number, began, entries }: ShownBoot): string {
  const start = Date.parse(began);
  const rows = entries.map(({ kind, at, detail }, index) => {
    const before = entries[index - 1];
    return {
      offset: formatDuration(Date.parse(at) - start),
      step: before ? `+${formatDuration(Date.parse(at) - Date.parse(before.at))}` : '',
      kind,
      detail,
    };
  });
  const width = (key: 'offset' | 'step' | 'kind') => Math.max(0, ...rows.map((row) => row[key].length));
  const [offsets, steps, kinds] = [width('offset'), width('step'), width('kind')];
  const lines = rows.map(({ offset, step, kind, detail }) =>
    `  ${offset.padStart(offsets)}  ${step.padStart(steps)}  ${kind.padEnd(kinds)}  ${printable(detail)}`.trimEnd(),
  );
  return `${[`boot ${number}, began ${shortTime(began)}`, ...lines].join('\n')}\n`;
}
