import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { dump } from 'js-yaml';
import { packTar } from '../../src/provision/tar.ts';
import { eventually } from './cluster.ts';
import { curl } from './machine.ts';
import type { Namespace } from './netns.ts';
import { folderFor } from './openssl.ts';
import { type Child, run, startFor } from './process.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** A container image, as registries have it. */
export interface TestImage {
  /** By digest: its configuration and its one layer. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly layer: string;
  readonly manifest: string;
}

/** The smallest image that is one: a layer with the file /hello, in which `text` stands. */
export function tinyImage(text: string): TestImage {
  const mode = 0o644;
  const tar = packTar([{ path: '/hello', content: Buffer.from(text), mode, user: 'root', group: 'root' }]);
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  );
  const part = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return {
    blobs: new Map([layer, config].map((bytes) => [digestOf(bytes), bytes])),
    layer: digestOf(layer),
    manifest: JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: part(CONFIG, config),
      layers: [part(LAYER, layer)],
    }),
  };
}

/** The image as an archive in OCI's layout, as `ctr images export` writes it, under a whole name. */
export function imageArchive({ blobs, manifest }: TestImage, name: string): Buffer {
  const bytes = Buffer.from(manifest);
  const annotations = { 'io.containerd.image.name': name };
  const entry = { mediaType: MANIFEST, digest: digestOf(bytes), size: bytes.length, annotations };
  const files = new Map<string, Buffer>([
    ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ['index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry] }))],
    ...[...blobs, [digestOf(bytes), bytes] as const].map(
      ([digest, content]) => [`blobs/${digest.replace(':', '/')}`, content] as const,
    ),
  ]);
  return packTar(
    [...files].map(([path, content]) => ({
      path: `/${path}`,
      content,
      mode: 0o644,
      user: 'root',
      group: 'root',
    })),
  );
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Starts a docker-registry of Debian for the length of a test, and waits until it answers, if only that it wants a password.
 * @param more sections of its configuration; with `http.tls` it answers by HTTPS only
 */
export async function registryFor(
  t: ExecutionContext,
  namespace: Namespace,
  listen: string,
  storage: string,
  more: { readonly http?: object; readonly auth?: object } = {},
): Promise<Child> {
  const file = join(await folderFor(t), 'registry.yml');
  await mkdir(storage, { recursive: true });
  await writeFile(
    file,
    dump({
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage } },
      ...more,
      http: { addr: listen, ...more.http },
    }),
  );
  const registry = await startFor(t, namespace.command(['docker-registry', 'serve', file]));
  const url = `${more.http ? 'https' : 'http'}://${listen}/v2/`;
  await eventually(async () => [200, 401].includes((await curl(namespace, '-k', url)).status));
  return registry;
}

/** Puts an image into the registry at `url`, under a name without the registry's, with a tag. */
export async function pushImage(
  from: Namespace,
  url: string,
  { blobs, manifest }: TestImage,
  name: string,
  tag: string,
): Promise<void> {
  const send = async (method: string, to: string, type: string, body: Uint8Array) => {
    const options = ['-sS', '-D', '-', '-o', '/dev/null', '-X', method, '-H', `Content-Type: ${type}`];
    const { stdout, stderr } = await run(from.command(['curl', ...options, '--data-binary', '@-', to]), {
      input: body,
    });
    const [, status] = /^HTTP\S* (\d+)/.exec(stdout) ?? [];
    if (!status?.startsWith('2')) throw new Error(`${method} ${to}: ${stdout}${stderr}`);
    return /^location: (\S+)/im.exec(stdout)?.[1] ?? '';
  };
  for (const [digest, bytes] of blobs) {
    const place = await send('POST', `${url}/v2/${name}/blobs/uploads/`, 'text/plain', Buffer.alloc(0));
    const separator = place.includes('?') ? '&' : '?';
    await send('PUT', `${place}${separator}digest=${digest}`, 'application/octet-stream', bytes);
  }
  await send('PUT', `${url}/v2/${name}/manifests/${tag}`, MANIFEST, Buffer.from(manifest));
}

/** Asks the registry at `url` for a manifest, with more options for curl; gives what it answers. */
export function pullManifest(
  from: Namespace,
  url: string,
  name: string,
  tag: string,
  ...options: readonly string[]
) {
  return curl(from, ...options, '-H', `Accept: ${MANIFEST}`, `${url}/v2/${name}/manifests/${tag}`);
}
