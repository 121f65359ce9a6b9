import type { Digest } from './digest.ts';

/** Where releases can be pulled from. */
export const SOURCES = ['flatcar', 'fedora-coreos', 'kubernetes', 'ipxe'] as const;
export type Source = (typeof SOURCES)[number];

/** The processors that releases are made for, as Kubernetes calls them. */
export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

/** What somebody wants: a channel (`stable`) or a version, of a source, for a processor. */
export interface PullRequest {
  readonly source: Source;
  /** Channel or version, as the source calls it: `stable`, `4593.2.5`, `v1.36`, `v2.0.0`. */
  readonly wanted: string;
  readonly arch: Arch;
  /** Kubernetes as one system extension for Flatcar, instead of its programs. */
  readonly sysext?: true;
}

/** A release that was found: what to download, and how to know that it is that. */
export interface Release {
  readonly source: Source;
  readonly version: string;
  readonly arch: Arch;
  readonly files: readonly ReleaseFile[];
  /** Fingerprint of the primary key that vouches for the digests; absent when only the publisher's HTTPS does. */
  readonly signedBy?: string;
}

/** One file of a release. */
export interface ReleaseFile {
  /** Its name in the image's folder. */
  readonly name: string;
  readonly url: string;
  readonly digest: Digest;
  /** Bytes, where the publisher tells. */
  readonly size?: number;
  /** A second name under which it is found whatever the version: a link in the same folder. */
  readonly alias?: string;
  /** Its OpenPGP signature, where the file itself is signed and not its digest. */
  readonly signature?: Uint8Array;
  /** What is done with it once it is here: its SHA-512 laid beside it as `NAME.sha512`, or the archive unpacked in its place. */
  readonly treatment?: 'write-sha512' | 'unpack';
}

/** What each source takes after the `@`; the first is what is pulled when nothing is said. */
const FORMS: Readonly<
  Record<Source, { readonly pattern: RegExp; readonly usual: string; readonly expected: string }>
> = {
  flatcar: {
    pattern: /^(?:stable|beta|alpha|lts|lts-20\d\d|\d+\.\d+\.\d+)$/,
    usual: 'stable',
    expected: 'stable, beta, alpha, lts, lts-2024 or a version such as 4593.2.5',
  },
  'fedora-coreos': {
    pattern: /^(?:stable|testing|next)$/,
    usual: 'stable',
    expected: 'stable, testing or next',
  },
  kubernetes: {
    pattern: /^(?:stable|v\d+\.\d+(?:\.\d+(?:-[0-9A-Za-z.]+)?)?)$/,
    usual: 'stable',
    expected: 'stable, v1.36 or v1.36.2',
  },
  ipxe: { pattern: /^(?:latest|v\d+\.\d+\.\d+)$/, usual: 'latest', expected: 'latest or v2.0.0' },
};

/**
 * Reads `flatcar`, `flatcar@beta` or `kubernetes@v1.36`. Throws an Error that says what can be asked for instead.
 * @param sysext as a system extension, which there is of Kubernetes only
 */
export function parsePullRequest(text: string, arch: Arch = 'amd64', sysext = false): PullRequest {
  const [name = '', ...rest] = text.split('@');
  const source = SOURCES.find((known) => known === name);
  if (!source) {
    throw new Error(
      `"${name}" can't be pulled; there are ${SOURCES.join(', ')}, and "rackseed images import" for others`,
    );
  }
  if (sysext && source !== 'kubernetes')
    throw new Error(`there is no system extension of ${source}, only of kubernetes`);
  const { pattern, usual, expected } = FORMS[source];
  const wanted = rest.length === 0 ? usual : rest.join('@');
  if (!pattern.test(wanted))
    throw new Error(`there is no ${source}@${wanted}; write ${expected} after the @`);
  return { source, wanted, arch, ...(sysext && { sysext }) };
}

/** The folder below assets/ of a release: `flatcar/4593.2.5`, `kubernetes/v1.36.2-arm64`. iPXE's tree is for all processors. */
export function imageName({ source, version, arch }: Pick<Release, 'source' | 'version' | 'arch'>): string {
  return `${source}/${version}${source === 'ipxe' ? '' : archSuffix(arch)}`;
}

/** The link below assets/ that follows a source when somebody says so: `flatcar/current`. */
export function currentName(family: string, arch: Arch): string {
  return `${family}/current${archSuffix(arch)}`;
}

function archSuffix(arch: Arch): string {
  return arch === 'amd64' ? '' : `-${arch}`;
}

const NAME = /^[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]*\/[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]*$/;

/** True for the name of an image: family and version, no part of it beginning with a dot. */
export function isImageName(text: string): boolean {
  return NAME.test(text);
}
