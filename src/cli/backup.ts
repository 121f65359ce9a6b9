import type { Command } from 'commander';
import type { RestoreCommandOptions } from './backup-restore.ts';
import { configOption } from './config-folder.ts';

// What the commands do is loaded when one is called: other commands start faster without it.
const commands = () => import('./backup-restore.ts');

/** Adds `backup` and `restore` to the command line. */
export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('write configuration, store and keys to a file, also while the service runs')
    .argument('<file>', 'a .tar.gz that is not there yet')
    .addOption(configOption())
    .addHelpText(
      'after',
      `
It reads the files of this host: run it there, as root. The store is as it is at one moment: whatever was acknowledged before is in
it. Images are not: "rackseed images pull" brings them back. A CA that kubeadm made is left with kubeadm's other keys.

Example:
  rackseed backup --config /etc/rackseed /var/backups/rackseed-$(date +%F).tar.gz`,
    )
    .action(async (file: string, { config }: { config: string }) =>
      (await commands()).backupCommand(config, file, process.stdout),
    );
  program
    .command('restore')
    .description('put a backup back where it came from, while the service is stopped')
    .argument('<file>', 'what "rackseed backup" wrote')
    .option('--force', 'also where the store holds machines or leases')
    .option('--root <dir>', 'of a system that does not run, such as an image', '/')
    .addHelpText(
      'after',
      `
Nothing is lost: whatever stood in its place is kept beside it. A backup is trusted as root is: restore only your own.`,
    )
    .action(async (file: string, options: RestoreCommandOptions) =>
      (await commands()).restoreCommand(file, options, process.stdout),
    );
}
