import { type Digest, parseDigest } from './digest.ts';
import type { PullRequest, Release } from './request.ts';
import { requirePrivateWay, type Web } from './web.ts';

/** What nodes ask for: its name tells neither version nor processor. */
const EXTENSION = 'kubernetes.raw';
/** Processors as systemd calls them. */
const ARCHES: Readonly<Record<PullRequest['arch'], string>> = { amd64: 'x86-64', arm64: 'arm64' };

/** What an extension is looked up with. */
export interface ExtensionSource {
  readonly web: Web;
  /** The folder with the extensions of all versions, and their SHA256SUMS. */
  readonly mirror: string;
  readonly signal?: AbortSignal | undefined;
}

interface Published {
  readonly version: string;
  readonly name: string;
  readonly digest: Digest;
}

/**
 * Looks up Kubernetes as the system extension that Flatcar's project makes of it: kubelet, kubeadm, kubectl and CNI plugins in
 * one file. Of a minor release it is the newest that is published as such, which may be later than Kubernetes' own. Rejects with
 * an Error for people.
 */
export async function findKubernetesExtension(
  { wanted, arch }: PullRequest,
  { web, mirror, signal }: ExtensionSource,
): Promise<Release> {
  const url = `${mirror}/SHA256SUMS`;
  requirePrivateWay(url, 'a checksum');
  const published = parseSums(await web.text(url, signal), arch);
  const fitting = published.filter(
    ({ version }) => wanted === 'stable' || version === wanted || version.startsWith(`${wanted}.`),
  );
  const newest = fitting.toSorted(byVersion).at(-1);
  if (!newest) {
    const others = [...new Set(published.map(({ version }) => version.replace(/\.\d+$/, '')))].sort();
    throw new Error(
      `${url} names no system extension of Kubernetes ${wanted} for ${arch} (it has ${others.join(', ') || 'none'}); without --sysext, its programs are pulled`,
    );
  }
  const { version, name, digest } = newest;
  const file = { name: EXTENSION, url: `${mirror}/${name}`, digest, treatment: 'write-sha512' } as const;
  return { source: 'kubernetes', version, arch, files: [file] };
}

/** The releases in a file of sha256sum(1), for one processor; those before a release (`-rc.1`) are left out. */
function parseSums(text: string, arch: PullRequest['arch']): readonly Published[] {
  const line = new RegExp(
    `^([0-9a-f]{64}) [ *](kubernetes-(v\\d+\\.\\d+\\.\\d+)-${ARCHES[arch]}\\.raw)$`,
    'gm',
  );
  return [...text.matchAll(line)].flatMap(([, hex = '', name = '', version = '']) => {
    const digest = parseDigest('sha256', hex);
    return digest ? [{ version, name, digest }] : [];
  });
}

function byVersion(a: Published, b: Published): number {
  return a.version.localeCompare(b.version, 'en', { numeric: true });
}
