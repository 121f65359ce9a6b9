import { type Command, Option } from 'commander';
import type { ApiClient } from '../api-client/client.ts';
import { ROLES, type Role } from '../api-client/types.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson } from './printable.ts';
import { formatTable } from './table.ts';
import { shortTime } from './times.ts';

/** Adds `token` and its commands to the command line. */
export function addTokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('make, list and revoke API tokens, for people and programs elsewhere')
    .addHelpText(
      'after',
      `
A token may read; or change machines as well (operator); or make tokens as well (admin). Without one, only who is on the
service's own host may do anything: by loopback or by the unix socket.

Example:
  export RACKSEED_TOKEN=$(rackseed token create --name ci --role operator)`,
    );
  addApiCommand(token, 'create', 'make a token and print it: it is never shown again')
    .requiredOption('--name <name>', 'who uses it: "rackseed changes" tells it with every change')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .action(async ({ name, role, json }: { name: string; role: Role } & JsonOption, command: Command) =>
      createTokenCommand(await connect(command), { name, role, json }, process.stdout, process.stderr),
    );
  addApiCommand(token, 'list', 'list the tokens, less what they are').action(
    async ({ json }: JsonOption, command: Command) =>
      listTokensCommand(await connect(command), { json }, process.stdout),
  );
  addApiCommand(token, 'revoke', 'make a token worthless')
    .argument('<name>', 'its name')
    .action(async (name: string, { json }: JsonOption, command: Command) =>
      revokeTokenCommand(await connect(command), name, { json }, process.stdout),
    );
}

/** `rackseed token create`: the token alone goes to `output`, what is to be said about it to `notes`. */
export async function createTokenCommand(
  client: ApiClient,
  { name, role, json }: { readonly name: string; readonly role: Role } & JsonOption,
  output: Output,
  notes: Output,
): Promise<void> {
  const created = await client.createToken(name, role);
  if (json) {
    output.write(formatJson(created));
    return;
  }
  output.write(`${created.token}\n`);
  notes.write(
    `this token of ${created.name} (${created.role}) is shown only now; give it in RACKSEED_TOKEN\n`,
  );
}

/** `rackseed token list` */
export async function listTokensCommand(
  client: ApiClient,
  { json }: JsonOption,
  output: Output,
): Promise<void> {
  const tokens = await client.tokens();
  if (json) {
    output.write(formatJson({ tokens }));
    return;
  }
  if (tokens.length === 0) {
    output.write('there is no token: "rackseed token create --name NAME --role ROLE" makes one\n');
    return;
  }
  const rows = tokens.map(({ name, role, created, lastUsed }) => [
    name,
    role,
    shortTime(created),
    lastUsed === undefined ? 'never' : shortTime(lastUsed),
  ]);
  output.write(formatTable(['NAME', 'ROLE', 'CREATED', 'LAST USED'], rows));
}

/** `rackseed token revoke NAME` */
export async function revokeTokenCommand(
  client: ApiClient,
  name: string,
  { json }: JsonOption,
  output: Output,
): Promise<void> {
  await client.revokeToken(name);
  output.write(json ? formatJson({ revoked: name }) : `the token of ${name} is worth nothing any more\n`);
}
