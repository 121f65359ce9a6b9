import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ExecutionContext } from 'ava';
import { dump, load } from 'js-yaml';
import { type Lab, type LabMachine, type LabOptions, startLab } from '../../src/lab/lab.ts';
import type { MachineProgress } from '../../src/lab/progress.ts';
import { runChecked } from './process.ts';

/** How long a boot may take, milliseconds: two at a time, emulated, on a machine that does other things too. */
const BOOT_TIMEOUT = 600_000;
const DISK_SIZE = 1024 ** 3;

/** What docker_disk formats a disk with, unless the profile says otherwise. */
export const OUR_LABEL = 'DOCKER_DATA';

/** State of a unit that came with the document; times are microseconds since power-on, null when it hasn't happened. */
export interface UnitState {
  readonly name: string;
  readonly load: string;
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly started: number | null;
  readonly ready: number | null;
}

/** What the lab's Debian guest found on itself when its boot was over: see lab-report in lab/guest/debian. */
export interface GuestReport {
  readonly hostname: string;
  readonly format: string;
  /** Failed units, as `systemctl --failed` lists them. */
  readonly failed: readonly string[];
  /** Those that were started first come first. */
  readonly units: readonly UnitState[];
  readonly disks: readonly { readonly device: string; type: string; label: string; uuid: string }[];
  readonly mounts: readonly { readonly source: string; where: string; type: string; entries: string[] }[];
  readonly files: readonly { readonly path: string; mode: string; owner: string; size: number }[];
}

/** A machine whose boot is over. */
export interface CheckedMachine extends LabMachine {
  readonly found: GuestReport;
  readonly progress: MachineProgress;
}

/** A rack of Debian guests. */
export interface DebianRack {
  readonly lab: Lab;
  /** Switches all machines on, waits until each has looked at itself, and switches them off. */
  boot(): Promise<CheckedMachine[]>;
}

/**
 * A rack of machines that run Debian in memory and read the document of `profile`, one for each disk. It's taken down when
 * the test ends.
 * @param disks what makes the data disk of each machine: see `blankDisk` and `formattedDisk`
 * @param more about the lab
 */
export async function debianRack(
  t: ExecutionContext,
  profile: string,
  disks: readonly ((file: string) => Promise<void>)[],
  more: Pick<LabOptions, 'config' | 'settings'> = {},
): Promise<DebianRack> {
  t.timeout(2 * BOOT_TIMEOUT + 60_000);
  const lab = await startLab({ firmware: 'bios', guest: 'debian', profile, count: disks.length, ...more });
  t.teardown(() => lab.stop());
  for (const [index, { dataDisk }] of lab.machines.entries()) await disks[index]?.(dataDisk);
  return {
    lab,
    async boot() {
      await lab.powerOn();
      const progress = await lab.whenUp({ timeout: BOOT_TIMEOUT, isDone: hasChecked });
      await lab.powerOff();
      return Promise.all(
        lab.machines.map(async (machine, index) => {
          const own = progress[index];
          if (own?.mac !== machine.mac) throw new Error(`no progress of ${machine.mac} at its place`);
          const found = JSON.parse(await readFile(machine.report, 'utf8')) as GuestReport;
          return { ...machine, found, progress: own };
        }),
      );
    },
  };
}

/** The guest says `checked` when it has written its report. */
function hasChecked({ stages }: MachineProgress): boolean {
  return stages.some(({ detail }) => detail.startsWith('reports checked'));
}

/** What a machine told the server about its disk: `disk …` or `disk-refused …`; undefined when it told nothing. */
export function diskReport({ progress }: CheckedMachine): string | undefined {
  const reports = progress.stages.map(({ detail }) => /^reports (disk(?:-refused)?: .*)$/.exec(detail)?.[1]);
  return reports.find((report) => report !== undefined);
}

/** A disk with nothing on it. */
export async function blankDisk(file: string): Promise<void> {
  await writeFile(file, '');
  await truncate(file, DISK_SIZE);
}

/** A disk that is one ext4 file system with this label, and a file `leftover` in the folder that becomes /var/lib/docker. */
export function formattedDisk(label: string): (file: string) => Promise<void> {
  return async (file) => {
    await blankDisk(file);
    await runChecked(['mkfs.ext4', '-q', '-F', '-L', label, file]);
    await leaveBehind(file);
  };
}

/** Writes `leftover` into the folder of an ext4 disk that becomes /var/lib/docker. */
export async function leaveBehind(file: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  try {
    const leftover = join(folder, 'leftover');
    await writeFile(leftover, 'from another boot\n');
    const commands = ['mkdir /var', 'mkdir /var/lib', 'mkdir /var/lib/docker'];
    // A folder that is there already is only complained about.
    const input = [...commands, `write ${leftover} /var/lib/docker/leftover`].join('\n');
    await runChecked(['debugfs', '-w', '-f', '-', file], { input: `${input}\n` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Agrees, as an administrator does, to a machine's disk being formatted whatever it holds. */
export async function adoptDisk(directory: string, mac: string): Promise<void> {
  const file = join(directory, 'config/machines/lab.yaml');
  const { machines } = load(await readFile(file, 'utf8')) as { machines: { mac: string }[] };
  const changed = machines.map((entry) => (entry.mac === mac ? { ...entry, adopt_disk: true } : entry));
  await writeFile(file, dump({ machines: changed }));
}

/** SHA-256 of a file, hexadecimal. */
export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 ** 2 }), hash);
  return hash.digest('hex');
}

/** A worker as the lab's profiles describe it: its disk formatted and mounted, all in place, all started in order. */
export function assertWorker(t: ExecutionContext, { name, found }: CheckedMachine): void {
  t.deepEqual(found.failed, [], `${name} has no failed unit`);
  t.is(found.hostname, name);

  const [disk] = found.disks;
  t.like(disk, { device: '/dev/vda', type: 'ext4', label: OUR_LABEL });
  const mounts = new Map(found.mounts.map((mount) => [mount.where, mount]));
  t.is(mounts.get('/var/lib/nodedata')?.source, '/');
  for (const folder of ['/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet']) {
    t.is(mounts.get(folder)?.source, folder, `${folder} is the folder of that name on the disk`);
  }
  t.deepEqual(mounts.get('/var/lib/docker')?.entries, ['written-by']);
  t.deepEqual(mounts.get('/var/lib/containerd')?.entries, ['standin'], 'containerd writes to the disk');
  t.deepEqual(mounts.get('/var/lib/kubelet')?.entries, ['standin'], 'the kubelet writes to the disk');

  const files = new Map(found.files.map(({ path, mode, owner }) => [path, `${mode} ${owner}`]));
  t.is(files.get('/etc/kubernetes/kubeconfig'), '0600 0:0');
  t.is(files.get('/etc/rackseed/machine'), '0600 500:500');
  t.is(files.get('/opt/bin/kubelet'), '0755 0:0', 'the kubelet was downloaded');

  assertOrder(t, found, ['rackseed-docker-disk.service', 'var-lib-nodedata.mount', 'var-lib-docker.mount']);
  assertOrder(t, found, ['var-lib-nodedata.mount', 'var-lib-containerd.mount', 'containerd.service']);
  assertOrder(t, found, ['var-lib-kubelet.mount', 'kubelet.service']);
  assertOrder(t, found, ['rackseed-download-kubernetes.service', 'kubelet.service']);
  // Ignition fetches the keys itself, before there is a unit.
  if (found.format !== 'ignition') assertOrder(t, found, ['rackseed-secrets.service', 'kubelet.service']);
  assertOrder(t, found, ['var-lib-docker.mount', 'docker-folder.service']);
}

/** Each unit is active, and started only when the one before it was ready. */
function assertOrder(t: ExecutionContext, { units }: GuestReport, names: readonly string[]): void {
  const states = names.map((name) => {
    const unit = units.find((candidate) => candidate.name === name);
    t.is(unit?.active, 'active', name);
    return unit;
  });
  for (const [index, unit] of states.entries()) {
    const before = states[index - 1];
    if (!unit || !before) continue;
    const inOrder = (before.ready ?? Number.POSITIVE_INFINITY) <= (unit.started ?? -1);
    t.true(inOrder, `${unit.name} started when ${before.name} was ready`);
  }
}

/** A machine whose disk was refused: told to the server, and nothing runs that would fill the memory instead. */
export function assertRefused(t: ExecutionContext, machine: CheckedMachine): void {
  t.regex(
    diskReport(machine) ?? '',
    /^disk-refused: \/dev\/vda holds ext4 and was left as it is; adopt_disk/,
  );
  t.deepEqual(machine.found.mounts, []);
  const running = machine.found.units.filter(({ active }) => active === 'active').map(({ name }) => name);
  for (const name of ['containerd.service', 'kubelet.service', 'docker-folder.service']) {
    t.false(running.includes(name), `${name} stays down`);
  }
}
