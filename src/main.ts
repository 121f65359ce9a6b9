#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addBackupCommands } from './cli/backup.ts';
import { addChangeCommands } from './cli/change.ts';
import { addChangesCommand } from './cli/changes.ts';
import { checkCommand } from './cli/check.ts';
import { configOption } from './cli/config-folder.ts';
import { addEventsCommand } from './cli/events.ts';
import { addImagesCommand } from './cli/images.ts';
import { addInstallCommand } from './cli/install.ts';
import { addLabCommand } from './cli/lab.ts';
import { addLeasesCommand } from './cli/leases.ts';
import { Explained } from './cli/load.ts';
import { addMachineCommand } from './cli/machine.ts';
import { addMachinesCommand } from './cli/machines.ts';
import { addPkiCommand } from './cli/pki.ts';
import { printableLines } from './cli/printable.ts';
import { addRackFileCommands } from './cli/rack-file.ts';
import { RENDER_FORMATS, type RenderOptions } from './cli/render-options.ts';
import { addTokenCommand } from './cli/token.ts';
import { UsageError } from './cli/usage.ts';
import { addWaitCommand } from './cli/wait.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('rackseed')
  .description(
    'Boots machines from the network: DHCP, TFTP, HTTP, iPXE and a cloud-config for every MAC address',
  )
  .version(version)
  .showHelpAfterError('(add --help for more)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  rackseed check                      is the configuration good?
  rackseed serve                      serve the networks in config/rackseed.yaml
  rackseed machines --watch           who is there, and how far is each?
  rackseed approve 52:54:00:12:34:56  let a machine boot that waits
  rackseed machine worker-01          what happened in its last boot?
  rackseed render worker-01           what would this machine get?
  rackseed wait --ready 3             until three nodes are ready
  rackseed lab --firmware uefi        watch a virtual machine boot, without hardware`,
  );

/** Adds a command that reads a configuration. */
function command(name: string, description: string): Command {
  return program.command(name).description(description).addOption(configOption());
}

const print = (text: string) => void process.stdout.write(text);

program.commandsGroup('The service:');
command('serve', 'answer DHCP, TFTP and HTTP on the configured networks, until SIGINT or SIGTERM')
  .addOption(
    new Option('--log-level <level>', 'least level logged')
      .choices(['error', 'warn', 'info', 'debug'])
      .default('info'),
  )
  .action(async ({ config, logLevel }: { config: string; logLevel: string }) => {
    // The service is the larger part of the program: the other commands start faster without it.
    const { serveCommand } = await import('./cli/serve.ts');
    await serveCommand(config, logLevel);
  });

command('check', 'check the configuration; exit status 1 when it has problems').action(
  async ({ config }: { config: string }) => {
    process.exitCode = await checkCommand(config, process.stdout);
  },
);

command(
  'doctor',
  'look at all that keeps machines from booting, and say what to do; exit status 1 when something fails',
)
  .option('--json', 'as JSON')
  .addHelpText(
    'after',
    '\nWhile the service runs, what it serves is looked at as well. Run it as root: others see less.',
  )
  .action(async ({ config, json }: { config: string; json?: true }) => {
    const { doctorCommand } = await import('./cli/doctor.ts');
    process.exitCode = await doctorCommand(config, { json }, process.stdout);
  });

command('render', 'print the iPXE script and the documents that a machine would get')
  .argument('<machine>', 'its hardware address or its host name')
  .option('--profile <name>', 'as if the machine had this profile')
  .addOption(
    new Option('--format <format>', 'only this one, whatever the image reads').choices(RENDER_FORMATS),
  )
  .option('--diff', 'with --profile: what would change')
  .addHelpText('after', '\nThe keys with which a machine joins its cluster are left out.')
  .action(async (mac: string, { config, ...options }: RenderOptions & { config: string }) => {
    const { renderCommand } = await import('./cli/render.ts');
    print(await renderCommand(config, mac, options));
  });

command(
  'explain',
  'tell who a machine is and why, and where its files and units come from; or what a capture holds',
)
  .argument('[machine]', 'its hardware address or its host name')
  .option(
    '--pcap <file>',
    'tell packet by packet what a recording holds (pcap, pcapng), and what we would answer',
  )
  .option('--network <name>', 'with --pcap: the network that was recorded; else the first')
  .addHelpText(
    'after',
    `
To record a boot that fails:
  tcpdump -i enp0s8 -s 0 -w boot.pcap 'udp port 67 or 68 or 69 or 4011'`,
  )
  .action(
    async (machine: string | undefined, options: { config: string; pcap?: string; network?: string }) => {
      const { config, pcap, network } = options;
      if ((machine === undefined) === (pcap === undefined)) {
        throw new UsageError('say either which machine, or --pcap FILE');
      }
      if (machine !== undefined) {
        const { explainCommand } = await import('./cli/explain.ts');
        print(await explainCommand(config, machine));
      }
      if (pcap !== undefined) {
        const { explainCaptureCommand } = await import('./cli/explain-capture.ts');
        await explainCaptureCommand({ config, pcap, network }, process.stdout);
      }
    },
  );

addInstallCommand(program);
addBackupCommands(program);

program.commandsGroup('Machines, by asking a service that runs:');
addMachinesCommand(program);
addMachineCommand(program);
addChangeCommands(program);
addRackFileCommands(program);

program.commandsGroup('What happens, by asking a service that runs:');
addEventsCommand(program);
addWaitCommand(program);
addChangesCommand(program);
addLeasesCommand(program);
addTokenCommand(program);

program.commandsGroup('Tools:');
addImagesCommand(program);
addPkiCommand(program);
addLabCommand(program);
program.helpCommand('help [command]', 'tell more about a command');

// A reader that has seen enough, such as head, closes its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
}

/** Says what went wrong, unless that was said already; gives the exit status: 1, or 2 for a command that was called wrongly. */
function reportFailure(error: unknown): number {
  // Commander has said its part; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Explained) return 1;
  process.stderr.write(`rackseed: ${printableLines((error as Error).message)}\n`);
  return error instanceof UsageError ? 2 : 1;
}
