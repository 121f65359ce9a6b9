import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createMessage, generateKey, type PrivateKey, type PublicKey, sign } from 'openpgp';
import type { ImageSettings } from '../../src/config/config.ts';
import { resolveImages } from '../../src/config/images.ts';
import { type PullEvent, type PullParts, type PullResult, pullImage } from '../../src/images/pull.ts';
import { parsePullRequest } from '../../src/images/request.ts';
import { fingerprintOf } from '../../src/images/signature.ts';
import { createThrottle } from '../../src/images/throttle.ts';
import { Web } from '../../src/images/web.ts';
import { ReleaseServer } from './release-server.ts';

/** A key that this test made, in the place of a distribution's own. */
export interface TestKey {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
  readonly fingerprint: string;
}

export async function makeKey(name: string): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name: `${name}, a key of the tests` }],
    subkeys: [{ sign: true }],
    format: 'object',
  });
  return { privateKey, publicKey, fingerprint: fingerprintOf(publicKey) };
}

/** A detached binary signature. */
export async function signBytes({ privateKey }: TestKey, bytes: Uint8Array): Promise<Buffer> {
  const message = await createMessage({ binary: new Uint8Array(bytes) });
  return Buffer.from(await sign({ message, signingKeys: privateKey, detached: true, format: 'binary' }));
}

export const sum = (algorithm: string, bytes: Uint8Array) =>
  createHash(algorithm).update(bytes).digest('hex');

/** A DIGESTS file as Flatcar publishes it. */
export function digestsOf(name: string, bytes: Uint8Array): string {
  const section = (algorithm: string) =>
    `# ${algorithm.toUpperCase()} HASH\n${sum(algorithm, bytes)}  ${name}\n`;
  return section('md5') + section('sha1') + section('sha512');
}

export const KERNEL = 'flatcar_production_pxe.vmlinuz';
export const INITRD = 'flatcar_production_pxe_image.cpio.gz';

/** What a test pulls from, and where to. */
export interface Site {
  readonly server: ReleaseServer;
  readonly key: TestKey;
  readonly folder: string;
  readonly assets: string;
  readonly settings: ImageSettings;
  /** Pulls; events go to `events`. */
  pull(text: string, changes?: PullChanges): Promise<PullResult>;
  readonly events: PullEvent[];
  /** Publishes a release of Flatcar on a channel, and makes it current. */
  publishFlatcar(version: string, contents?: FlatcarContents): Promise<void>;
  /** All that machines can see below assets/: names and contents. */
  visible(): Promise<Record<string, string>>;
}

export type PullChanges = Partial<PullParts> & {
  readonly follow?: boolean;
  readonly arch?: 'amd64' | 'arm64';
  readonly sysext?: boolean;
};

export interface FlatcarContents {
  readonly channel?: string;
  readonly arch?: string;
  readonly kernel?: Buffer;
  readonly initrd?: Buffer;
  readonly key?: TestKey;
}

/** A server of releases, a key and an empty folder for assets, all gone when the test ends. */
export async function makeSite(t: ExecutionContext, changes: Partial<ImageSettings> = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-images-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const assets = join(folder, 'assets');
  await mkdir(assets);
  const server = await ReleaseServer.start(t);
  const key = await makeKey('Flatcar');
  const web = new Web({ silence: 2000, retryDelay: 1 });
  t.teardown(() => web.close());
  const usual = resolveImages({}, folder);
  const settings: ImageSettings = {
    ...usual,
    keys: { ...usual.keys, flatcar: [key.fingerprint] },
    mirrors: {
      flatcar: `${server.url}/{channel}`,
      fedoraCoreos: `${server.url}/streams`,
      kubernetes: `${server.url}/k8s`,
      sysext: `${server.url}/extensions/kubernetes`,
      cni: `${server.url}/api/cni`,
      ipxe: `${server.url}/api/ipxe`,
    },
    ...changes,
  };
  await mkdir(settings.keyDirectory, { recursive: true });
  await writeFile(join(settings.keyDirectory, 'flatcar.asc'), key.publicKey.armor());
  const events: PullEvent[] = [];
  return {
    server,
    key,
    folder,
    assets,
    settings,
    events,
    pull: (text, { follow = false, arch, sysext, ...parts } = {}) =>
      pullImage(parsePullRequest(text, arch, sysext), follow, {
        assets,
        settings,
        web,
        throttle: createThrottle(undefined),
        observe: (event) => events.push(event),
        ...parts,
      }),
    async publishFlatcar(version, { channel = 'stable', arch = 'amd64', ...contents } = {}) {
      const board = `/${channel}/${arch}-usr`;
      const { kernel = randomBytes(200_000), initrd = randomBytes(1_000_000), key: signer = key } = contents;
      server.publish(`${board}/current/version.txt`, `FLATCAR_BUILD=1\nFLATCAR_VERSION=${version}\n`);
      for (const [name, bytes] of [
        [KERNEL, kernel],
        [INITRD, initrd],
      ] as const) {
        const digests = Buffer.from(digestsOf(name, bytes));
        server.publish(`${board}/${version}/${name}`, bytes);
        server.publish(`${board}/${version}/${name}.DIGESTS`, digests);
        server.publish(`${board}/${version}/${name}.DIGESTS.sig`, await signBytes(signer, digests));
      }
    },
    visible: async () => Object.fromEntries(await filesIn(assets)),
  };
}

async function filesIn(folder: string, prefix = ''): Promise<[string, string][]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    ({ name }) => !name.startsWith('.'),
  );
  const found = entries.map(async (entry): Promise<[string, string][]> => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path, `${prefix}${entry.name}/`);
    return entry.isFile() ? [[prefix + entry.name, sum('sha256', await readFile(path))]] : [];
  });
  return (await Promise.all(found)).flat();
}
