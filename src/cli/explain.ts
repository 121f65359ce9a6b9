import { answerBoot } from '../boot/answer.ts';
import { filesIn } from '../boot/firmware-folder.ts';
import { type LoaderRow, PXELINUX_FILE } from '../boot/loaders.ts';
import { type AdmittedMachine, baseUrl, planBoot } from '../boot/plan.ts';
import type { Config } from '../config/config.ts';
import { documentOf } from '../config/document-format.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { fillArgs } from '../provision/cloud-config.ts';
import { describeNode } from '../provision/node.ts';
import { unitSummary } from './describe.ts';
import { type InspectedMachine, inspectMachine } from './inspect.ts';
import { requireConfig } from './load.ts';
import { type Fact, formatFacts, formatTable } from './table.ts';

/**
 * `rackseed explain MAC`: who a machine is and why, which loader it gets, and where each of its files and units comes
 * from. Throws an Error for people.
 */
export async function explainCommand(directory: string, text: string): Promise<string> {
  const config = await requireConfig(directory);
  const machine = await inspectMachine(config, text);
  const identity = machine.identity();
  const entry = config.machines.get(machine.mac);
  const facts: Fact[] = [
    ['machine', `${identity.hostname} ${machine.mac}`],
    ['entry', entry?.place ?? placeOf(machine)],
    ['network', machine.network.name],
    ['address', addressOf(machine, (entry ?? machine.port)?.address !== undefined)],
  ];
  if (identity.admission !== 'boot') {
    const does = identity.admission === 'hold' ? 'waits for approval' : 'gets nothing';
    return formatFacts([...facts, ['so it', `${does}: ${identity.reason}`], ...loaderFacts(config, machine)]);
  }
  const { profile, index, labels } = identity;
  const variables = machine.variables(identity);
  const plan = planBoot(identity, machine.network, fillArgs(profile, variables));
  const node = describeNode(profile, variables, undefined, identity.entry.adoptDisk);
  const lines = formatFacts([
    ...facts,
    ['profile', `${profile.name} (${identity.reason})`],
    ['made of', profile.chain.map((name) => `profiles/${name}.yaml`).join(' on top of ')],
    ['index', indexOf(machine, identity, index)],
    [
      'labels',
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || 'none',
    ],
    ...loaderFacts(config, machine, identity.entry.loader),
    ['boots', plan.kind === 'image' ? `${plan.image} ${plan.args.join(' ')}`.trimEnd() : 'from its disk'],
    ['document', documentOf(profile) ?? 'none'],
  ]);
  const tables = [
    formatOrNothing(
      ['FILE', 'FROM'],
      node.files.map(({ path, origin }) => [path, origin]),
    ),
    formatOrNothing(
      ['UNIT', 'FROM'],
      node.units.map((unit) => [unitSummary(unit), unit.origin]),
    ),
  ];
  return [lines, ...tables].filter((part) => part !== '').join('\n');
}

/** Where an entry for a port stands, and that it isn't for this machine alone. */
function placeOf({ port: entry }: InspectedMachine): string {
  if (!entry) return 'none in machines/';
  const { circuit, remote } = entry.port;
  const port = [remote !== undefined && `switch ${remote}`, circuit !== undefined && `port ${circuit}`];
  return `${entry.place}, for whatever machine is at ${port.filter(Boolean).join(', ')}`;
}

function addressOf({ address }: InspectedMachine, isReserved: boolean): string {
  if (address === undefined) return 'none yet';
  return `${formatIpv4(address)}, ${isReserved ? 'reserved' : 'leased'}`;
}

function indexOf(machine: InspectedMachine, identity: AdmittedMachine, index: number | undefined): string {
  if (index === undefined) return 'none until it has told what the rules in machines/ ask for';
  return machine.isNumbered(identity) ? String(index) : `${index}, with its next boot`;
}

/** The loader for the firmware the machine has, or for each kind it might have. */
function loaderFacts(config: Config, { firmware, network }: InspectedMachine, override?: string): Fact[] {
  const { directory, loaders } = config.firmware;
  const names = new Set([...loadersIn(directory), PXELINUX_FILE]);
  const loaderOf = (row: LoaderRow): string => {
    const answer = answerBoot({ kind: 'firmware', name: row.firmware, row }, false, {
      server: network.address,
      baseUrl: baseUrl(network),
      isAvailable: (file) => names.has(file),
      ...(override !== undefined && { override }),
    });
    if (typeof answer === 'string') return `none: ${answer}`;
    const chosen =
      answer.file === PXELINUX_FILE
        ? 'made for it when it asks'
        : `the first of ${row.files.join(', ')} that is in ${directory}`;
    const by = override === undefined ? chosen : 'its entry names it';
    return `${answer.file} for ${row.firmware}: ${by}`;
  };
  const own = loaders.find((row) => firmware === row.firmware || firmware === `${row.firmware} iPXE`);
  if (own) return [['loader', loaderOf(own)]];
  if (firmware !== undefined) return [['loader', `none is known for ${firmware}`]];
  return loaders.map((row, index) => [index === 0 ? 'loader' : '', loaderOf(row)]);
}

function loadersIn(directory: string): readonly string[] {
  try {
    return filesIn(directory);
  } catch {
    return [];
  }
}

function formatOrNothing(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : formatTable(header, rows);
}
