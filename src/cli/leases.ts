import type { Command } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson } from './printable.ts';
import { formatTable } from './table.ts';
import { shortTime } from './times.ts';

/** Adds `leases` to the command line. */
export function addLeasesCommand(program: Command): void {
  addApiCommand(program, 'leases', 'list the leased addresses').action(
    async ({ json }: JsonOption, command: Command) =>
      leasesCommand(await connect(command), { json }, process.stdout),
  );
}

/** `rackseed leases`: every address that is or was leased. */
export async function leasesCommand(client: ApiClient, { json }: JsonOption, output: Output): Promise<void> {
  const leases = await client.leases();
  if (json) {
    output.write(formatJson({ leases }));
    return;
  }
  if (leases.length === 0) {
    output.write('no address has been leased yet\n');
    return;
  }
  const now = new Date().toISOString();
  const rows = leases.map(({ address, mac, expires, network }) => [
    address,
    mac ?? 'declined',
    network,
    expires === undefined ? 'never ends' : `${expires <= now ? 'ended' : 'until'} ${shortTime(expires)}`,
  ]);
  output.write(formatTable(['ADDRESS', 'MAC', 'NETWORK', 'LEASE'], rows));
}
