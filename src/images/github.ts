import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseDigest } from './digest.ts';
import type { PullRequest, Release } from './request.ts';
import { requirePrivateWay, type Web } from './web.ts';

/** A release as GitHub's API tells it (GET /repos/OWNER/REPO/releases/latest), as far as it is used here. */
const GithubRelease = Type.Object({
  tag_name: Type.String({ pattern: '^v[0-9]+\\.[0-9]+\\.[0-9]+$' }),
  assets: Type.Array(
    Type.Object({
      name: Type.String(),
      browser_download_url: Type.String({ pattern: '^https?://' }),
      size: Type.Integer({ minimum: 0 }),
      /** `sha256:…`, of all that was uploaded since June 2025. */
      digest: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
});

type Asset = Static<typeof GithubRelease>['assets'][number];

/** A release of a project, and its files. */
export interface ProjectRelease {
  /** `v2.0.0` */
  readonly tag: string;
  /** The file of that name; throws an Error when the release has none. */
  asset(name: string): Asset;
}

/** Looks up a release of the project at `project` in GitHub's API: `latest`, or by its tag. Rejects with an Error for people. */
export async function findProjectRelease(
  project: string,
  wanted: string,
  web: Web,
  signal?: AbortSignal,
): Promise<ProjectRelease> {
  const url = `${project}/releases/${wanted === 'latest' ? wanted : `tags/${wanted}`}`;
  requirePrivateWay(url, 'what GitHub tells of a release');
  const release = parse(url, await web.text(url, signal));
  return {
    tag: release.tag_name,
    asset(name) {
      const asset = release.assets.find((candidate) => candidate.name === name);
      if (!asset) throw new Error(`release ${release.tag_name} at ${project} has no ${name}`);
      return asset;
    },
  };
}

const IPXE_TREE = 'ipxeboot.tar.gz';

/** Looks up a release of iPXE 2.x: its tree of loaders for all firmware. Rejects with an Error for people. */
export async function findIpxe(
  { wanted, arch }: PullRequest,
  {
    web,
    mirror,
    signal,
  }: { readonly web: Web; readonly mirror: string; readonly signal?: AbortSignal | undefined },
): Promise<Release> {
  const { tag, asset } = await findProjectRelease(mirror, wanted, web, signal);
  if (/^v[01]\./.test(tag)) throw new Error(`iPXE ${tag} has no tree of loaders; ask for v2.0.0 or later`);
  const { browser_download_url: url, size, digest: told } = asset(IPXE_TREE);
  const digest = parseDigest('sha256', told?.replace(/^sha256:/, '') ?? '');
  if (!digest)
    throw new Error(
      `GitHub tells no SHA-256 of ${url}: download it yourself, look whether it's right, and import it`,
    );
  return {
    source: 'ipxe',
    version: tag,
    arch,
    files: [{ name: IPXE_TREE, url, size, digest, treatment: 'unpack' }],
  };
}

function parse(url: string, text: string): Static<typeof GithubRelease> {
  try {
    const release: unknown = JSON.parse(text);
    if (Value.Check(GithubRelease, release)) return release;
  } catch {
    // It is told below.
  }
  throw new Error(`${url} is not the description of a release`);
}
