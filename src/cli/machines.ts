import { listLeases, listMachines } from '../http/admin-client.ts';
import { requireConfig } from './load.ts';
import { formatTable } from './table.ts';

/** `rackseed machines`: who was seen, and how far each got. */
export async function machinesCommand(directory: string, json: boolean): Promise<string> {
  const { admin } = await requireConfig(directory);
  const machines = await listMachines(admin.listen);
  if (json) return `${JSON.stringify({ machines }, null, 2)}\n`;
  if (machines.length === 0) return 'no machine has been seen yet\n';
  const rows = machines.map((machine) => {
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
  const leases = await listLeases(admin.listen);
  if (json) return `${JSON.stringify({ leases }, null, 2)}\n`;
  if (leases.length === 0) return 'no address has been leased yet\n';
  const now = new Date().toISOString();
  const rows = leases.map(({ address, mac, expires, network }) => [
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
