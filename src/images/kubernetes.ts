import { type Digest, parseDigest } from './digest.ts';
import { findProjectRelease } from './github.ts';
import { imageName, type PullRequest, type Release, type ReleaseFile } from './request.ts';
import { requirePrivateWay, type Web } from './web.ts';

const PROGRAMS = ['kubelet', 'kubectl', 'kubeadm'] as const;
/** What nodes ask for: its name doesn't tell the version. */
const PLUGINS = 'cni-plugins.tgz';

/** What a release is looked up with. */
export interface KubernetesSource {
  readonly web: Web;
  readonly mirror: string;
  /** Where the CNI plugins are, which Kubernetes has no part in. */
  readonly cni: string;
  /** What is here of an image already: plugins that are here stay, since any of their releases will do. */
  readonly known: (image: string) => Promise<readonly ReleaseFile[]>;
  readonly signal?: AbortSignal | undefined;
}

/** Looks up a release of Kubernetes: what a node runs of it, and the CNI plugins. Rejects with an Error for people. */
export async function findKubernetes(
  { wanted, arch }: PullRequest,
  source: KubernetesSource,
): Promise<Release> {
  const { web, mirror, known, signal } = source;
  requirePrivateWay(mirror, 'a checksum');
  const version = await resolveVersion(wanted, source);
  const folder = `${mirror}/release/${version}/bin/linux/${arch}`;
  const programs = PROGRAMS.map(async (name): Promise<ReleaseFile> => {
    const url = `${folder}/${name}`;
    return {
      name,
      url,
      digest: parseSum(`${url}.sha512`, await web.text(`${url}.sha512`, signal)),
      treatment: 'write-sha512',
    };
  });
  const here = (await known(imageName({ source: 'kubernetes', version, arch }))).find(
    ({ name }) => name === PLUGINS,
  );
  const plugins = here ?? findPlugins(arch, source);
  return { source: 'kubernetes', version, arch, files: await Promise.all([...programs, plugins]) };
}

async function resolveVersion(wanted: string, { web, mirror, signal }: KubernetesSource): Promise<string> {
  if (/^v\d+\.\d+\.\d/.test(wanted)) return wanted;
  const url = `${mirror}/release/stable${wanted === 'stable' ? '' : `-${wanted.slice(1)}`}.txt`;
  const version = await web.text(url, signal);
  if (!/^v\d+\.\d+\.\d+$/.test(version)) throw new Error(`${url} names no version of Kubernetes`);
  return version;
}

async function findPlugins(arch: string, { web, cni, signal }: KubernetesSource): Promise<ReleaseFile> {
  const { tag, asset } = await findProjectRelease(cni, 'latest', web, signal);
  const archive = `cni-plugins-linux-${arch}-${tag}.tgz`;
  const { browser_download_url: url, size } = asset(archive);
  const { browser_download_url: sum } = asset(`${archive}.sha512`);
  requirePrivateWay(sum, 'a checksum');
  return {
    name: PLUGINS,
    url,
    size,
    digest: parseSum(sum, await web.text(sum, signal)),
    treatment: 'write-sha512',
  };
}

/** The digest in a file of sha512sum, or one with nothing else in it. */
function parseSum(url: string, text: string): Digest {
  const digest = parseDigest('sha512', text.split(/\s/)[0] ?? '');
  if (!digest) throw new Error(`${url} holds no SHA-512`);
  return digest;
}
