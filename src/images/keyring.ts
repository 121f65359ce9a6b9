import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublicKey } from 'openpgp';
import type { ImageSettings, SignedFamily } from '../config/config.ts';
import { fingerprintOf, readPublicKeys } from './signature.ts';

/** More than any key has, with hundreds of signatures of others on it, bytes. */
const MAX_KEY_FILE = 4 * 1024 * 1024;

/** Where each family publishes its key. */
const PUBLISHED: Readonly<Record<SignedFamily, string>> = {
  flatcar: 'https://www.flatcar.org/security/image-signing-key/Flatcar_Image_Signing_Key.asc',
  coreos: 'https://coreos.com/security/image-signing-key/CoreOS_Image_Signing_Key.asc, or a keyserver',
  'fedora-coreos': 'https://fedoraproject.org/fedora.gpg',
};

type KeySettings = Pick<ImageSettings, 'keys' | 'keyDirectory'>;

/**
 * The keys that may sign a family's releases: those in the keys folder whose fingerprint the configuration names. Rejects with
 * an Error that tells how to add one when there is none.
 */
export async function keysFor(
  family: SignedFamily,
  { keys, keyDirectory }: KeySettings,
): Promise<PublicKey[]> {
  const pinned = keys[family];
  if (pinned.length === 0) {
    throw new Error(
      `nobody may sign ${family} images: name the fingerprint of a key in rackseed.yaml, images.keys.${keyOf(family)}`,
    );
  }
  const found = (await readKeyFolder(keyDirectory)).filter((key) => pinned.includes(fingerprintOf(key)));
  if (found.length > 0) return found;
  throw new Error(
    `the key that signs ${family} images (${pinned.join(' or ')}) isn't here yet: get it from ${PUBLISHED[family]}, ` +
      'then "rackseed images key add FILE"',
  );
}

/** A key that was added, and what it may sign. */
export interface AddedKey {
  readonly fingerprint: string;
  readonly families: readonly SignedFamily[];
  readonly path: string;
}

/**
 * Puts the keys of a file into the keys folder, in place of older copies of them. Only such as the configuration names by
 * fingerprint: the file may come from anywhere. Rejects with an Error when the file has none of these.
 */
export async function addKeys(file: string, { keys, keyDirectory }: KeySettings): Promise<AddedKey[]> {
  const found = await readKeyFile(file);
  const added: AddedKey[] = [];
  for (const key of found) {
    const fingerprint = fingerprintOf(key);
    const families = familiesOf(fingerprint, keys);
    if (families.length === 0) continue;
    const path = join(keyDirectory, `${fingerprint}.asc`);
    await mkdir(keyDirectory, { recursive: true });
    await writeFile(`${path}.new`, key.armor(), { mode: 0o644 });
    await rename(`${path}.new`, path);
    added.push({ fingerprint, families, path });
  }
  if (added.length > 0) return added;
  throw new Error(
    `${file} holds ${found.map(fingerprintOf).join(', ')}, which may sign nothing here. If you are sure whose key it is, ` +
      'name that fingerprint in rackseed.yaml, images.keys, first',
  );
}

/** A key that the configuration names. */
export interface PinnedKey {
  readonly family: SignedFamily;
  readonly fingerprint: string;
  /** Whose it says it is; undefined when the key isn't here yet. */
  readonly user?: string;
}

/** The keys that the configuration names, and which of them are here. */
export async function pinnedKeys({ keys, keyDirectory }: KeySettings): Promise<PinnedKey[]> {
  const here = new Map((await readKeyFolder(keyDirectory)).map((key) => [fingerprintOf(key), key]));
  return (Object.keys(keys) as SignedFamily[]).flatMap((family) =>
    keys[family].map((fingerprint) => {
      const key = here.get(fingerprint);
      return { family, fingerprint, ...(key && { user: key.getUserIDs()[0] ?? 'a key without a name' }) };
    }),
  );
}

function familiesOf(fingerprint: string, keys: ImageSettings['keys']): SignedFamily[] {
  return (Object.keys(keys) as SignedFamily[]).filter((family) => keys[family].includes(fingerprint));
}

async function readKeyFolder(folder: string): Promise<PublicKey[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => /^[^.].*\.(?:asc|gpg|pgp)$/.test(name)).sort();
  return (await Promise.all(files.map((name) => readKeyFile(join(folder, name))))).flat();
}

async function readKeyFile(path: string): Promise<PublicKey[]> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_KEY_FILE) throw new Error(`it is ${bytes.length} bytes long`);
    return await readPublicKeys(bytes);
  } catch (error) {
    throw new Error(`the key file ${path} can't be used: ${(error as Error).message}`);
  }
}

function keyOf(family: SignedFamily): string {
  return family.replaceAll('-', '_');
}
