import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { activation, type Installation, preparation, readableStep, removal } from '../install/plan.ts';
import { type Step, takeSteps } from '../install/step.ts';
import { readInterface } from '../net/interface.ts';
import type { Output } from './check.ts';
import { SYSTEM_CONFIG } from './config-folder.ts';
import { requireConfig } from './load.ts';
import { UsageError } from './usage.ts';

/** The options of `rackseed install`. */
export interface InstallOptions {
  /** Folder of the configuration, as the system sees it. */
  readonly config: string;
  /** The system's folder. */
  readonly root: string;
  readonly dryRun?: true;
  readonly remove?: true;
}

const SHIPPED = fileURLToPath(new URL('../../config/', import.meta.url));
/** Places that the unit hides from the service (ProtectHome=, PrivateTmp=). */
const HIDDEN = ['/home/', '/root/', '/run/user/', '/tmp/', '/var/tmp/'];

/** Adds `install` to the command line. */
export function addInstallCommand(program: Command): void {
  program
    .command('install')
    .description('make rackseed a service of this host: user, folders, systemd units; root')
    .option('--dry-run', 'show every change and make none')
    .option('--remove', 'stop the service and take its units away; configuration and store stay')
    .option('--config <dir>', 'the folder with rackseed.yaml, profiles/ and machines/', SYSTEM_CONFIG)
    .option('--root <dir>', 'of a system that does not run, such as an image', '/')
    .addHelpText(
      'after',
      `
It can be called again at any time, and changes only what isn't as it should be: call it after networks were added,
removed or moved. systemd opens the sockets, each bound to its network's interface; the service itself runs as the user
rackseed without any capability.`,
    )
    .action((options: InstallOptions) => installCommand(options, process.stdout));
}

/** `rackseed install`: prints what it changes, or would change, a step at a time. Throws an Error that says what to do. */
export async function installCommand(options: InstallOptions, output: Output): Promise<void> {
  const { config: folder, root, dryRun = false, remove = false } = options;
  if (!folder.startsWith('/')) throw new UsageError('--config must be an absolute path');
  if (process.getuid?.() !== 0 && !dryRun) throw new Error('it changes the system: run it as root');
  if (root === '/' && !(await exists('/run/systemd/system')))
    throw new Error('systemd does not run here; --root DIR prepares a system that is not running');
  const take = async (steps: readonly Step[]) => {
    for await (const { title, ...result } of takeSteps(steps, dryRun)) {
      const mark = result.done === 'before' ? 'ok' : result.done === 'now' ? 'done' : 'would';
      output.write(`${mark.padEnd(6)}${title}\n`);
      if (result.done !== 'before') for (const line of result.lines) output.write(`      ${line}\n`);
    }
  };
  if (remove) {
    await take(await removal(resolve(root)));
    output.write(`${folder} and the store are left as they are\n`);
    return;
  }

  const installation: Installation = { root: resolve(root), program: await findProgram(), config: folder };
  const own = join(installation.root, folder);
  const isNew = !(await exists(join(own, 'rackseed.yaml')));
  await take(preparation(installation, SHIPPED));
  if (isNew) {
    output.write(
      `\nSay in ${folder}/rackseed.yaml which interface to serve, with which addresses; then call it again.\n`,
    );
    return;
  }
  const config = await requireConfig(own);
  if (installation.root === '/')
    for (const network of config.networks) await readInterface(network.interface);
  const first = installation.root === '/' && !dryRun ? [readableStep(config)] : [];
  await take([...first, ...(await activation(installation, config))]);
}

/** How the service is started. Throws when it couldn't be read by its user. */
async function findProgram(): Promise<readonly string[]> {
  const program = await realpath(process.argv[1] ?? '');
  if (program.endsWith('.ts')) throw new Error('compile it first, npm run build, and call dist/main.js');
  const hidden = [process.execPath, program].find((path) => HIDDEN.some((place) => path.startsWith(place)));
  if (hidden === undefined) return [process.execPath, program];
  throw new Error(`${hidden} is hidden from services: put it below /opt or /usr/lib, or install the package`);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
