#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { checkCommand } from './cli/check.ts';
import { explainCommand } from './cli/explain.ts';
import { addLabCommand } from './cli/lab.ts';
import { Explained } from './cli/load.ts';
import { leasesCommand, machinesCommand } from './cli/machines.ts';
import { addPkiCommand } from './cli/pki.ts';
import { RENDER_FORMATS, type RenderOptions, renderCommand } from './cli/render.ts';
import { serveCommand } from './cli/serve.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('rackseed')
  .description(
    'Boots machines from the network: DHCP, TFTP, HTTP, iPXE and a cloud-config for every MAC address',
  )
  .version(version)
  .showHelpAfterError('(rackseed --help tells more)')
  .addHelpText(
    'after',
    `
Examples:
  rackseed check                     is the configuration good?
  rackseed serve                     serve the networks in config/rackseed.yaml
  rackseed render 52:54:00:12:34:56  what would this machine get?
  rackseed explain 52:54:00:12:34:56 and why?
  rackseed lab --firmware uefi       watch a virtual machine boot, without hardware`,
  );

/** Adds a command that reads a configuration. */
function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--config <dir>', 'the folder with rackseed.yaml, profiles/ and machines/', 'config');
}

const print = (text: string) => void process.stdout.write(text);

command('serve', 'answer DHCP, TFTP and HTTP on the configured networks, until SIGINT or SIGTERM')
  .addOption(
    new Option('--log-level <level>', 'least level logged')
      .choices(['error', 'warn', 'info', 'debug'])
      .default('info'),
  )
  .action(({ config, logLevel }: { config: string; logLevel: string }) => serveCommand(config, logLevel));

command('check', 'check the configuration; exit status 1 when it has problems').action(
  async ({ config }: { config: string }) => {
    process.exitCode = await checkCommand(config, process.stdout);
  },
);

command('render', 'print the iPXE script and the documents that a machine would get')
  .argument('<mac>', 'its hardware address')
  .option('--profile <name>', 'as if the machine had this profile')
  .addOption(
    new Option('--format <format>', 'only this one, whatever the image reads').choices(RENDER_FORMATS),
  )
  .option('--diff', 'with --profile: what would change')
  .addHelpText('after', '\nThe keys with which a machine joins its cluster are left out.')
  .action(async (mac: string, { config, ...options }: RenderOptions & { config: string }) =>
    print(await renderCommand(config, mac, options)),
  );

command('explain', 'tell who a machine is and why, and where its files and units come from')
  .argument('<mac>', 'its hardware address')
  .action(async (mac: string, { config }: { config: string }) => print(await explainCommand(config, mac)));

command('machines', 'list the machines that were seen, and how far each got')
  .option('--json', 'as JSON', false)
  .action(async ({ config, json }: { config: string; json: boolean }) =>
    print(await machinesCommand(config, json)),
  );

command('leases', 'list the leased addresses')
  .option('--json', 'as JSON', false)
  .action(async ({ config, json }: { config: string; json: boolean }) =>
    print(await leasesCommand(config, json)),
  );

addLabCommand(program);
addPkiCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Explained)) process.stderr.write(`rackseed: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
