import type { PublicKey } from 'openpgp';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseDigest } from './digest.ts';
import type { Arch, PullRequest, Release, ReleaseFile } from './request.ts';
import { requirePrivateWay, type Web } from './web.ts';

const File = Type.Object({
  location: Type.String({ pattern: '^https?://' }),
  sha256: Type.String(),
  signature: Type.Optional(Type.String({ pattern: '^https?://' })),
});

/** What a stream's JSON says of one processor, as far as it is used here. */
const Metal = Type.Object({
  release: Type.String({ pattern: '^[0-9]+(\\.[0-9]+){3}$' }),
  formats: Type.Object({ pxe: Type.Object({ kernel: File, initramfs: File, rootfs: File }) }),
});

const Stream = Type.Object({
  architectures: Type.Record(
    Type.String(),
    Type.Object({ artifacts: Type.Object({ metal: Type.Optional(Type.Unknown()) }) }),
  ),
});

const ARCH_NAMES: Readonly<Record<Arch, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** The file names change with every release, so each has a second one that doesn't. */
const ALIASES = { kernel: 'vmlinuz', initramfs: 'initrd.img', rootfs: 'rootfs.img' } as const;

/** What a release is looked up with. */
export interface FedoraCoreosSource {
  readonly web: Web;
  /** Folder with the streams' JSON files. */
  readonly mirror: string;
  /** Who must have signed every file; undefined when the checksums of the stream are trusted, which come by HTTPS. */
  readonly keys?: readonly PublicKey[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Looks up what a stream of Fedora CoreOS has now. Rejects with an Error for people. */
export async function findFedoraCoreos(
  { wanted, arch }: PullRequest,
  { web, mirror, keys, signal }: FedoraCoreosSource,
): Promise<Release> {
  const url = `${mirror}/${wanted}.json`;
  if (!keys) requirePrivateWay(url, `${wanted}.json`);
  const stream = parseStream(url, await web.text(url, signal));
  const metal = stream.architectures[ARCH_NAMES[arch]]?.artifacts.metal;
  if (!Value.Check(Metal, metal))
    throw new Error(`${url} has no images for network boot of ${ARCH_NAMES[arch]} machines`);
  const { pxe } = metal.formats;
  const files = await Promise.all(
    (['kernel', 'initramfs', 'rootfs'] as const).map(async (part): Promise<ReleaseFile> => {
      const { location, sha256, signature } = pxe[part];
      const name = new URL(location).pathname.split('/').at(-1) ?? '';
      const digest = parseDigest('sha256', sha256);
      if (!/^[A-Za-z0-9_-][\w.+-]*$/.test(name) || !digest)
        throw new Error(`${url}: its ${part} can't be used`);
      const file = { name, url: location, digest, alias: ALIASES[part] };
      if (!keys) return file;
      if (signature === undefined) throw new Error(`${url} names no signature of ${name}`);
      return { ...file, signature: await web.bytes(signature, signal) };
    }),
  );
  return { source: 'fedora-coreos', version: metal.release, arch, files };
}

function parseStream(url: string, text: string) {
  try {
    const stream: unknown = JSON.parse(text);
    if (Value.Check(Stream, stream)) return stream;
  } catch {
    // It is told below.
  }
  throw new Error(`${url} is not the description of a stream`);
}
