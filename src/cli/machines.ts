import { askService } from './admin-client.ts';
import { requireConfig } from './load.ts';
import { formatTable } from './table.ts';

interface ShownMachine {
  readonly mac: string;
  readonly hostname: string;
  readonly profile?: string;
  readonly admission: string;
  readonly address?: string;
  readonly firmware?: string;
  readonly lastSeen: string;
  readonly boot: readonly { readonly stage: string; readonly at: string; readonly detail: string }[];
}

interface ShownLease {
  readonly network: string;
  readonly address: string;
  readonly mac?: string;
  readonly expires?: string;
}

/** `rackseed machines`: who was seen, and how far each got. */
export async function machinesCommand(directory: string, json: boolean): Promise<string> {
  const { admin } = await requireConfig(directory);
  const answer = await askService<{ machines: ShownMachine[] }>(admin.listen, '/v1/machines');
  if (json) return `${JSON.stringify(answer, null, 2)}\n`;
  if (answer.machines.length === 0) return 'no machine has been seen yet\n';
  const rows = answer.machines.map((machine) => {
    const last = machine.boot.at(-1);
    return [
      machine.hostname,
      machine.mac,
      machine.address ?? '-',
      machine.profile ?? machine.admission,
      machine.firmware ?? '-',
      last
        ? `${last.stage} at ${shortTime(last.at)}: ${last.detail}`
        : `seen at ${shortTime(machine.lastSeen)}`,
    ];
  });
  return formatTable(['HOSTNAME', 'MAC', 'ADDRESS', 'PROFILE', 'FIRMWARE', 'STAGE'], rows);
}

/** `rackseed leases`: every address that is or was leased. */
export async function leasesCommand(directory: string, json: boolean): Promise<string> {
  const { admin } = await requireConfig(directory);
  const answer = await askService<{ leases: ShownLease[] }>(admin.listen, '/v1/leases');
  if (json) return `${JSON.stringify(answer, null, 2)}\n`;
  if (answer.leases.length === 0) return 'no address has been leased yet\n';
  const now = new Date().toISOString();
  const rows = answer.leases.map(({ address, mac, expires, network }) => [
    address,
    mac ?? 'declined',
    network,
    expires === undefined ? 'never ends' : `${expires <= now ? 'ended' : 'until'} ${shortTime(expires)}`,
  ]);
  return formatTable(['ADDRESS', 'MAC', 'NETWORK', 'LEASE'], rows);
}

/** An ISO 8601 time to the second: `2026-11-21 08:44:10Z`. */
function shortTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}Z`;
}
