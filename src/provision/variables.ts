import type { Network, ProfileBoot } from '../config/config.ts';
import type { Identity } from '../machines/identity.ts';
import type { Inventory } from '../machines/machine.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Offers } from './offers.ts';

/**
 * What placeholders can name: `{{ machine.hostname }}`, `{{ network.router }}`. Mirror, proxy and the others of `Offers` are
 * there when the configuration has them: `{% if mirror %}`.
 */
export interface Variables extends Offers {
  readonly machine: {
    readonly mac: string;
    readonly hostname: string;
    /** The leased address. */
    readonly address?: string;
    readonly labels: Readonly<Record<string, string>>;
    /** Number among the machines of its profile, from 1; it keeps it. */
    readonly index?: number;
    readonly uuid?: string;
    readonly serial?: string;
    readonly manufacturer?: string;
    readonly product?: string;
    readonly asset?: string;
  };
  readonly network: {
    readonly name: string;
    /** First address of the subnet. */
    readonly address: string;
    readonly prefix: number;
    readonly netmask: string;
    readonly router?: string;
    readonly dns: readonly string[];
    readonly domain?: string;
  };
  readonly server: {
    readonly address: string;
    /** `http://192.168.0.254`, without a slash at its end. */
    readonly url: string;
  };
  readonly profile: { readonly name: string };
  readonly boot: {
    /** Folder below assets/. */
    readonly image?: string;
    /** iPXE's `${buildarch}`. */
    readonly buildarch?: string;
    /** iPXE's `${platform}`: pcbios or efi. */
    readonly platform?: string;
  };
}

/** Every name that a placeholder may use; some have no value for some machines. */
export const VARIABLE_NAMES = {
  machine: [
    'mac',
    'hostname',
    'index',
    'address',
    'labels',
    'uuid',
    'serial',
    'manufacturer',
    'product',
    'asset',
  ],
  network: ['name', 'address', 'prefix', 'netmask', 'router', 'dns', 'domain'],
  server: ['address', 'url'],
  profile: ['name'],
  boot: ['image', 'buildarch', 'platform'],
  mirror: ['address', 'ca', 'registries'],
  proxy: ['http', 'https', 'no_proxy'],
  ntp: ['servers'],
  resolver: ['servers', 'domains'],
} as const satisfies {
  readonly [Root in keyof Variables]-?: readonly (keyof NonNullable<Variables[Root]>)[];
};

/** What is known about a machine when its documents are rendered. */
export interface VariableSources {
  readonly identity: Extract<Identity, { admission: 'boot' }>;
  readonly network: Network;
  readonly inventory: Inventory;
  /** The leased address; undefined when the machine holds none. */
  readonly address: Ipv4 | undefined;
  /** What it is offered beside its boot; nothing when left out. */
  readonly offers?: Offers;
}

/** The variables of one machine on one network. What is unknown or empty is left out, so that using it is an error. */
export function buildVariables({
  identity,
  network,
  inventory,
  address,
  offers = {},
}: VariableSources): Variables {
  const { mac, hostname, index, labels, profile } = identity;
  const { uuid, serial, manufacturer, product, asset, buildarch, platform } = inventory;
  const { router, dns, domain } = network.dhcp;
  return {
    machine: {
      mac,
      hostname,
      labels,
      ...(index !== undefined && { index }),
      ...known({
        address: address === undefined ? undefined : formatIpv4(address),
        uuid,
        serial,
        manufacturer,
        product,
        asset,
      }),
    },
    network: {
      name: network.name,
      address: formatIpv4(network.subnet.network),
      prefix: network.subnet.prefix,
      netmask: formatIpv4(network.subnet.mask),
      dns: dns.map(formatIpv4),
      ...known({ router: router === undefined ? undefined : formatIpv4(router), domain }),
    },
    server: {
      address: formatIpv4(network.address),
      url: serverUrl(network),
    },
    profile: { name: profile.name },
    boot: known({ image: imageOf(profile.boot), buildarch, platform }),
    ...offers,
  };
}

/** Where machines of a network ask for things: `http://192.168.0.254`, without a slash at its end. */
export function serverUrl({ address, http }: Network): string {
  return `http://${formatIpv4(address)}${http.port === 80 ? '' : `:${http.port}`}`;
}

function imageOf(boot: ProfileBoot): string | undefined {
  return boot.kind === 'image' ? boot.image : undefined;
}

/** The entries that have a value. */
function known<Key extends string>(
  values: Readonly<Record<Key, string | undefined>>,
): { [K in Key]?: string } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== ''),
  ) as {
    [K in Key]?: string;
  };
}
