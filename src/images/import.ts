import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { PublicKey } from 'openpgp';
import type { ImageSettings } from '../config/config.ts';
import { findInDigests, hashFile, sameDigest } from './digest.ts';
import { publishFolder, stagingFolder, withImageLock } from './folders.ts';
import { keysFor } from './keyring.ts';
import { describe } from './pull.ts';
import { isVoucher, recognize, signedFamily } from './recognize.ts';
import { isImageName } from './request.ts';
import { verifyBytes, verifyFile } from './signature.ts';

/** More than any signature or list of digests has, bytes. */
const MAX_VOUCHER = 1024 * 1024;

/** What to import, and as what. */
export interface ImportRequest {
  /** A folder, or files. */
  readonly paths: readonly string[];
  /** `coreos/2512.3.0`; undefined to find out by the files' names. */
  readonly as?: string | undefined;
  /** Take what nobody has signed, though releases of the family are. */
  readonly unsigned: boolean;
}

/** What was imported. */
export interface Imported {
  readonly image: string;
  readonly files: readonly string[];
  readonly signedBy?: string;
}

/**
 * Copies an image's files below assets/, after checking the signatures that lie beside them (`FILE.DIGESTS` with
 * `FILE.DIGESTS.sig`, or `FILE.sig`). It appears all at once. Rejects with an Error for people, and nothing is changed then.
 */
export async function importImage(
  request: ImportRequest,
  { assets, settings }: { readonly assets: string; readonly settings: ImageSettings },
): Promise<Imported> {
  const all = await collect(request.paths);
  const files = all.filter((path) => !isVoucher(path) && basename(path) !== 'version.txt');
  if (files.length === 0) throw new Error(`there is nothing to import in ${request.paths.join(', ')}`);
  const { image, aliases } = await nameOf(request, files, all);
  const family = signedFamily(image);
  const keys = family && !request.unsigned ? await keysFor(family, settings) : undefined;

  return withImageLock(assets, image, async () => {
    const folder = join(assets, image);
    if (await stat(folder).catch(() => undefined)) {
      throw new Error(
        `${image} is here already and was left as it is: "rackseed images remove ${image}" first`,
      );
    }
    const staging = stagingFolder(assets, image);
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
    try {
      const signers = new Set<string>();
      for (const path of files) {
        const copy = join(staging, basename(path));
        await copyFile(path, copy, constants.COPYFILE_FICLONE);
        if (keys) signers.add(await verifyCopy(path, copy, keys));
        const alias = aliases.get(basename(path));
        if (alias !== undefined) await symlink(basename(path), join(staging, alias));
      }
      const names = files.map((path) => basename(path)).sort();
      const signedBy = [...signers].join(', ');
      await publishFolder(staging, folder, {
        origin: 'import',
        at: new Date().toISOString(),
        ...(keys && { signedBy }),
        files: await Promise.all(names.map((name) => describe(staging, name))),
      });
      return { image, files: names, ...(keys && { signedBy }) };
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      throw explain(error as NodeJS.ErrnoException, assets);
    }
  });
}

/** The files that paths name: themselves, or what lies in a folder. */
async function collect(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths.map((written) => resolve(written))) {
    const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new Error(
        `${path} can't be read: ${error.code === 'ENOENT' ? 'there is no such file or folder' : error.message}`,
      );
    });
    if (facts.isFile()) found.push(path);
    if (!facts.isDirectory()) continue;
    for (const name of (await readdir(path)).sort()) {
      const inside = join(path, name);
      if (!name.startsWith('.') && (await stat(inside)).isFile()) found.push(inside);
    }
  }
  const names = found.map((path) => basename(path));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two of the files are called ${twice}`);
  return found;
}

async function nameOf({ as }: ImportRequest, files: readonly string[], all: readonly string[]) {
  const versionFile = all.find((path) => basename(path) === 'version.txt');
  const versionText = versionFile === undefined ? undefined : (await readSmall(versionFile)).toString('utf8');
  const recognized = recognize(
    files.map((path) => basename(path)),
    versionText,
  );
  const aliases = recognized?.aliases ?? new Map<string, string>();
  if (as !== undefined) {
    if (isImageName(as)) return { image: as, aliases };
    throw new Error(`"${as}" can't be the name of an image: write family and version, as in --as debian/13`);
  }
  const { family, version } = recognized ?? {};
  if (family === undefined)
    throw new Error('the names of these files say nothing: tell what they are, as in --as debian/13');
  if (version === undefined) {
    throw new Error(
      `this is ${family}, but neither a name nor a version.txt beside them tells the version: as in --as ${family}/2512.3.0`,
    );
  }
  return { image: `${family}/${version}`, aliases };
}

/**
 * Checks the copy of a file, so that nothing can change between the check and the use; gives who signed it. Throws an Error
 * when nobody did who may.
 */
async function verifyCopy(path: string, copy: string, keys: readonly PublicKey[]): Promise<string> {
  const untrusted = (file: string, why: string) =>
    new Error(`${file} can't be trusted: ${why}. Nothing was imported`);
  const digests = await readIfThere(`${path}.DIGESTS`);
  const digestsSignature = digests && (await readIfThere(`${path}.DIGESTS.sig`));
  if (digests && digestsSignature) {
    const signer = await verifyBytes(digests, digestsSignature, keys).catch((error: Error) => {
      throw untrusted(`${path}.DIGESTS`, error.message);
    });
    const expected = findInDigests(digests.toString('utf8'), [basename(path)]);
    if (!expected) throw untrusted(path, 'its DIGESTS has no SHA-512 of it');
    if (sameDigest(await hashFile(copy, 'sha512'), expected)) return signer;
    throw untrusted(path, 'it is not what its DIGESTS says');
  }
  const signature = await readIfThere(`${path}.sig`);
  if (!signature) {
    throw untrusted(
      path,
      `neither ${basename(path)}.sig nor ${basename(path)}.DIGESTS with its .sig lies in ${dirname(path)} (--unsigned takes it all the same)`,
    );
  }
  return verifyFile(copy, signature, keys).catch((error: Error) => {
    throw untrusted(path, error.message);
  });
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readSmall(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function readSmall(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MAX_VOUCHER) throw new Error(`${path} is ${size} bytes long, which it can't rightly be`);
  return readFile(path);
}

function explain(error: NodeJS.ErrnoException, assets: string): Error {
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return error;
  return new Error(`there is no room for the image in ${assets}. "rackseed images list" shows what could go`);
}
