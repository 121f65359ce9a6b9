import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { withLock } from '../../src/lab/lock.ts';
import type { Namespace } from './netns.ts';
import { run, runChecked, startFor } from './process.ts';

/** A Debian that has booted with systemd, in a network namespace of the test. */
export interface DebianSystem {
  /** Its root folder, as this system sees it. */
  readonly root: string;
  /** Runs a program in it, and gives what it printed. Throws, quoting its complaint, unless it exits with 0. */
  run(...argv: readonly string[]): Promise<string>;
}

/** The release whose Node.js is new enough, and what rackseed's package depends on there. */
const RELEASE = 'trixie';
const PACKAGES = ['dbus', 'iproute2', 'ipxe', 'nodejs', 'passwd', 'systemd', 'systemd-sysv'];
const CACHE = new URL('../../.cache/debian/', import.meta.url).pathname;

/**
 * Boots a fresh Debian in a container (systemd-nspawn) whose network is `namespace`. Its root is a layer above a tree that is
 * made once (debootstrap) and kept; what the test changes is gone with it.
 */
export async function debianSystemFor(t: ExecutionContext, namespace: Namespace): Promise<DebianSystem> {
  const base = await baseTree();
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-debian-'));
  const root = join(folder, 'root');
  for (const name of ['root', 'upper', 'work']) await mkdir(join(folder, name));
  const layers = `lowerdir=${base},upperdir=${folder}/upper,workdir=${folder}/work`;
  await runChecked(['mount', '-t', 'overlay', 'overlay', '-o', layers, root]);
  // Teardowns run the last first: the container ends before its root goes.
  t.teardown(async () => {
    await runChecked(['umount', root]);
    await rm(folder, { recursive: true });
  });
  const nspawn = await startFor(t, [
    ...['systemd-nspawn', '--quiet', '--boot', '--register=no', '--keep-unit', '--console=pipe'],
    ...[`--directory=${root}`, `--network-namespace-path=/run/netns/${namespace.name}`],
  ]);
  const inside = ['nsenter', '--target', await leaderOf(nspawn.pid), '--all', '--'];
  const system: DebianSystem = {
    root,
    run: (...argv) => runChecked([...inside, ...argv], { timeout: 180_000 }),
  };
  // Its exit status says "degraded" for what a container can't have.
  await run([...inside, 'systemctl', 'is-system-running', '--wait'], { timeout: 120_000 });
  return system;
}

/** The process that is number 1 in the container, as soon as it has become systemd. */
async function leaderOf(nspawn: number): Promise<string> {
  for (let tries = 0; tries < 600; tries += 1) {
    const children = await readFile(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').catch(() => '');
    for (const pid of children.trim().split(' ')) {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (name.trim() === 'systemd' && (await hasBus(pid))) return pid;
    }
    await pause(100);
  }
  throw new Error('the container did not boot');
}

/** True when systemctl would find systemd. */
async function hasBus(pid: string): Promise<boolean> {
  const { code } = await run([
    'nsenter',
    '--target',
    pid,
    '--all',
    '--',
    'test',
    '-S',
    '/run/systemd/private',
  ]);
  return code === 0;
}

async function baseTree(): Promise<string> {
  const tree = join(CACHE, RELEASE);
  await mkdir(CACHE, { recursive: true });
  await withLock(`${tree}.lock`, async () => {
    if ((await run(['test', '-e', tree])).code === 0) return;
    const unfinished = `${tree}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    const include = `--include=${PACKAGES.join(',')}`;
    await runChecked(['debootstrap', '--variant=minbase', include, RELEASE, unfinished]);
    await rename(unfinished, tree);
  });
  return tree;
}
