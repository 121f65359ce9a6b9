import type { Profile } from '../config/config.ts';
import { formatPath, type Path } from '../config/problem.ts';
import { findDeadlocks } from './deadlocks.ts';
import { rememberFor } from './memory.ts';
import type { NodeDescription, NodeFile, NodeUnit } from './node.ts';
import { fillArguments, PlaceholderError } from './placeholders.ts';
import { writtenDropIns, writtenUnits } from './profile-entries.ts';
import type { Variables } from './variables.ts';
import { dumpYaml } from './yaml.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** What coreos-cloudinit replaces wherever it stands. */
const SUBSTITUTION = /\$(?:public|private)_ipv[46]/;

/**
 * The cloud-config of a machine, for coreos-cloudinit. The first line is exactly `#cloud-config`, without which the
 * document is ignored; keys have underscores, since Flatcar ignores those with hyphens. A node of which nothing is said
 * gives a document that does nothing. Throws a PlaceholderError for what coreos-cloudinit would change or never finish.
 */
export function renderCloudConfig(node: NodeDescription, profile: Profile): string {
  const document = describe(node);
  const text = Object.keys(document).length === 0 ? '' : dumpYaml(document);
  // Most documents have none, which the text tells faster.
  const [substitution] = text.includes('$p') && SUBSTITUTION.test(text) ? walk(document, []) : [];
  if (substitution) {
    const { path, message } = substitution;
    throw new PlaceholderError(`profile ${profile.name}, cloud_config.${formatPath(path)}: ${message}`);
  }
  const [deadlock] = findDeadlocks(node.units);
  if (deadlock) {
    throw new PlaceholderError(`profile ${profile.name}, ${deadlock.unit}: ${explain(deadlock.after)}`);
  }
  return `#cloud-config\n${text}`;
}

/** What of a profile a cloud-config can't express; paths start in the profile. Placeholders need not be filled. */
export function checkCloudConfig(profile: Profile): { path: Path; message: string; expected?: string }[] {
  const units = writtenUnits(profile);
  const described = units.map((unit) => ({
    ...(unit.entry as Pick<NodeUnit, 'name' | 'content' | 'command'>),
    dropIns: writtenDropIns(unit).map(({ entry }) => ({ name: '', content: String(entry.content ?? '') })),
  }));
  return [
    ...findSubstitutions(profile.cloudConfig ?? {}).map(({ path, message }) => ({
      path: ['cloud_config', ...path],
      message,
      expected: '{{ machine.address }}',
    })),
    ...findDeadlocks(described).map(({ unit, after }) => ({
      path: units.find(({ entry }) => entry.name === unit)?.path ?? [],
      message: explain(after),
    })),
  ];
}

/** The profile's kernel arguments with their placeholders filled; none when it boots from disk. */
export function fillArgs(profile: Profile, variables: Variables): string[] {
  if (profile.boot.kind !== 'image') return [];
  return fillArguments(profile.boot.args, variables, `profile ${profile.name}, boot.args`);
}

/**
 * Places of a profile's cloud_config where coreos-cloudinit would replace `$private_ipv4` and its like, textually and
 * before it reads the YAML. On a network boot these variables are empty. The contents of files are out of its reach,
 * because they are sent as base64 where they hold a `$`.
 */
export function findSubstitutions(document: Mapping): { path: Path; message: string }[] {
  const files = document.write_files;
  if (!Array.isArray(files)) return walk(document, []);
  return walk({ ...document, write_files: files.map((file) => ({ ...file, content: '' })) }, []);
}

function walk(value: unknown, path: Path): { path: Path; message: string }[] {
  if (typeof value === 'string') {
    const [variable] = SUBSTITUTION.exec(value) ?? [];
    if (variable === undefined) return [];
    return [{ path, message: `coreos-cloudinit replaces ${variable} by nothing on a network boot` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    walk(child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function explain(after: string): string {
  return `is started after ${after}, which comes only when coreos-cloudinit has ended, and that waits for the unit`;
}

/** The document, in the order in which coreos-cloudinit carries it out. */
function describe(node: NodeDescription): Mapping {
  const { hostname, manageEtcHosts, sshAuthorizedKeys, users, files, units, coreos } = node;
  const sections = { ...coreos, ...(units.length > 0 && { units: units.map((unit) => unitOf(unit)) }) };
  return {
    ...(hostname !== undefined && { hostname }),
    ...(manageEtcHosts !== undefined && { manage_etc_hosts: manageEtcHosts }),
    ...(sshAuthorizedKeys.length > 0 && { ssh_authorized_keys: sshAuthorizedKeys }),
    ...(users.length > 0 && { users }),
    ...(files.length > 0 && { write_files: files.map((file) => fileOf(file)) }),
    ...(Object.keys(sections).length > 0 && { coreos: sections }),
  };
}

const fileOf = rememberFor(({ path, permissions, owner, content }: NodeFile): Mapping => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const text = bytes.toString('latin1');
  return {
    path,
    ...(permissions !== undefined && { permissions }),
    ...(owner !== undefined && { owner }),
    ...(isPlain(text) ? { content: text } : { encoding: 'base64', content: bytes.toString('base64') }),
  };
});

const unitOf = rememberFor(
  ({ name, content, dropIns, enable, mask, runtime, command }: NodeUnit): Mapping => ({
    name,
    ...(mask && { mask }),
    ...(runtime && { runtime }),
    ...(enable && { enable }),
    ...(command !== undefined && { command }),
    ...(content !== undefined && { content }),
    ...(dropIns.length > 0 && { drop_ins: dropIns }),
  }),
);

/**
 * True for text that every YAML parser gives back unchanged and coreos-cloudinit substitutes nothing in: printable
 * ASCII without `$`, no space at the start or at the end of a line, no empty line at the start.
 */
function isPlain(content: string): boolean {
  return /^[\x20-\x23\x25-\x7e\n]*$/.test(content) && !/^[ \n]| (?:\n|$)/.test(content);
}
