import type { DockerDisk } from '../config/config.ts';
import type { Path } from '../config/problem.ts';
import { rememberFor } from './memory.ts';
import type { NodeFile, NodeUnit } from './node.ts';
import { PHONE_HOME, phoneHomeUrl, type Script, scriptFile } from './scripts.ts';
import { type Section, sectionUnit } from './section.ts';
import { mountUnitName } from './systemd.ts';
import type { Variables } from './variables.ts';

/** Where the disk's file system is mounted; its folders are bound from there to where programs expect them. */
export const DATA_FOLDER = '/var/lib/nodedata';

const ORIGIN = 'docker_disk';
const SCRIPT: Script = { file: 'docker-disk.sh', path: '/opt/bin/rackseed-docker-disk' };
const RESTART: Script = { file: 'restart-engines.sh', path: '/opt/bin/rackseed-restart-engines' };
const SETTINGS = '/etc/rackseed/docker-disk';
/** What the script leaves when it has formatted the disk: a link to it. */
const LINK = '/run/rackseed/docker-disk';
/** What it leaves for the server. */
const REPORT = `${LINK}.report`;

/** Time for formatting, seconds. */
const FORMAT_TIME = 120;

/** What must not run without the disk. Some of them may not exist: nothing here starts or stops one by its name. */
const USERS = ['docker.service', 'containerd.service', 'kubelet.service'];

/**
 * What `docker_disk` stands for: a script that chooses and formats the disk at every boot, the mount of its file
 * system, a bind mount for each folder, and drop-ins that keep docker, containerd and the kubelet from starting
 * without them. The placeholders of `disk` are filled.
 *
 * The disk is waited for once and for a bounded time; whatever needs it fails at once when it isn't there.
 */
export function expandDockerDisk(disk: DockerDisk, variables: Variables, adoptDisk: boolean): Section {
  return {
    files: [
      scriptFile(SCRIPT, ORIGIN),
      settingsFile(disk, adoptDisk),
      scriptFile(PHONE_HOME, ORIGIN),
      scriptFile(RESTART, ORIGIN),
    ],
    units: [formatUnit(disk), reportUnit(phoneHomeUrl(variables)), ...mountUnits(disk)],
  };
}

const settingsFile = rememberFor((disk: DockerDisk, adoptDisk: boolean): NodeFile => {
  const settings = {
    device: disk.device,
    minimum_size: disk.minimumSize,
    filesystem: disk.filesystem,
    label: disk.label,
    wait: disk.wait,
    adopt: adoptDisk ? 'yes' : 'no',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  return { path: SETTINGS, content: Buffer.from(lines.join('')), origin: ORIGIN, secret: false };
});

/** Formats the disk; every mount requires it. Its report is sent beside it, since nothing shall wait for the server. */
const formatUnit = rememberFor(({ wait }: DockerDisk): NodeUnit => {
  const content = `[Unit]
Description=Format the local disk for containers' data
Wants=rackseed-docker-disk-report.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=${wait + FORMAT_TIME}
ExecStart=${SCRIPT.path} ${SETTINGS}
`;
  return sectionUnit({ name: 'rackseed-docker-disk.service', content, origin: ORIGIN });
});

function reportUnit(url: string): NodeUnit {
  const content = `[Unit]
Description=Tell the provisioning server about the local disk
Wants=network-online.target
After=rackseed-docker-disk.service network-online.target
ConditionPathExists=${REPORT}

[Service]
Type=oneshot
TimeoutStartSec=90
ExecStart=${PHONE_HOME.path} ${url} --from ${REPORT}
`;
  return sectionUnit({ name: 'rackseed-docker-disk-report.service', content, origin: ORIGIN });
}

/** The mounts, and what is made to wait for them. */
const mountUnits = rememberFor((disk: DockerDisk): readonly NodeUnit[] => [
  dataMount(disk),
  ...disk.directories.map(bindMount),
  ...USERS.map((name) => requireMounts(name, disk.directories)),
  restartUnit(disk.directories),
]);

/**
 * Not one of the mounts that local-fs.target waits for: those come before the services that this one needs, and when
 * one of them fails, the machine drops to its emergency shell.
 */
const LATE_MOUNT = `DefaultDependencies=no
Conflicts=umount.target
Before=umount.target`;

function dataMount({ filesystem }: DockerDisk): NodeUnit {
  const content = `[Unit]
Description=Local disk for containers' data
${LATE_MOUNT}
Requires=rackseed-docker-disk.service
After=rackseed-docker-disk.service

[Mount]
What=${LINK}
Where=${DATA_FOLDER}
Type=${filesystem}
Options=noatime
TimeoutSec=60

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: mountUnitName(DATA_FOLDER), content, command: 'start', origin: ORIGIN });
}

/** A folder on the disk in the place where programs expect it. systemd makes both folders. */
function bindMount(folder: string): NodeUnit {
  const data = mountUnitName(DATA_FOLDER);
  const content = `[Unit]
Description=${folder} on the local disk
${LATE_MOUNT}
Requires=${data}
After=${data}

[Mount]
What=${DATA_FOLDER}${folder}
Where=${folder}
Type=none
Options=bind

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: mountUnitName(folder), content, command: 'start', origin: ORIGIN });
}

function requireMounts(name: string, folders: readonly string[]): NodeUnit {
  const content = `[Unit]
# Without the disk it stays down instead of filling the memory.
RequiresMountsFor=${folders.join(' ')}
`;
  return sectionUnit({ name, dropIns: [{ name: '10-docker-disk.conf', content }], origin: ORIGIN });
}

/**
 * For documents that are carried out while the system runs, when containerd may have begun already. Where units are read
 * before they start (Ignition), there is nothing to start again.
 */
function restartUnit(folders: readonly string[]): NodeUnit {
  const mounts = folders.map(mountUnitName).join(' ');
  const content = `[Unit]
Description=Start container engines again, on the local disk
After=${mounts}

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=90
ExecStart=${RESTART.path} ${mounts.replaceAll('\\', '\\\\')}

[Install]
WantedBy=multi-user.target
`;
  return sectionUnit({ name: 'rackseed-restart-engines.service', content, command: 'start', origin: ORIGIN });
}

/** True for what `device` may be once its placeholders are filled. */
export function isDevice(text: string): boolean {
  return /^(?:auto|largest|serial:[!-~]+|\/dev\/[!-~]+)$/.test(text);
}

/** What is wrong with a `docker_disk` as a whole; paths start in it. */
export function checkDockerDisk({ directories }: DockerDisk): { path: Path; message: string }[] {
  return directories.flatMap((folder, index) => {
    if (!isWithin(DATA_FOLDER, folder) && !isWithin(folder, DATA_FOLDER)) return [];
    const message = `${folder} and ${DATA_FOLDER}, where the disk is mounted, would hide each other`;
    return [{ path: ['directories', index], message }];
  });
}

function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}
