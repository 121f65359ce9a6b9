import type { Path } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** Where a value was written. */
export interface Place {
  readonly file: YamlFile;
  readonly path: Path;
}

/** A value put together from several files, every part of which knows where it was written. */
export type Layered =
  | { readonly kind: 'scalar'; readonly place: Place; readonly value: unknown }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly Layered[] }
  | { readonly kind: 'mapping'; readonly place: Place; readonly entries: ReadonlyMap<string, Layered> };

/** Lists whose entries are known by one of their keys, in the vocabulary of cloud-config and Ignition. */
const LIST_KEYS: Readonly<Record<string, string>> = {
  write_files: 'path',
  units: 'name',
  drop_ins: 'name',
  users: 'name',
  files: 'path',
  dropins: 'name',
};

/** `value` as it was written at `path` of `file`. */
export function layer(file: YamlFile, value: unknown, path: Path = []): Layered {
  const place = { file, path };
  if (Array.isArray(value)) {
    return { kind: 'list', place, items: value.map((item, index) => layer(file, item, [...path, index])) };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', place, value };
  const entries = Object.entries(value).map(([key, child]): [string, Layered] => [
    key,
    layer(file, child, [...path, key]),
  ]);
  return { kind: 'mapping', place, entries: new Map(entries) };
}

/**
 * Puts `over` on top of `base`: mappings key by key, the entries of `write_files`, `units`, `drop_ins` and `users` by their
 * path or name, everything else as a whole. New entries of a list come after those of `base`.
 */
export function merge(base: Layered, over: Layered, key = ''): Layered {
  if (base.kind === 'mapping' && over.kind === 'mapping') return mergeMappings(base, over, key);
  const listKey = LIST_KEYS[key];
  if (base.kind !== 'list' || over.kind !== 'list' || listKey === undefined) return over;
  const items = new Map<string, Layered>();
  for (const item of base.items) {
    const id = identityOf(item, listKey);
    if (id === undefined) return over;
    items.set(id, item);
  }
  for (const item of over.items) {
    const id = identityOf(item, listKey);
    if (id === undefined) return over;
    const before = items.get(id);
    items.set(id, before ? merge(before, item, key) : item);
  }
  return { kind: 'list', place: over.place, items: [...items.values()] };
}

type Mapping = Extract<Layered, { kind: 'mapping' }>;

function mergeMappings(base: Mapping, over: Mapping, key: string): Layered {
  const entries = new Map(base.entries);
  for (const name of hiddenBy(over, key)) entries.delete(name);
  for (const [name, child] of over.entries) {
    const before = entries.get(name);
    entries.set(name, before ? merge(before, child, name) : child);
  }
  return { kind: 'mapping', place: over.place, entries };
}

/** Keys of the base that make no sense any more beside those written over it. */
function hiddenBy({ entries }: Mapping, key: string): readonly string[] {
  switch (key) {
    case 'boot':
      if (entries.has('local_disk')) return ['image', 'kernel', 'initrd', 'rootfs', 'args', 'document'];
      return entries.has('image') ? ['local_disk'] : [];
    case 'kubelet':
      return isScalar(entries.get('source'), 'image') ? ['version'] : [];
    case 'write_files':
      // How the base's content was encoded.
      return entries.has('content') ? ['encoding'] : [];
    default:
      return [];
  }
}

function isScalar(part: Layered | undefined, value: string): boolean {
  return part?.kind === 'scalar' && part.value === value;
}

/** What an entry of a list is known by; undefined when it doesn't say. A bare text, as in cloud-init's users, is a name. */
function identityOf(item: Layered, key: string): string | undefined {
  const known = item.kind === 'mapping' ? item.entries.get(key) : item;
  return known?.kind === 'scalar' && typeof known.value === 'string' ? known.value : undefined;
}

/** The entries of lists that have the path or name of an earlier one of the same list. */
export function repeated(value: Layered, key = ''): { readonly name: string; readonly place: Place }[] {
  if (value.kind === 'mapping') {
    return [...value.entries].flatMap(([name, child]) => repeated(child, name));
  }
  if (value.kind !== 'list') return [];
  const inside = value.items.flatMap((item) => repeated(item, key));
  const listKey = LIST_KEYS[key];
  if (listKey === undefined) return inside;
  const seen = new Set<string>();
  const twice = value.items.flatMap((item) => {
    const name = identityOf(item, listKey);
    if (name === undefined) return [];
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const { file, path } = item.place;
    return [{ name, place: { file, path: item.kind === 'mapping' ? [...path, listKey] : path } }];
  });
  return [...inside, ...twice];
}

/** The plain value. */
export function plainValue(layered: Layered): unknown {
  switch (layered.kind) {
    case 'scalar':
      return layered.value;
    case 'list':
      return layered.items.map(plainValue);
    case 'mapping':
      return Object.fromEntries([...layered.entries].map(([key, child]) => [key, plainValue(child)]));
  }
}

/** The part at `path`; undefined when there is none. */
export function partAt(layered: Layered, path: Path): Layered | undefined {
  let part: Layered | undefined = layered;
  for (const step of path) part = childOf(part, step);
  return part;
}

/** Where the value at `path` was written; for one that was not, below the nearest part around it that was. */
export function placeAt(layered: Layered, path: Path): Place {
  let part = layered;
  for (const [index, step] of path.entries()) {
    const child = childOf(part, step);
    if (!child) return { file: part.place.file, path: [...part.place.path, ...path.slice(index)] };
    part = child;
  }
  return part.place;
}

/** The lines from which a part was put together, by file: `profiles/base.yaml:12, profiles/worker.yaml:8`. */
export function sourcesOf(part: Layered): string {
  const lines = new Map<string, number>();
  const visit = (visited: Layered) => {
    const { file, path } = visited.place;
    const line = file.line(path);
    lines.set(file.name, Math.min(line, lines.get(file.name) ?? line));
    if (visited.kind === 'list') visited.items.forEach(visit);
    if (visited.kind === 'mapping') for (const child of visited.entries.values()) visit(child);
  };
  visit(part);
  return [...lines].map(([name, line]) => `${name}:${line}`).join(', ');
}

function childOf(part: Layered | undefined, step: string | number): Layered | undefined {
  if (part?.kind === 'mapping') return part.entries.get(String(step));
  return part?.kind === 'list' && typeof step === 'number' ? part.items[step] : undefined;
}
