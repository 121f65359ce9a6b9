import { type Command, Option } from 'commander';
import { ApiClient } from '../api-client/client.ts';
import { localEndpoint, remoteEndpoint } from '../api-client/endpoint.ts';
import { readAdminSettings } from '../config/admin-address.ts';
import { defaultConfigFolder } from './config-folder.ts';

/** The options of every command that asks a running service. */
export interface ConnectionOptions {
  readonly config: string;
  readonly server?: string;
  readonly token?: string;
}

/** The option of every command that tells something. */
export interface JsonOption {
  /** As JSON, for programs. */
  readonly json?: boolean | undefined;
}

/** Adds a command that asks a running service: with options that say where it is, and `--json`. */
export function addApiCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'as JSON')
    .addOption(
      new Option('--config <dir>', 'the folder with the rackseed.yaml that says where the service listens')
        .default(defaultConfigFolder())
        .helpGroup(WHERE),
    )
    .addOption(
      new Option('--server <url>', 'where it is instead: https://HOST:PORT, http://HOST:PORT or unix:/PATH')
        .env('RACKSEED_SERVER')
        .helpGroup(WHERE),
    )
    .addOption(
      new Option('--token <token>', 'an API token; in the environment, others on this host do not see it')
        .env('RACKSEED_TOKEN')
        .helpGroup(WHERE),
    );
}

const WHERE = 'Where the service is:';

/** The service that a command's options and environment name. Throws an Error for people. */
export async function connect(command: Command): Promise<ApiClient> {
  const { config, server, token } = command.opts<ConnectionOptions>();
  // What is said on the command line goes before what the environment says for all commands.
  const isConfigNamed = command.getOptionValueSource('config') === 'cli';
  const isServerNamed = command.getOptionValueSource('server') === 'cli';
  if (server !== undefined && (isServerNamed || !isConfigNamed)) {
    return new ApiClient(remoteEndpoint(server, token));
  }
  const { local } = await readAdminSettings(config);
  return new ApiClient(localEndpoint(local, token));
}
