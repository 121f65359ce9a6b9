import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { copyStep, fileStep, folderStep, noEmptyFolderStep, noFileStep, type Ownership } from './files.ts';
import type { Step } from './step.ts';
import { command, createSystemctl, succeeds } from './systemd.ts';
import { rawSocketsDropIn, SERVICE_UNIT, serviceUnit, socketUnits, type Unit } from './units.ts';

/** Where an installation goes, and what it is made from. */
export interface Installation {
  /** The folder of the system; `/` for the one that runs. */
  readonly root: string;
  /** The program that serves, with absolute paths as the system sees them. */
  readonly program: readonly string[];
  /** The folder of the configuration, as the system sees it. */
  readonly config: string;
}

/** The user and group that the service runs as. */
export const USER = 'rackseed';
/** Where the service keeps what it learns, and images unless the configuration says otherwise. */
export const STATE = '/var/lib/rackseed';
const ASSETS = `${STATE}/assets`;

/** Units that an administrator's system gets from us. */
const UNITS = '/etc/systemd/system';
/** Units that came with a package. */
const PACKAGED_UNITS = '/usr/lib/systemd/system';
/** Where an administrator's changes of the service's unit are, and ours. */
const DROP_INS = `${SERVICE_UNIT}.d`;
const OURS = '# Written by rackseed install';

/** The service's unit of the Debian package. */
export function packagedUnit(): string {
  const program = ['/usr/bin/node', '/usr/lib/rackseed/dist/main.js'];
  return serviceUnit({ program, user: USER, config: '/etc/rackseed', writable: [STATE] });
}

/** What goes first: a user, its folders, and a configuration where there is none, copied from `shipped`. */
export function preparation({ root, config }: Installation, shipped: string): readonly Step[] {
  const at = (path: string) => join(root, path);
  return [
    userStep(root),
    copyStep(shipped, at(config), { file: 'rackseed.yaml', text: forSystem }),
    // Webhooks and certificates may have their keys here: the service reads them, other users don't.
    folderStep(at(config), () => serviceFile(root, 0o750)),
    folderStep(at(STATE), () => owned(root, { mode: 0o750 }), true),
    folderStep(at(ASSETS), () => owned(root, { mode: 0o755 })),
  ];
}

/**
 * The units of a configuration, and their start. Those of networks that are no more are taken away.
 * @param isOutdated the service must be started anew in any case, as what it reads only once was changed
 */
export async function activation(
  { root, program, config: folder }: Installation,
  config: Config,
  isOutdated: boolean,
): Promise<readonly Step[]> {
  const systemctl = createSystemctl(root);
  const hasUdev = root !== '/' || (await hasEntry('/run/udev', 'control'));
  const sockets = config.networks.flatMap((network) => socketUnits(network, hasUdev));
  const others = [config.store.directory, config.assets.directory];
  const writable = [STATE, ...others.filter((path) => path !== STATE && !path.startsWith(`${STATE}/`))];
  const settings = { program, user: USER, config: folder, writable };
  const dropIn = rawSocketsDropIn(settings, config.networks);
  const service: Unit = { name: SERVICE_UNIT, text: serviceUnit(settings) };
  const isPackaged = (await textOf(join(root, PACKAGED_UNITS, SERVICE_UNIT))) === service.text;

  const names = sockets.map(({ name }) => name);
  const old = (await ownUnits(root)).filter((name) => name.endsWith('.socket') && !names.includes(name));
  const path = (name: string) => join(root, UNITS, name);
  const writers = [
    ...[...sockets, dropIn].map(({ name, text }) => fileStep(path(name), text)),
    isPackaged ? noFileStep(path(SERVICE_UNIT)) : fileStep(path(SERVICE_UNIT), service.text),
  ];
  return [
    ...(old.length > 0 ? [systemctl.stoppedStep(old)] : []),
    ...old.map((name) => noFileStep(path(name))),
    ...writers,
    systemctl.reloadedStep(),
    systemctl.enabledStep([...names, SERVICE_UNIT]),
    systemctl.runningStep([...names, SERVICE_UNIT], writers, isOutdated),
  ];
}

/** Files that the service reads, beside its configuration, are readable for its user. Nothing is changed: whose they are is for people to say. */
export function readableStep(config: Config): Step {
  const { kubernetes, admin, webhooks, mirror } = config;
  const files = [
    kubernetes?.ca,
    kubernetes?.caKey,
    kubernetes?.kubeconfig,
    admin.tls?.certificate,
    admin.tls?.key,
    ...webhooks.map(({ secretFile }) => secretFile),
    ...(mirror?.registries ?? []).map(({ login }) => login?.passwordFile),
  ].filter((file) => file !== undefined);
  const asUser = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];
  return {
    title: 'files that the configuration names',
    async look() {
      const refused: string[] = [];
      for (const file of files) if (!(await succeeds(...asUser, 'test', '-r', file))) refused.push(file);
      if (refused.length === 0) return undefined;
      throw new Error(
        `user ${USER} can't read ${refused.join(', ')}: chgrp ${USER} FILE, chmod g+r FILE, and let the group into its folders; or, instead of the cluster's CA key, an account of few rights: rackseed install --kubeadm`,
      );
    },
  };
}

/** Takes the units away. The user, the configuration and what the service has learned stay. */
export async function removal(root: string): Promise<readonly Step[]> {
  const systemctl = createSystemctl(root);
  const own = await ownUnits(root);
  return [
    systemctl.stoppedStep([SERVICE_UNIT, ...own.filter((name) => isUnit(name) && name !== SERVICE_UNIT)]),
    ...own.map((name) => noFileStep(join(root, UNITS, name))),
    noEmptyFolderStep(join(root, UNITS, DROP_INS)),
    systemctl.reloadedStep(),
  ];
}

function userStep(root: string): Step {
  return {
    title: `user and group ${USER}`,
    async look() {
      if (await userOf(root)) return undefined;
      const line = `u ${USER} - "rackseed network boot" ${STATE}`;
      return {
        lines: [`system user ${USER}, without a shell`],
        apply: async () => void (await command('systemd-sysusers', `--root=${root}`, '--inline', line)),
      };
    },
  };
}

/** The shipped configuration keeps images beside itself; on a system they belong below /var. */
function forSystem(text: string): string {
  const adapted = text.replace(/^( *directory: )\.\.\/assets\b/m, `$1${ASSETS}`);
  if (adapted === text) throw new Error('the shipped rackseed.yaml has no assets.directory to adapt');
  return adapted;
}

/** The ownership of a file that root writes and the service reads, and nobody else. */
export function serviceFile(root: string, mode: number): Promise<Ownership> {
  return owned(root, { group: true, mode });
}

async function owned(
  root: string,
  { group = false, mode }: { readonly group?: boolean; readonly mode: number },
): Promise<Ownership> {
  // In a dry run there is no such user yet.
  const { uid, gid } = (await userOf(root)) ?? { uid: -1, gid: -1 };
  return { uid: group ? 0 : uid, gid, mode };
}

async function userOf(root: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  const users = (await textOf(join(root, '/etc/passwd'))) ?? '';
  const line = new RegExp(`^${USER}:[^:]*:(\\d+):(\\d+):`, 'm').exec(users);
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : undefined;
}

/** The units and drop-ins that an earlier installation wrote, below the folder of units. */
async function ownUnits(root: string): Promise<string[]> {
  const folder = join(root, UNITS);
  const names = (await namesIn(folder)).filter((name) => name.startsWith('rackseed') && isUnit(name));
  const dropIns = await namesIn(join(folder, DROP_INS));
  const own: string[] = [];
  for (const name of [...names, ...dropIns.map((file) => join(DROP_INS, file))])
    if ((await textOf(join(folder, name)))?.startsWith(OURS)) own.push(name);
  return own;
}

function isUnit(name: string): boolean {
  return name.endsWith('.socket') || name.endsWith('.service');
}

function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function hasEntry(folder: string, name: string): Promise<boolean> {
  return (await namesIn(folder)).includes(name);
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
