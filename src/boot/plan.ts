import type { Network, ProfileBoot } from '../config/config.ts';
import { documentOf } from '../config/document-format.ts';
import { familyName } from '../config/image-family.ts';
import type { Identity } from '../machines/identity.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { macToHyphens } from '../net/mac.ts';

/** A machine that may boot. */
export type AdmittedMachine = Extract<Identity, { readonly admission: 'boot' }>;

/** What a machine is told to do once it has iPXE. */
export type BootPlan = { readonly kind: 'local-disk' } | ImagePlan;

/** Boot a Linux kernel over HTTP. */
export interface ImagePlan {
  readonly kind: 'image';
  /** The image's name, for people. */
  readonly image: string;
  readonly kernelUrl: string;
  readonly initrds: readonly { readonly name: string; readonly url: string }[];
  /** Kernel arguments with nothing left to fill; `initrd=` is not among them. */
  readonly args: readonly string[];
}

type ImageBoot = Extract<ProfileBoot, { readonly kind: 'image' }>;

const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/** Where the machines of a network reach the provisioning app, without a slash at the end: `http://192.168.0.254`. */
export function baseUrl(network: Network): string {
  const { port } = network.http;
  return `http://${formatIpv4(network.address)}${port === HTTP_PORT ? '' : `:${port}`}`;
}

/** Where they reach the HTTPS app, which gives them their keys: `https://192.168.0.254`. */
export function httpsUrl(network: Network): string {
  const { port } = network.https;
  return `https://${formatIpv4(network.address)}${port === HTTPS_PORT ? '' : `:${port}`}`;
}

/**
 * What `machine` boots on `network`. `args` are its profile's kernel arguments with their placeholders filled; what makes
 * the image find its root file system and its document is added. `token` lets it have the document: see `BootTokens`.
 */
export function planBoot(
  machine: AdmittedMachine,
  network: Network,
  args: readonly string[],
  token?: string,
): BootPlan {
  const { profile } = machine;
  const { boot } = profile;
  if (boot.kind === 'local-disk') return { kind: 'local-disk' };
  const url = (file: string) => `${baseUrl(network)}/assets/${assetPath(boot, file)}`;
  return {
    kind: 'image',
    image: boot.image,
    kernelUrl: url(boot.kernel),
    initrds: boot.initrds.map((file) => ({ name: file.replace(/[^\w.-]/g, '_'), url: url(file) })),
    args: [
      ...args,
      ...(boot.rootfs === undefined ? [] : [`coreos.live.rootfs_url=${url(boot.rootfs)}`]),
      ...(documentOf(profile) ? documentArgs(boot, baseUrl(network), macToHyphens(machine.mac), token) : []),
    ],
  };
}

/** The kernel arguments that make an image fetch its document. */
function documentArgs({ document, image }: ImageBoot, base: string, mac: string, token?: string): string[] {
  const query = token === undefined ? '' : `?token=${token}`;
  switch (document) {
    case 'cloud-config':
      return [`cloud-config-url=${base}/cloud-config/${mac}${query}`];
    case 'ignition':
      // Flatcar has a word of its own for a first boot, and finds out by itself which platform it is on.
      return [
        ...(familyName(image) === 'flatcar'
          ? ['flatcar.first_boot=1']
          : ['ignition.firstboot', 'ignition.platform.id=metal']),
        `ignition.config.url=${base}/ignition/${mac}${query}`,
      ];
    case 'cloud-init':
      // Releases since 24.1 would rather have `ds=nocloud`, but with it those from 23.2 on don't look on the network, and
      // all of them understand this. File names are put right behind the slash, so the token can't be a query.
      return [`ds=nocloud-net;s=${base}/nocloud/${mac}/${token === undefined ? '' : `${token}/`}`];
  }
}

/** The path in one of a plan's URLs, for loaders that know no percent-encoding: `/assets/flatcar/1/vmlinuz`. */
export function pathOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname);
}

/** The path of a file of an image below `/assets/`, as it stands in a URL. */
export function assetPath(boot: ImageBoot, file: string): string {
  return `${boot.image}/${file}`.split('/').map(encodeURIComponent).join('/');
}
