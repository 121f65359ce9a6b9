import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Digest } from './digest.ts';

/** Beside an image's files; the HTTP server gives out no name with a dot in front. */
export const MANIFEST = '.rackseed.json';

const MAX_BYTES = 4 * 1024 * 1024;

/** What is known of an image that was pulled or imported. */
export const Manifest = Type.Object({
  /** `flatcar@stable`, or `import`. */
  origin: Type.String(),
  /** When it was published here, ISO 8601. */
  at: Type.String(),
  /** Fingerprint of the primary key that vouches for it. */
  signedBy: Type.Optional(Type.String()),
  files: Type.Array(
    Type.Object({
      /** Path below the image's folder. */
      name: Type.String({ pattern: '^(?!/)(?!(?:.*/)?\\.{1,2}(?:/|$))[^\\0]+$' }),
      size: Type.Integer({ minimum: 0 }),
      digest: Type.Object({
        algorithm: Type.Unsafe<Digest['algorithm']>(Type.Enum(['sha256', 'sha512'])),
        hex: Type.String({ pattern: '^[0-9a-f]+$' }),
      }),
      url: Type.Optional(Type.String()),
    }),
  ),
});
export type Manifest = Static<typeof Manifest>;
export type ManifestFile = Manifest['files'][number];

/**
 * What is known of the image in `folder`; undefined when it was put there by hand. Rejects with an Error when it can't be
 * read.
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, MANIFEST);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!bytes) return undefined;
  const manifest = bytes.length <= MAX_BYTES ? parse(bytes.toString('utf8')) : undefined;
  if (!manifest)
    throw new Error(
      `${path} is damaged: remove it to keep the image as it is, or remove the image and pull it again`,
    );
  return manifest;
}

/** The text of a manifest file. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function parse(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Manifest, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
