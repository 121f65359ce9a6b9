import type { Network, ProfileBoot } from '../config/config.ts';
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

const HTTP_PORT = 80;

/** Where the machines of a network reach the provisioning app, without a slash at the end: `http://192.168.0.254`. */
export function baseUrl(network: Network): string {
  const { port } = network.http;
  return `http://${formatIpv4(network.address)}${port === HTTP_PORT ? '' : `:${port}`}`;
}

/** The URL of a machine's cloud-config. */
export function cloudConfigUrl(machine: AdmittedMachine, network: Network): string {
  return `${baseUrl(network)}/cloud-config/${macToHyphens(machine.mac)}`;
}

/**
 * What `machine` boots on `network`. `args` are its profile's kernel arguments with their placeholders filled; the URL
 * of its cloud-config is added when the profile has one.
 */
export function planBoot(machine: AdmittedMachine, network: Network, args: readonly string[]): BootPlan {
  const { boot, cloudConfig } = machine.profile;
  if (boot.kind === 'local-disk') return { kind: 'local-disk' };
  const url = (file: string) => `${baseUrl(network)}/assets/${assetPath(boot, file)}`;
  return {
    kind: 'image',
    image: boot.image,
    kernelUrl: url(boot.kernel),
    initrds: boot.initrds.map((file) => ({ name: file.replace(/[^\w.-]/g, '_'), url: url(file) })),
    args: cloudConfig ? [...args, `cloud-config-url=${cloudConfigUrl(machine, network)}`] : args,
  };
}

function assetPath(boot: Extract<ProfileBoot, { kind: 'image' }>, file: string): string {
  return `${boot.image}/${file}`.split('/').map(encodeURIComponent).join('/');
}
