import type { Command } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson } from './printable.ts';
import { formatTable } from './table.ts';
import { shortTime } from './times.ts';

/** Adds `changes` to the command line. */
export function addChangesCommand(program: Command): void {
  addApiCommand(program, 'changes', 'tell who changed what and when, the last change first').action(
    async ({ json }: JsonOption, command: Command) =>
      changesCommand(await connect(command), { json }, process.stdout),
  );
}

/** `rackseed changes`: the audit trail. */
export async function changesCommand(client: ApiClient, { json }: JsonOption, output: Output): Promise<void> {
  const changes = await client.changes();
  if (json) {
    output.write(formatJson({ changes }));
    return;
  }
  if (changes.length === 0) {
    output.write('nobody has changed anything yet\n');
    return;
  }
  const rows = changes.map(({ at, by, action, mac, hostname, detail }) => [
    shortTime(at),
    by,
    action,
    mac ?? '-',
    hostname ?? '-',
    detail,
  ]);
  output.write(formatTable(['TIME', 'BY', 'ACTION', 'MAC', 'HOSTNAME', 'DETAIL'], rows));
}
