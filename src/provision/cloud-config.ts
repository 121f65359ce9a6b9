import { dump } from 'js-yaml';
import type { Profile } from '../config/config.ts';
import { formatPath, type Path } from '../config/problem.ts';
import { fillArguments, fillPlaceholders, PlaceholderError } from './placeholders.ts';
import type { Variables } from './variables.ts';

/**
 * The cloud-config of a machine, for coreos-cloudinit: the profile's document with its placeholders filled. The first
 * line is exactly `#cloud-config`, without which the document is ignored. Throws a PlaceholderError that names profile
 * and path when a variable is missing. A profile without a document gives one that does nothing.
 */
export function renderCloudConfig(profile: Profile, variables: Variables): string {
  if (!profile.cloudConfig) return '#cloud-config\n';
  const where = `profile ${profile.name}, cloud_config`;
  const filled = fillPlaceholders(profile.cloudConfig, variables, where) as Record<string, unknown>;
  const document = withSafeFiles(filled);
  const [substitution] = findSubstitutions(document);
  if (substitution)
    throw new PlaceholderError(`${where}.${formatPath(substitution.path)}: ${substitution.message}`);
  return `#cloud-config\n${dump(document, { lineWidth: -1, noRefs: true })}`;
}

/** The profile's kernel arguments with their placeholders filled; none when it boots from disk. */
export function fillArgs(profile: Profile, variables: Variables): string[] {
  if (profile.boot.kind !== 'image') return [];
  return fillArguments(profile.boot.args, variables, `profile ${profile.name}, boot.args`);
}

/**
 * Places where coreos-cloudinit would replace `$private_ipv4` and its like, textually and before it reads the YAML. On
 * a network boot these variables are empty. Files whose content is sent as base64 are out of its reach.
 */
export function findSubstitutions(
  document: Readonly<Record<string, unknown>>,
): { path: Path; message: string }[] {
  return walk(withSafeFiles(document), []);
}

function walk(value: unknown, path: Path): { path: Path; message: string }[] {
  if (typeof value === 'string') {
    const [variable] = /\$(?:public|private)_ipv[46]/.exec(value) ?? [];
    if (variable === undefined) return [];
    return [{ path, message: `coreos-cloudinit replaces ${variable} by nothing on a network boot` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    walk(child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** The document with every entry of write_files in the form that survives the journey. */
function withSafeFiles(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const files = document.write_files;
  return Array.isArray(files) ? { ...document, write_files: files.map(safeFile) } : document;
}

function safeFile(file: unknown): unknown {
  if (typeof file !== 'object' || file === null) return file;
  const safe: Record<string, unknown> = { ...file };
  if (typeof safe.permissions === 'number') safe.permissions = String(safe.permissions).padStart(4, '0');
  if (typeof safe.content === 'string' && safe.encoding === undefined && !isPlain(safe.content)) {
    safe.content = Buffer.from(safe.content).toString('base64');
    safe.encoding = 'base64';
  }
  return safe;
}

/**
 * True for text that every YAML parser gives back unchanged and coreos-cloudinit substitutes nothing in: printable
 * ASCII without `$`, no space at the start or at the end of a line, no empty line at the start.
 */
function isPlain(content: string): boolean {
  return /^[\x20-\x23\x25-\x7e\n]*$/.test(content) && !/^[ \n]| (?:\n|$)/.test(content);
}
