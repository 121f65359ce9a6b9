import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { KUBEADM, kubeadmSteps } from '../install/kubeadm.ts';
import {
  activation,
  type Installation,
  preparation,
  readableStep,
  removal,
  serviceFile,
} from '../install/plan.ts';
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
  readonly kubeadm?: true;
  readonly remove?: true;
}

const SHIPPED = fileURLToPath(new URL('../../config/', import.meta.url));
/** With the rights of the service in a cluster. */
const MANIFESTS = fileURLToPath(new URL('../../docs/', import.meta.url));
/** Where kubeadm's cluster isn't used. */
const OFFER = `note  ${KUBEADM}/admin.conf is here: shall machines join that cluster? "rackseed install --kubeadm" gives the service
      an account of few rights in it; with --dry-run it shows them first.`;
/** Places that the unit hides from the service (ProtectHome=, PrivateTmp=). */
const HIDDEN = ['/home/', '/root/', '/run/user/', '/tmp/', '/var/tmp/'];

/** Adds `install` to the command line. */
export function addInstallCommand(program: Command): void {
  program
    .command('install')
    .description('make rackseed a service of this host: user, folders, systemd units; root')
    .option('--dry-run', 'show every change and make none')
    .option(
      '--kubeadm',
      "give it an account of few rights in this host's cluster, and name that in rackseed.yaml",
    )
    .option('--remove', 'stop the service and take its units away; configuration and store stay')
    .option('--config <dir>', 'the folder with rackseed.yaml, profiles/ and machines/', SYSTEM_CONFIG)
    .option('--root <dir>', 'of a system that does not run, such as an image', '/')
    .addHelpText(
      'after',
      `
It can be called again at any time, and changes only what isn't as it should be: call it after networks were added,
removed or moved. systemd opens the sockets, each bound to its network's interface; the service itself runs as the user
rackseed without any capability.

With --kubeadm, on a control plane that kubeadm made, machines join by bootstrap tokens: the service gets a ServiceAccount of its
own (docs/kubernetes.md), neither admin.conf nor the key of the cluster's CA. --dry-run shows what is put into the cluster.`,
    )
    .action((options: InstallOptions) => installCommand(options, process.stdout));
}

/** `rackseed install`: prints what it changes, or would change, a step at a time. Throws an Error that says what to do. */
export async function installCommand(options: InstallOptions, output: Output): Promise<void> {
  const { config: folder, root, dryRun = false, kubeadm = false, remove = false } = options;
  if (!folder.startsWith('/')) throw new UsageError('--config must be an absolute path');
  if (kubeadm && (remove || root !== '/')) throw new UsageError('--kubeadm is for the system that runs');
  if (process.getuid?.() !== 0 && !dryRun) throw new Error('it changes the system: run it as root');
  if (root === '/' && !(await exists('/run/systemd/system')))
    throw new Error('systemd does not run here; --root DIR prepares a system that is not running');
  /** Takes steps, and tells whether any of them had something to do. */
  const take = async (steps: readonly Step[]) => {
    let isChanged = false;
    for await (const { title, ...result } of takeSteps(steps, dryRun)) {
      const mark = result.done === 'before' ? 'ok' : result.done === 'now' ? 'done' : 'would';
      output.write(`${mark.padEnd(6)}${title}\n`);
      if (result.done === 'before') continue;
      isChanged = true;
      for (const line of result.lines) output.write(`      ${line}\n`);
    }
    return isChanged;
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
  const cluster = {
    ...{ kubernetes: KUBEADM, config: folder, shipped: SHIPPED, manifests: MANIFESTS },
    owner: () => serviceFile(root, 0o640),
  };
  const isJoined = kubeadm && (await take(kubeadmSteps(cluster)));
  if (isNew) {
    output.write(
      `\nSay in ${folder}/rackseed.yaml which interface to serve, with which addresses; then call it again.\n`,
    );
    return;
  }
  const config = await requireConfig(own);
  if (!kubeadm && config.kubernetes?.kubeconfig === undefined && (await exists(join(KUBEADM, 'admin.conf'))))
    output.write(`${OFFER}\n`);
  if (installation.root === '/')
    for (const network of config.networks) await readInterface(network.interface);
  const first = installation.root === '/' && !dryRun ? [readableStep(config)] : [];
  await take([...first, ...(await activation(installation, config, isJoined))]);
}

/** How the service is started. Throws when it couldn't be read by its user. */
async function findProgram(): Promise<readonly string[]> {
  const program = await realpath(process.argv[1] ?? '');
  if (program.endsWith('.ts')) throw new Error('build it first, npm run build, and call dist/main.js');
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
