import type { PublicKey } from 'openpgp';
import { findInDigests } from './digest.ts';
import type { PullRequest, Release, ReleaseFile } from './request.ts';
import { BadSignature, verifyBytes } from './signature.ts';
import type { Web } from './web.ts';

/** What a machine boots, and under which names a release may list it: the kernel is a link to another name there. */
const FILES: readonly (readonly [name: string, ...others: string[]])[] = [
  ['flatcar_production_pxe.vmlinuz', 'flatcar_production_image.vmlinuz'],
  ['flatcar_production_pxe_image.cpio.gz'],
];

/** The second number of a version tells its channel. */
const CHANNELS = ['alpha', 'beta', 'stable', 'lts'] as const;
const VERSION = /^\d+\.(\d+)\.\d+$/;

/** What a release is looked up with. */
export interface FlatcarSource {
  readonly web: Web;
  /** Where releases are; `{channel}` stands for the channel. */
  readonly mirror: string;
  /** Who may sign. */
  readonly keys: readonly PublicKey[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks up a release of Flatcar Container Linux: what a channel has now, then the files of that version, so that a release in
 * between changes nothing. Every digest is from a DIGESTS file with a good signature. Rejects with an Error for people.
 */
export async function findFlatcar({ wanted, arch }: PullRequest, source: FlatcarSource): Promise<Release> {
  const { channel, version } = await resolveVersion(wanted, arch, source);
  const folder = `${boardUrl(channel, arch, source)}/${version}`;
  const found = await Promise.all(FILES.map((names) => findFile(folder, names, source)));
  const signers = new Set(found.map(({ signer }) => signer));
  return {
    source: 'flatcar',
    version,
    arch,
    files: found.map(({ file }) => file),
    signedBy: [...signers].join(', '),
  };
}

async function resolveVersion(
  wanted: string,
  arch: string,
  source: FlatcarSource,
): Promise<{ readonly channel: string; readonly version: string }> {
  const [, minor] = VERSION.exec(wanted) ?? [];
  if (minor !== undefined) {
    const channel = CHANNELS[Number(minor)];
    if (channel) return { channel, version: wanted };
    throw new Error(
      `Flatcar ${wanted} belongs to no channel: the second number is 0 for alpha, 1 beta, 2 stable, 3 lts`,
    );
  }
  const [channel = '', year] = wanted.split('-');
  const current = channel === 'lts' ? `current-${year ?? (await newestLts(source))}` : 'current';
  const url = `${boardUrl(channel, arch, source)}/${current}/version.txt`;
  const text = await source.web.text(url, source.signal);
  const version = /^FLATCAR_VERSION=["']?([^"'\s]+)["']?\s*$/m.exec(text)?.[1] ?? '';
  if (!VERSION.test(version)) throw new Error(`${url} names no version of Flatcar`);
  return { channel, version };
}

/** The year of the newest LTS that is still looked after: lines of `major:year:supported`. */
async function newestLts(source: FlatcarSource): Promise<string> {
  const url = `${source.mirror.replaceAll('{channel}', 'lts')}/lts-info`;
  const text = await source.web.text(url, source.signal);
  const years = [...text.matchAll(/^\d+:(20\d\d):supported\s*$/gm)].map(([, year = '']) => year);
  const newest = years.sort().at(-1);
  if (newest === undefined)
    throw new Error(`${url} names no LTS that is supported; ask for one by its year: flatcar@lts-2024`);
  return newest;
}

/** A file of a release with its digest, and the key that vouches for that. */
async function findFile(
  folder: string,
  names: readonly [string, ...string[]],
  { web, keys, signal }: FlatcarSource,
): Promise<{ readonly file: ReleaseFile; readonly signer: string }> {
  const [name] = names;
  for (const listed of names) {
    const url = `${folder}/${listed}.DIGESTS`;
    const digests = await web.find(url, signal);
    if (!digests) continue;
    const signature = await web.bytes(`${url}.sig`, signal);
    const signer = await verifyBytes(digests, signature, keys).catch((error: Error) => {
      throw error instanceof BadSignature ? new Error(`${url} can't be trusted: ${error.message}`) : error;
    });
    const digest = findInDigests(digests.toString('utf8'), [listed, ...names]);
    if (!digest) throw new Error(`${url} has no SHA-512 of ${listed}`);
    return { file: { name, url: `${folder}/${name}`, digest }, signer };
  }
  throw new Error(
    `${folder}/${name}.DIGESTS isn't there: is this a version of Flatcar that was released for this processor?`,
  );
}

function boardUrl(channel: string, arch: string, { mirror }: FlatcarSource): string {
  return `${mirror.replaceAll('{channel}', channel)}/${arch}-usr`;
}
