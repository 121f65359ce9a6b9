import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageSettings } from '../config/config.ts';
import { type Digest, hashFile, sameDigest } from './digest.ts';
import { download } from './download.ts';
import { pointLink, publishFolder, readLink, replaceFiles, stagingFolder, withImageLock } from './folders.ts';
import { keysFor } from './keyring.ts';
import { type Manifest, type ManifestFile, readManifest } from './manifest.ts';
import { currentName, imageName, type PullRequest, type Release, type ReleaseFile } from './request.ts';
import { findRelease } from './resolve.ts';
import { BadSignature, verifyFile } from './signature.ts';
import type { Throttle } from './throttle.ts';
import { unpack } from './unpack.ts';
import type { Web } from './web.ts';

/** What is told while an image is pulled. */
export type PullEvent =
  | { readonly type: 'found'; readonly image: string; readonly release: Release }
  | {
      readonly type: 'progress';
      readonly file: string;
      readonly bytes: number;
      readonly size: number | undefined;
    }
  /** A file is complete, and what it should be. */
  | { readonly type: 'file'; readonly file: string };

/** What images are pulled with. */
export interface PullParts {
  /** The folder of all images, absolute. */
  readonly assets: string;
  readonly settings: ImageSettings;
  readonly web: Web;
  /** One for all that is pulled at the same time. */
  readonly throttle: Throttle;
  readonly observe: (event: PullEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. */
export interface PullResult {
  readonly image: string;
  /** `new`: it wasn't here · `repaired`: files of it were missing or wrong · `unchanged`: all was here and right. */
  readonly outcome: 'new' | 'repaired' | 'unchanged';
  readonly signedBy?: string;
  /** The link that points to it now, if that was asked for: `flatcar/current`. */
  readonly followed?: string;
}

/**
 * Pulls a release, so that its folder below assets/ is there with every file as its publisher vouches for it. It appears all at
 * once; a version that is here already is checked, and only what is wrong in it is replaced. Rejects with an Error for people;
 * every image is then as it was before, and what was downloaded is gone on with the next time.
 * @param follow point `current` of the family to it as well
 */
export async function pullImage(
  request: PullRequest,
  follow: boolean,
  parts: PullParts,
): Promise<PullResult> {
  const { assets, observe } = parts;
  const release = await findRelease(request, parts, (image) => knownFiles(join(assets, image)));
  const image = imageName(release);
  observe({ type: 'found', image, release });
  return withImageLock(assets, image, async () => {
    const { outcome, signedBy } = await obtain(release, request, parts);
    const followed = currentName(release.source, release.arch);
    if (follow) await pointLink(assets, followed, image.slice(image.indexOf('/') + 1));
    return {
      image,
      outcome,
      ...(signedBy !== undefined && { signedBy }),
      ...(follow && { followed }),
    };
  });
}

async function obtain(
  release: Release,
  { source, wanted }: PullRequest,
  parts: PullParts,
): Promise<Pick<PullResult, 'outcome' | 'signedBy'>> {
  const { assets, observe } = parts;
  const image = imageName(release);
  const folder = join(assets, image);
  const staging = stagingFolder(assets, image);
  const before = (await isThere(folder)) ? await compare(release, folder, image) : undefined;
  const needed = before ? before.wrong : release.files;
  let signedBy = release.signedBy ?? before?.manifest?.signedBy;
  if (before?.manifest && needed.length === 0) return { outcome: 'unchanged', ...signer(signedBy) };

  await mkdir(staging, { recursive: true });
  await eachOf(needed, parts.settings.downloads, async (file) => {
    const path = join(staging, file.name);
    const onProgress = (bytes: number, size: number | undefined) =>
      observe({ type: 'progress', file: file.name, bytes, size });
    await download({ ...file, path }, { ...parts, onProgress });
    if (file.signature) signedBy = await verifySigned(file, path, source, parts);
    observe({ type: 'file', file: file.name });
  });
  const files: ManifestFile[] = [];
  for (const file of needed) files.push(...(await finish(file, staging)));
  const right = release.files.filter((file) => !needed.includes(file));
  // What somebody put there by hand and is right is known from now on.
  const known =
    before?.manifest?.files ?? (await Promise.all(right.map((file) => describeRight(file, folder))));
  const manifest: Manifest = {
    origin: `${source}@${wanted}`,
    at: new Date().toISOString(),
    ...signer(signedBy),
    files: [...known.filter(({ name }) => !files.some((file) => file.name === name)), ...files].sort(byName),
  };
  if (!before) {
    await publishFolder(staging, folder, manifest);
    return { outcome: 'new', ...signer(signedBy) };
  }
  const aliases = needed.flatMap(({ alias }) => (alias === undefined ? [] : [alias]));
  await replaceFiles(staging, folder, [...aliases, ...files.map(({ name }) => name)], manifest);
  return { outcome: needed.length > 0 ? 'repaired' : 'unchanged', ...signer(signedBy) };
}

async function describeRight({ name, url, digest }: ReleaseFile, folder: string): Promise<ManifestFile> {
  return { name, size: (await stat(join(folder, name))).size, digest, url };
}

/** What is wrong with an image that is here, by a release. Throws an Error when it is another release by the same name. */
async function compare(
  release: Release,
  folder: string,
  image: string,
): Promise<{ readonly manifest: Manifest | undefined; readonly wrong: readonly ReleaseFile[] }> {
  const manifest = await readManifest(folder);
  const wrong: ReleaseFile[] = [];
  for (const file of release.files) {
    const known = manifest?.files.find(({ name, url }) => name === file.name || url === file.url);
    // Of an archive that was unpacked, its files are what is known.
    const isUnpacked = file.treatment === 'unpack';
    if (
      !isUnpacked &&
      known &&
      known.digest.algorithm === file.digest.algorithm &&
      !sameDigest(known.digest, file.digest)
    ) {
      throw new Error(
        `${image} is here, but what is published as that now is something else (${file.name} differs). Nothing was changed; ` +
          `to take what is published now, "rackseed images remove ${image}" first`,
      );
    }
    if (isUnpacked ? await isIntact(folder, manifest) : await isComplete(file, folder)) continue;
    const isOther = !sameAs(await digestOf(join(folder, file.name), file.digest.algorithm), file.digest);
    if (!manifest && isOther && (await isThere(join(folder, file.name)))) {
      throw new Error(
        `${folder} was put there by hand, and its ${file.name} is not that of the release. Nothing was changed; move it away, then pull again`,
      );
    }
    wrong.push(file);
  }
  return { manifest, wrong };
}

/** True when a file is here and right, and so is what goes with it. */
async function isComplete({ name, digest, alias, treatment }: ReleaseFile, folder: string): Promise<boolean> {
  const path = join(folder, name);
  if (!sameAs(await digestOf(path, digest.algorithm), digest)) return false;
  if (alias !== undefined && (await readLink(join(folder, alias))) !== name) return false;
  if (treatment !== 'write-sha512') return true;
  const line = sumLine(name, await sha512Of(path, digest));
  return (await readFile(`${path}.sha512`, 'utf8').catch(() => '')) === line;
}

/** The SHA-512 of a file that has this digest, which publishers don't always tell. */
async function sha512Of(path: string, digest: Digest): Promise<Digest> {
  return digest.algorithm === 'sha512' ? digest : hashFile(path, 'sha512');
}

/** As sha512sum prints it. */
function sumLine(name: string, { hex }: Digest): string {
  return `${hex}  ${name}\n`;
}

async function isIntact(folder: string, manifest: Manifest | undefined): Promise<boolean> {
  for (const { name, digest } of manifest?.files ?? []) {
    if (!sameAs(await digestOf(join(folder, name), digest.algorithm), digest)) return false;
  }
  return manifest !== undefined;
}

/** What a file that was downloaded adds to its image: itself and its checksum, or what is in it. */
async function finish(
  { name, url, digest, alias, treatment }: ReleaseFile,
  staging: string,
): Promise<ManifestFile[]> {
  const path = join(staging, name);
  if (treatment === 'unpack') {
    const names = await unpack(staging, name);
    return Promise.all(names.map(async (unpacked) => ({ ...(await describe(staging, unpacked)), url })));
  }
  const { size } = await stat(path);
  const file: ManifestFile = { name, size, digest, url };
  if (alias !== undefined) {
    await rm(join(staging, alias), { force: true });
    await symlink(name, join(staging, alias));
  }
  if (treatment !== 'write-sha512') return [file];
  await writeFile(`${path}.sha512`, sumLine(name, await sha512Of(path, digest)));
  return [file, await describe(staging, `${name}.sha512`)];
}

/** A file that is here, as it is. */
export async function describe(folder: string, name: string): Promise<ManifestFile> {
  const path = join(folder, name);
  return { name, size: (await stat(path)).size, digest: await hashFile(path, 'sha512') };
}

async function verifySigned(
  file: ReleaseFile,
  path: string,
  source: string,
  { settings }: PullParts,
): Promise<string> {
  if (!file.signature || source !== 'fedora-coreos')
    throw new Error(`nothing is known of who signs ${file.name}`);
  const keys = await keysFor(source, settings);
  try {
    return await verifyFile(path, file.signature, keys);
  } catch (error) {
    if (!(error instanceof BadSignature)) throw error;
    await rm(path, { force: true });
    throw new Error(`${file.url} can't be trusted: ${error.message}`);
  }
}

async function knownFiles(folder: string): Promise<ReleaseFile[]> {
  const manifest = await readManifest(folder);
  return (manifest?.files ?? []).flatMap(({ name, url, size, digest }) =>
    url === undefined ? [] : [{ name, url, size, digest, treatment: 'write-sha512' as const }],
  );
}

/** Does something for every item, a few at a time. When one fails the others are waited for, and its error is thrown. */
async function eachOf<Item>(
  items: readonly Item[],
  atOnce: number,
  action: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined && failures.length === 0; item = waiting.shift()) {
      await action(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}

async function digestOf(path: string, algorithm: Digest['algorithm']): Promise<Digest | undefined> {
  return hashFile(path, algorithm).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') return undefined;
    throw error;
  });
}

function signer(signedBy: string | undefined): { readonly signedBy?: string } {
  return signedBy === undefined ? {} : { signedBy };
}

function byName(a: ManifestFile, b: ManifestFile): number {
  return a.name < b.name ? -1 : 1;
}

function sameAs(actual: Digest | undefined, digest: Digest): boolean {
  return actual !== undefined && sameDigest(actual, digest);
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
