import { gzipSync } from 'node:zlib';
import type { Profile } from '../config/config.ts';
import { familyName } from '../config/image-family.ts';
import { formatPath } from '../config/problem.ts';
import { expandCoreosSections } from './coreos-sections.ts';
import { mergeIgnition, type Table } from './ignition-merge.ts';
import { DEFAULT_IGNITION_VERSION, type IgnitionVersion, newestKey } from './ignition-spec.ts';
import { stringifyEntries } from './json.ts';
import { rememberFor } from './memory.ts';
import { withMountUnits } from './mount-units.ts';
import { isNetworkUnit } from './network-unit.ts';
import type { NodeDescription, NodeFile, NodeUnit, User } from './node.ts';

/** A configuration says something that the version asked for can't. */
export class IgnitionVersionError extends Error {
  override name = 'IgnitionVersionError';
}

/**
 * The Ignition configuration of a machine: JSON on one line, the same for the same node. The profile's `ignition` fragment,
 * whose placeholders must be filled, is laid over what the node description gives; file systems in it get their mount units.
 * Throws an IgnitionVersionError when the fragment needs a newer version than `version`.
 *
 * Everything is written before systemd starts, on each boot. What that makes different from a cloud-config:
 * - Units start in the order their `After=` and `Requires=` say, not in that of the list. One with `command: start` (or
 *   restart, reload-or-restart) is wanted by multi-user.target through a link, which needs no [Install] section and works
 *   for units of the image too; `enable: true` is Ignition's `enabled`. Reloading or restarting what runs already has
 *   no meaning: nothing runs yet.
 * - `runtime` units lie in /etc like the others; the next boot begins without either.
 * - The Docker disk is formatted by the script and units that every format shares, not by `storage.filesystems`. That
 *   section can keep a file system with our label, data and all, or wipe the disk whatever it holds, but not what is wanted:
 *   format a disk that is blank or ours, and leave any other alone. And where it refuses a disk, Ignition fails
 *   the boot, over and over, instead of reporting it. Profiles that want it say so in their `ignition` fragment.
 */
export function renderIgnition(
  node: NodeDescription,
  profile: Profile,
  version: IgnitionVersion = DEFAULT_IGNITION_VERSION,
): string {
  const described = describe(expandCoreosSections(node, updateFolder(profile)));
  const config = withMountUnits(profile.ignition ? mergeIgnition(described, profile.ignition) : described);
  // Nothing but the fragment can ask for a newer version; where it stands in the whole is for people.
  const newest = needsNewer(profile.ignition, version) ? newestKey(config) : undefined;
  if (newest) {
    throw new IgnitionVersionError(
      `profile ${profile.name}, ignition.${formatPath(newest.path)} needs Ignition ${newest.since}, the machine asks for ${version}`,
    );
  }
  return stringifyEntries(inOrder({ ...config, ignition: { ...asTable(config.ignition), version } }));
}

const needsNewer = (fragment: Profile['ignition'], version: IgnitionVersion): boolean => {
  const since = fragment && newestOf(fragment)?.since;
  return since !== undefined && since > version;
};

const newestOf = rememberFor((fragment: Table) => newestKey(fragment));

/** Container Linux and Flatcar each have their own folder for update.conf. */
function updateFolder({ boot }: Profile): string {
  return boot.kind === 'image' && familyName(boot.image) === 'coreos' ? '/etc/coreos' : '/etc/flatcar';
}

function describe(node: NodeDescription): Table {
  const masked = node.units.filter(({ mask }) => mask);
  const units = node.units.filter(({ mask, name }) => !mask && !isNetworkUnit(name));
  const network = node.units.filter(({ mask, name }) => !mask && isNetworkUnit(name));
  return section({
    passwd: section({ users: usersOf(node) }),
    storage: section({
      files: [...implicitFiles(node), ...node.files, ...network.flatMap(networkFiles)].map((file) =>
        fileOf(file),
      ),
      links: [
        ...masked
          .filter(({ name }) => isNetworkUnit(name))
          .map(({ name }) => link(networkPath(name), '/dev/null')),
        ...units.filter(isStarted).map((unit) => wantsLink(unit)),
      ],
    }),
    systemd: section({
      units: [
        ...units.map((unit) => unitOf(unit)),
        ...masked.filter(({ name }) => !isNetworkUnit(name)).map(maskOf),
      ],
    }),
  });
}

/** The entries that say something, undefined when none does. */
function section(entries: Table): Table {
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) =>
      Array.isArray(value) ? value.length > 0 : value !== undefined && Object.keys(asTable(value)).length > 0,
    ),
  );
}

// --- users ---

function usersOf({ users, sshAuthorizedKeys }: NodeDescription): Table[] {
  if (sshAuthorizedKeys.length === 0) return users.map(userOf);
  const core = users.find(({ name }) => name === 'core') ?? { name: 'core' };
  const keys = [...new Set([...sshAuthorizedKeys, ...(core.ssh_authorized_keys ?? [])])];
  return [{ ...core, ssh_authorized_keys: keys }, ...users.filter((user) => user !== core)].map(userOf);
}

function userOf(user: User): Table {
  return known({
    name: user.name,
    passwordHash: user.passwd,
    sshAuthorizedKeys: user.ssh_authorized_keys && [...new Set(user.ssh_authorized_keys)],
    gecos: user.gecos,
    homeDir: user.homedir,
    noCreateHome: user.no_create_home,
    primaryGroup: user.primary_group,
    groups: user.groups && [...new Set(user.groups)],
    noUserGroup: user.no_user_group,
    noLogInit: user.no_log_init,
    shell: user.shell,
    system: user.system,
  });
}

// --- files ---

/** The files that coreos-cloudinit makes of `hostname` and `manage_etc_hosts`, unless the node writes them itself. */
function implicitFiles({ hostname, manageEtcHosts, files }: NodeDescription): NodeFile[] {
  if (hostname === undefined) return [];
  const written = new Set(files.map(({ path }) => path));
  const hosts = `127.0.0.1 localhost\n::1 localhost\n127.0.0.1 ${hostname}\n`;
  return [
    textFile('/etc/hostname', `${hostname}\n`, 'hostname'),
    ...(manageEtcHosts ? [textFile('/etc/hosts', hosts, 'manage_etc_hosts')] : []),
  ].filter(({ path }) => !written.has(path));
}

function textFile(path: string, content: string, origin: string): NodeFile {
  return { path, content: Buffer.from(content), origin, secret: false };
}

const fileOf = rememberFor((file: NodeFile): Table => {
  const { path, permissions = '0644', owner } = file;
  const [user, group] = owner?.split(':') ?? [];
  return {
    path,
    overwrite: true,
    ...(user && { user: accountOf(user) }),
    ...(group && { group: accountOf(group) }),
    contents: contentsOf(file),
    mode: Number.parseInt(permissions, 8),
  };
});

function accountOf(name: string): Table {
  return /^\d+$/.test(name) ? { id: Number(name) } : { name };
}

/** A file is sent compressed when that saves as many bytes; below it, being able to read the document is worth more. */
const WORTHWHILE = 1024;

function contentsOf({ content, secret }: NodeFile): Table {
  const plain = dataUrl(content);
  // Keys are other for each machine, and hardly shrink.
  if (plain.length <= WORTHWHILE || secret) return { source: plain };
  const compressed = dataUrl(gzipSync(content, { level: 9 }));
  if (plain.length - compressed.length < WORTHWHILE) return { source: plain };
  return { source: compressed, compression: 'gzip' };
}

function dataUrl(content: Uint8Array): string {
  return content.length === 0 ? 'data:,' : `data:;base64,${Buffer.from(content).toString('base64')}`;
}

// --- units ---

const STARTING: ReadonlySet<string | undefined> = new Set<NodeUnit['command']>([
  'start',
  'restart',
  'reload-or-restart',
]);

function isStarted({ command }: NodeUnit): boolean {
  return STARTING.has(command);
}

const unitOf = rememberFor(
  ({ name, enable, content, dropIns }: NodeUnit): Table =>
    known({
      name,
      enabled: enable || undefined,
      contents: content,
      dropins:
        dropIns.length > 0
          ? dropIns.map((dropIn) => ({ name: dropIn.name, contents: dropIn.content }))
          : undefined,
    }),
);

function maskOf({ name }: NodeUnit): Table {
  return { name, mask: true };
}

/** Makes multi-user.target want the unit. systemd goes by the link's name, so it may point to where nothing is. */
const wantsLink = rememberFor(({ name, content }: NodeUnit): Table => {
  const file =
    content === undefined
      ? `/usr/lib/systemd/system/${name.replace(/@.*\./, '@.')}`
      : `/etc/systemd/system/${name}`;
  return link(`/etc/systemd/system/multi-user.target.wants/${name}`, file);
});

function link(path: string, target: string): Table {
  return { path, overwrite: true, target };
}

function networkPath(name: string): string {
  return `/etc/systemd/network/${name}`;
}

function networkFiles({ name, content, dropIns, origin }: NodeUnit): NodeFile[] {
  return [
    ...(content === undefined ? [] : [textFile(networkPath(name), content, origin)]),
    ...dropIns.map((dropIn) => textFile(`${networkPath(name)}.d/${dropIn.name}`, dropIn.content, origin)),
  ];
}

// --- values ---

const SECTIONS = ['ignition', 'passwd', 'storage', 'systemd'];

/** The sections of a configuration in the specification's order. */
function inOrder(config: Table): Table {
  return Object.fromEntries(
    SECTIONS.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]])),
  );
}

function known(entries: Table): Table {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

function asTable(value: unknown): Table {
  return typeof value === 'object' && value !== null ? (value as Table) : {};
}
