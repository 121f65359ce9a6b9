import type { DockerDisk, Profile, ProfileKubernetes } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import { checkLabelValue, checkTaint } from '../config/labels.ts';
import { formatPath } from '../config/problem.ts';
import { expandDockerDisk, isDevice } from './docker-disk.ts';
import { expandEngineSettings } from './engines.ts';
import { type Entry, mergeFiles, mergeUnits } from './entries.ts';
import type { JoinMaterial } from './join.ts';
import { expandKubernetes } from './kubernetes.ts';
import { lasting, rememberFor } from './memory.ts';
import { expandNames } from './names.ts';
import { fillPlaceholders, PlaceholderError } from './placeholders.ts';
import { expandPreload, type PreloadedArchive } from './preload.ts';
import { expandSecrets, type SecretsDelivery } from './secrets.ts';
import { combineSections } from './section.ts';
import { expandTime } from './time.ts';
import type { Variables } from './variables.ts';

/** What a machine is to become, in the terms of coreos-cloudinit: what each of the document formats is written from. */
export interface NodeDescription {
  readonly hostname?: string;
  /** Keys of the user `core`. */
  readonly sshAuthorizedKeys: readonly string[];
  readonly users: readonly User[];
  /** In the order they are to be written; no path twice. */
  readonly files: readonly NodeFile[];
  /** In the order their commands are to run; no name twice. */
  readonly units: readonly NodeUnit[];
  readonly manageEtcHosts?: 'localhost';
  /** The rest of `coreos:` as it was written: update, locksmith, flannel, etcd2, fleet, oem. */
  readonly coreos: Readonly<Record<string, unknown>>;
  readonly dockerDisk?: DockerDisk;
  /** Somebody has agreed that the disk, whatever it holds, may be formatted. */
  readonly adoptDisk: boolean;
}

/** A file to write. */
export interface NodeFile {
  /** Absolute. */
  readonly path: string;
  /** Decoded. */
  readonly content: Uint8Array;
  /** Octal digits: `0644`. */
  readonly permissions?: string;
  /** `user:group` */
  readonly owner?: string;
  /** Where it comes from, for explanations: `profiles/base.yaml:12`, `docker_disk`, `kubernetes`. */
  readonly origin: string;
  /** True when whoever reads it can act as this machine. */
  readonly secret: boolean;
}

/** A systemd unit to write, extend or start. */
export interface NodeUnit {
  /** With its suffix. */
  readonly name: string;
  /** The unit file; undefined for a unit of the image. */
  readonly content?: string;
  readonly dropIns: readonly DropIn[];
  readonly enable: boolean;
  readonly mask: boolean;
  /** Written below /run instead of /etc. */
  readonly runtime: boolean;
  readonly command?: UnitCommand;
  readonly origin: string;
}

/** A file in a unit's `.d` folder. */
export interface DropIn {
  readonly name: string;
  readonly content: string;
}

/** What coreos-cloudinit can do with a unit. */
export type UnitCommand =
  | 'start'
  | 'stop'
  | 'restart'
  | 'reload'
  | 'try-restart'
  | 'reload-or-restart'
  | 'reload-or-try-restart';

/** A user to create, in coreos-cloudinit's keys. */
export interface User {
  readonly name: string;
  /** Hash, as crypt(3) makes it. */
  readonly passwd?: string;
  readonly ssh_authorized_keys?: readonly string[];
  readonly gecos?: string;
  readonly homedir?: string;
  readonly no_create_home?: boolean;
  readonly primary_group?: string;
  readonly groups?: readonly string[];
  readonly no_user_group?: boolean;
  readonly system?: boolean;
  readonly no_log_init?: boolean;
  readonly shell?: string;
  readonly coreos_ssh_import_github?: string;
  readonly coreos_ssh_import_github_users?: readonly string[];
  readonly coreos_ssh_import_url?: string;
}

/**
 * Describes a machine: its profile with the placeholders filled, and what the profile's docker_disk and kubernetes
 * stand for. A file or unit that the profile writes itself changes the one of the same path or name.
 *
 * `join` is what the machine joins its cluster with; without it the files that hold it are left out. `adoptDisk` is true
 * when the Docker disk may be formatted whatever it holds. With `delivery` a worker fetches its keys, before its kubelet
 * starts; the files that hold them are among the node's all the same (see `splitSecrets`). Throws a PlaceholderError that names profile and place when
 * something in the profile can't be filled or becomes unusable by being filled.
 *
 * What `variables` say of mirror and proxy is told to a machine that runs containers, time and names to one whose system
 * has what is told; `preloads` are the archives that the profile has loaded.
 */
export function describeNode(
  profile: Profile,
  variables: Variables,
  join?: JoinMaterial,
  adoptDisk = false,
  delivery?: SecretsDelivery,
  preloads: readonly PreloadedArchive[] = [],
): NodeDescription {
  const { cloudConfig = {}, origins } = profile;
  const document = fill(profile, 'cloud_config', cloudConfig, variables) as Entry;
  const { units, coreos } = splitCoreos((document.coreos ?? NOTHING) as Entry);
  const disk = profile.dockerDisk && filledDisk(profile, profile.dockerDisk, variables);
  const kubernetes = profile.kubernetes && filledKubernetes(profile, profile.kubernetes, variables);
  const family = profile.boot.kind === 'image' ? familyName(profile.boot.image) : '';
  const { mirror, proxy, ntp, resolver } = variables;
  const runsContainers = disk !== undefined || kubernetes !== undefined || preloads.length > 0;
  const sections = combineSections([
    ...(ntp ? [expandTime(ntp, family)] : []),
    ...(resolver ? [expandNames(resolver, family)] : []),
    ...(runsContainers ? [expandEngineSettings({ mirror, proxy, family, hasDisk: disk !== undefined })] : []),
    ...(disk ? [expandDockerDisk(disk, variables, adoptDisk)] : []),
    ...(delivery && kubernetes?.role === 'worker' ? [expandSecrets(delivery)] : []),
    ...(preloads.length > 0
      ? [expandPreload(preloads, kubernetes ? 'containerd' : 'docker', disk !== undefined)]
      : []),
    ...(kubernetes ? [expandKubernetes(kubernetes, variables, join)] : []),
  ]);
  const originOf = (places: ReadonlyMap<string, string> | undefined) => (name: string) =>
    places?.get(name) ?? `profile ${profile.name}`;
  const { hostname } = document;
  return {
    ...(typeof hostname === 'string' && { hostname }),
    ...(document.manage_etc_hosts === 'localhost' && { manageEtcHosts: 'localhost' }),
    sshAuthorizedKeys: (document.ssh_authorized_keys ?? []) as string[],
    users: (document.users ?? []) as User[],
    files: mergeFiles(sections.files, entries(document.write_files), originOf(origins?.files)),
    units: mergeUnits(sections.units, entries(units), originOf(origins?.units)),
    coreos,
    ...(disk && { dockerDisk: disk }),
    adoptDisk,
  };
}

const NOTHING: Entry = lasting({});

/** The units of `coreos:`, and its other sections. */
const splitCoreos = rememberFor(({ units, ...coreos }: Entry) => ({ units, coreos }));

function entries(list: unknown): readonly Entry[] {
  return (list ?? []) as Entry[];
}

function fill(profile: Profile, section: string, value: unknown, variables: Variables): unknown {
  return fillPlaceholders(value, variables, `profile ${profile.name}, ${section}`);
}

function filledDisk(profile: Profile, disk: DockerDisk, variables: Variables): DockerDisk {
  const filled = fill(profile, 'docker_disk', disk, variables) as DockerDisk;
  if (isDevice(filled.device)) return filled;
  throw new PlaceholderError(
    `profile ${profile.name}, docker_disk.device: "${filled.device}" is no disk (expected auto, largest, serial:… or a path below /dev)`,
  );
}

/** What a label or taint has become may be something that the kubelet ends on. */
function filledKubernetes(
  profile: Profile,
  section: ProfileKubernetes,
  variables: Variables,
): ProfileKubernetes {
  const filled = fill(profile, 'kubernetes', section, variables) as ProfileKubernetes;
  const [fault] = findFaults(filled);
  if (!fault) return filled;
  const place = `profile ${profile.name}, ${formatPath(['kubernetes', ...fault.path])}`;
  throw new PlaceholderError(`${place}: ${fault.message} (expected ${fault.expected})`);
}

const findFaults = rememberFor(({ labels, taints }: ProfileKubernetes) =>
  [
    ...Object.entries(labels).map(([key, value]) => ({ path: ['labels', key], ...checkLabelValue(value) })),
    ...taints.map((taint, index) => ({ path: ['taints', index], ...checkTaint(taint) })),
  ].filter(({ message }) => message !== undefined),
);
