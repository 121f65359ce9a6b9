import { gunzipSync } from 'node:zlib';
import { rememberFor } from './memory.ts';
import type { DropIn, NodeFile, NodeUnit, UnitCommand } from './node.ts';
import { PlaceholderError } from './placeholders.ts';

/** A map of a profile's document, its types checked against the schema when the profile was loaded. */
export type Entry = Readonly<Record<string, unknown>>;

/**
 * Adds the entries of a `write_files` to files. An entry whose path is there already changes that file: the keys it has
 * replace what was there. `originOf` tells where an entry was
 * written. Throws a PlaceholderError naming the path when a content can't be decoded.
 */
export function mergeFiles(
  files: readonly NodeFile[],
  entries: readonly Entry[],
  originOf: (path: string) => string,
): NodeFile[] {
  const merged = new Map(files.map((file) => [file.path, file]));
  for (const entry of entries) {
    const path = String(entry.path);
    merged.set(path, changedFile(entry, path, merged.get(path), originOf(path)));
  }
  return [...merged.values()];
}

/**
 * Adds the entries of `coreos.units` to units. An entry whose name is there already changes that unit, where it stands:
 * the keys it has replace what was there, its drop-ins those of the same name.
 */
export function mergeUnits(
  units: readonly NodeUnit[],
  entries: readonly Entry[],
  originOf: (name: string) => string,
): NodeUnit[] {
  const merged = new Map(units.map((unit) => [unit.name, unit]));
  for (const entry of entries) {
    const name = String(entry.name);
    merged.set(name, changedUnit(entry, name, merged.get(name), originOf(name)));
  }
  return [...merged.values()];
}

const changedFile = rememberFor(
  (entry: Entry, path: string, before: NodeFile | undefined, origin: string): NodeFile => {
    const owner = (entry.owner as string | undefined) ?? before?.owner;
    const permissions = fileMode(entry.permissions) ?? before?.permissions;
    return {
      path,
      content:
        entry.content === undefined && before
          ? before.content
          : decode(path, String(entry.content ?? ''), entry.encoding),
      ...(permissions !== undefined && { permissions }),
      ...(owner !== undefined && { owner }),
      origin: changedBy(before, origin),
      secret: before?.secret ?? false,
    };
  },
);

const changedUnit = rememberFor(
  (entry: Entry, name: string, before: NodeUnit | undefined, origin: string): NodeUnit => {
    const content = (entry.content as string | undefined) ?? before?.content;
    const command = (entry.command as UnitCommand | undefined) ?? before?.command;
    const flag = (key: 'enable' | 'mask' | 'runtime') =>
      (entry[key] as boolean | undefined) ?? before?.[key] ?? false;
    const dropIns = new Map(before?.dropIns.map((dropIn) => [dropIn.name, dropIn]));
    for (const dropIn of (entry.drop_ins ?? []) as readonly Partial<DropIn>[]) {
      const file = String(dropIn.name);
      dropIns.set(file, { name: file, content: dropIn.content ?? '' });
    }
    return {
      name,
      ...(content !== undefined && { content }),
      dropIns: [...dropIns.values()],
      enable: flag('enable'),
      mask: flag('mask'),
      runtime: flag('runtime'),
      ...(command !== undefined && { command }),
      origin: changedBy(before, origin),
    };
  },
);

/** `docker_disk, changed by profiles/worker.yaml:12` */
function changedBy(before: { readonly origin: string } | undefined, origin: string): string {
  return before && before.origin !== origin ? `${before.origin}, changed by ${origin}` : origin;
}

function fileMode(permissions: unknown): string | undefined {
  if (permissions === undefined) return undefined;
  return String(permissions).padStart(4, '0');
}

/** What coreos-cloudinit would write for a content and its `encoding`. */
function decode(path: string, content: string, encoding: unknown): Uint8Array {
  if (encoding === undefined || encoding === '') return Buffer.from(content);
  const steps = String(encoding).split('+');
  const packed = steps.some((step) => step === 'base64' || step === 'b64')
    ? Buffer.from(content, 'base64')
    : Buffer.from(content);
  if (!steps.some((step) => step === 'gz' || step === 'gzip')) return packed;
  try {
    return gunzipSync(packed);
  } catch (error) {
    throw new PlaceholderError(
      `write_files, ${path}: the content is not ${encoding}: ${(error as Error).message}`,
    );
  }
}
