import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** The first file of a backup: what is in it, and where it belongs. */
export const MANIFEST = 'manifest.json';
/** The name of the configuration's folder in it. */
export const CONFIG = 'config';

/** The format that this program writes, and the last one that it reads. */
export const FORMAT = 1;

const facts = {
  /** In the archive. */
  name: Type.String({ pattern: '^(?:config|store|files)(?:/(?!\\.{1,2}(?:/|$))[^/\\0]+)*$' }),
  /** Where it belongs, absolute. */
  path: Type.String({ pattern: '^/[^\\0]*$' }),
  mode: Type.Integer({ minimum: 0, maximum: 0o7777 }),
  /** By name, since another host has other numbers; absent for who has no name. */
  owner: Type.Optional(Type.String()),
  group: Type.Optional(Type.String()),
};

const FolderEntry = Type.Object({ type: Type.Literal('folder'), ...facts });
const FileEntry = Type.Object({
  type: Type.Literal('file'),
  ...facts,
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});

/** What a backup tells of itself. */
export const Manifest = Type.Object({
  format: Type.Integer({ minimum: 1 }),
  /** Version of the program that made it. */
  rackseed: Type.String(),
  /** ISO 8601. */
  made: Type.String(),
  /** The folder of the store. */
  store: Type.String({ pattern: '^/[^\\0]*$' }),
  storeVersion: Type.Integer({ minimum: 1 }),
  /** Files and folders: a folder stands before what is in it. */
  entries: Type.Array(Type.Union([FolderEntry, FileEntry])),
});
export type Manifest = Static<typeof Manifest>;
export type Entry = Manifest['entries'][number];
export type FileEntry = Static<typeof FileEntry>;

/** Reads a manifest. Throws an Error for one that is none, or is of a later format. */
export function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('its manifest is no JSON');
  }
  const { format } = (value ?? {}) as { readonly format?: unknown };
  if (typeof format === 'number' && format > FORMAT)
    throw new Error(`a later rackseed has made it (format ${format}, and this one knows ${FORMAT})`);
  if (!Value.Check(Manifest, value)) {
    const [fault] = Value.Errors(Manifest, value);
    throw new Error(`its manifest is damaged: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`.trim());
  }
  return value;
}

/** The files among the entries. */
export function filesOf({ entries }: Manifest): FileEntry[] {
  return entries.filter((entry) => entry.type === 'file');
}
