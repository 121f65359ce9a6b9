import { createHash } from 'node:crypto';
import type { Profile } from '../config/config.ts';
import type { Entry } from './entries.ts';
import { rememberFor } from './memory.ts';
import { isNetworkUnit } from './network-unit.ts';
import type { NodeDescription, NodeFile, NodeUnit, User } from './node.ts';
import { dumpYaml } from './yaml.ts';

/** What cloud-init's NoCloud source asks a web server for, by the names it asks for. */
export const CLOUD_INIT_FILES = ['user-data', 'meta-data', 'vendor-data', 'network-config'] as const;

export type CloudInitFile = (typeof CLOUD_INIT_FILES)[number];

/** The documents of a machine that runs cloud-init. */
export interface CloudInitDocuments {
  /** A cloud-config; begins with the line `#cloud-config`. */
  readonly userData: string;
  /** YAML. */
  readonly metaData: string;
  readonly vendorData: string;
  /** YAML, version 2. Releases before 24.3 never ask for it. */
  readonly networkConfig: string;
}

/** What is known of the machine beside its node description. */
export interface CloudInitMachine {
  /** `52:54:00:12:34:56` */
  readonly mac: string;
  /** Its name when the profile gives it none. */
  readonly hostname: string;
  /** Domain of its network. */
  readonly domain?: string;
}

/**
 * The documents of a machine for cloud-init. The profile's `cloud_init` fragment, whose placeholders must be filled, is laid
 * over what the node description gives: commands come after ours, files by path and users by name replace ours, mappings
 * are merged key by key, anything else is replaced.
 *
 * Units are written as files, then cloud-init's `runcmd` reloads systemd, enables them, and runs their commands in the order
 * of the list. Like coreos-cloudinit it goes on when one fails, and unlike it when one doesn't exist; none is waited for
 * longer than five minutes.
 */
export function renderCloudInit(
  node: NodeDescription,
  profile: Profile,
  machine: CloudInitMachine,
): CloudInitDocuments {
  const mergeFragment = (document: Entry) =>
    `#cloud-config\n${dumpYaml(mergeCloudConfig(document, profile.cloudInit ?? {}))}`;
  // Each is asked for by itself, so none is written for another's sake.
  return {
    get userData() {
      return mergeFragment(describe(node, machine));
    },
    get metaData() {
      const publicFiles = node.files.filter(({ secret }) => !secret);
      const identity = mergeFragment(describe({ ...node, files: publicFiles }, machine));
      return dumpYaml({
        // A new id makes cloud-init begin anew on a disk that knows the machine. Keys, which differ each time, don't count.
        'instance-id': `${machine.mac.replaceAll(':', '-')}-${digest(identity)}`,
        'local-hostname': node.hostname ?? machine.hostname,
      });
    },
    vendorData: '',
    get networkConfig() {
      return dumpYaml({
        version: 2,
        ethernets: {
          boot: { match: { macaddress: machine.mac }, dhcp4: true, 'dhcp-identifier': 'mac' },
        },
      });
    },
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function describe(node: NodeDescription, { domain }: CloudInitMachine): Entry {
  const { hostname } = node;
  const users = usersOf(node);
  const files = [...node.files, ...node.units.flatMap((unit) => unitFiles(unit))].map((file) => fileOf(file));
  const commands = commandsOf(node.units);
  return {
    ...(hostname !== undefined && {
      hostname,
      ...(domain !== undefined && !hostname.includes('.') && { fqdn: `${hostname}.${domain}` }),
    }),
    ...(node.manageEtcHosts && { manage_etc_hosts: node.manageEtcHosts }),
    // The image's own user stays what it is.
    ...(users.length > 0 && { users: ['default', ...users] }),
    ...(files.length > 0 && { write_files: files }),
    ...(commands.length > 0 && { runcmd: commands }),
  };
}

// --- users ---

/** CoreOS's own user: on it, who has a key of core's is an administrator. Other images have no such user. */
const CORE = { name: 'core', shell: '/bin/bash', sudo: 'ALL=(ALL) NOPASSWD:ALL' };

function usersOf({ users, sshAuthorizedKeys }: NodeDescription): Entry[] {
  const core = users.find(({ name }) => name === 'core');
  const others = users.filter((user) => user !== core).map((user) => userOf(user));
  return core || sshAuthorizedKeys.length > 0 ? [coreOf(sshAuthorizedKeys, core), ...others] : others;
}

const coreOf = rememberFor((sshAuthorizedKeys: readonly string[], core: User | undefined): Entry => {
  const keys = [...new Set([...sshAuthorizedKeys, ...(core?.ssh_authorized_keys ?? [])])];
  return { ...CORE, ...userOf({ ...core, name: 'core', ssh_authorized_keys: keys }) };
});

const userOf = rememberFor((user: User): Entry => {
  const { name, passwd, ssh_authorized_keys: keys = [], groups = [] } = user;
  const { gecos, homedir, no_create_home, primary_group, no_user_group, system, no_log_init, shell } = user;
  return Object.fromEntries(
    Object.entries({
      name,
      gecos,
      // Set for a user that the image has already, too.
      hashed_passwd: passwd,
      lock_passwd: passwd === undefined ? undefined : false,
      ssh_authorized_keys: keys.length > 0 ? keys : undefined,
      primary_group,
      groups: groups.length > 0 ? groups : undefined,
      homedir,
      no_create_home,
      no_user_group,
      system,
      no_log_init,
      shell,
    }).filter(([, value]) => value !== undefined),
  );
});

// --- files ---

const fileOf = rememberFor(({ path, content, permissions = '0644', owner }: NodeFile): Entry => {
  const text = plainText(content);
  return {
    path,
    permissions,
    ...(owner !== undefined && { owner }),
    // cloud-init writes files before it creates users, unless they are deferred.
    ...(owner !== undefined && !/^(?:root)?(?::(?:root)?)?$/.test(owner) && { defer: true }),
    ...(text === undefined
      ? { encoding: 'b64', content: Buffer.from(content).toString('base64') }
      : { content: text }),
  };
});

/**
 * Content that every YAML parser gives back unchanged and people can read: printable ASCII, no space at the start or at the
 * end of a line, no empty line at the start. Undefined for any other.
 */
function plainText(content: Uint8Array): string | undefined {
  const text = Buffer.from(content).toString('latin1');
  return /^[\x20-\x7e\n]*$/.test(text) && !/^[ \n]| (?:\n|$)/.test(text) ? text : undefined;
}

// --- units ---

const unitFiles = rememberFor(
  ({ name, content, dropIns, mask, runtime, origin }: NodeUnit): readonly NodeFile[] => {
    if (mask) return [];
    const folder = `${runtime ? '/run' : '/etc'}/systemd/${isNetworkUnit(name) ? 'network' : 'system'}`;
    const file = (path: string, text: string) => ({
      path: `${folder}/${path}`,
      content: Buffer.from(text),
      origin,
      secret: false,
    });
    return [
      ...(content === undefined ? [] : [file(name, content)]),
      ...dropIns.map((dropIn) => file(`${name}.d/${dropIn.name}`, dropIn.content)),
    ];
  },
);

/** Longest wait for one command, seconds. */
const PATIENCE = '300';

function commandsOf(all: readonly NodeUnit[]): string[][] {
  const units = all.filter(({ name }) => !isNetworkUnit(name));
  const named = (wanted: (unit: NodeUnit) => boolean) => units.filter(wanted).map(({ name }) => name);
  const systemctl = (options: readonly string[], names: readonly string[]) =>
    names.length > 0 ? [['systemctl', ...options, ...names]] : [];
  return [
    ...(units.length > 0 ? [['systemctl', 'daemon-reload']] : []),
    ...systemctl(
      ['mask'],
      named(({ mask, runtime }) => mask && !runtime),
    ),
    ...systemctl(
      ['mask', '--runtime'],
      named(({ mask, runtime }) => mask && runtime),
    ),
    ...systemctl(
      ['enable'],
      named(({ enable, mask, runtime }) => enable && !mask && !runtime),
    ),
    ...systemctl(
      ['enable', '--runtime'],
      named(({ enable, mask, runtime }) => enable && !mask && runtime),
    ),
    ...(units.length < all.length ? [['systemctl', 'try-restart', 'systemd-networkd.service']] : []),
    ...units.flatMap(({ command, name }) =>
      command === undefined ? [] : [['timeout', PATIENCE, 'systemctl', command, name]],
    ),
  ];
}

// --- the fragment ---

/** Lists of commands: those of the fragment come after ours. */
const APPENDED = new Set(['bootcmd', 'runcmd']);

/** Lists whose entries are told apart by one of their keys. */
const KEYED: Readonly<Record<string, string>> = { write_files: 'path', users: 'name' };

function mergeCloudConfig(document: Entry, fragment: Entry): Entry {
  const merged: Record<string, unknown> = { ...document };
  for (const [key, value] of Object.entries(fragment)) {
    const before = document[key];
    if (Array.isArray(before) && Array.isArray(value) && APPENDED.has(key))
      merged[key] = [...before, ...value];
    else if (Array.isArray(before) && Array.isArray(value) && KEYED[key]) {
      merged[key] = mergeEntries(before, value, KEYED[key]);
    } else merged[key] = mergeValue(before, value);
  }
  return merged;
}

function mergeEntries(before: readonly unknown[], over: readonly unknown[], key: string): unknown[] {
  const nameOf = (entry: unknown) => (isEntry(entry) ? entry[key] : entry);
  const merged = new Map(before.map((entry) => [nameOf(entry), entry]));
  for (const entry of over) merged.set(nameOf(entry), entry);
  return [...merged.values()];
}

function mergeValue(before: unknown, over: unknown): unknown {
  if (!isEntry(before) || !isEntry(over)) return over;
  const keys = new Set([...Object.keys(before), ...Object.keys(over)]);
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      Object.hasOwn(over, key) ? mergeValue(before[key], over[key]) : before[key],
    ]),
  );
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
