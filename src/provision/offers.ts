import type { Config, Network } from '../config/config.ts';
import { subnetsOf } from '../config/subnets.ts';
import { contains, formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { remember } from './memory.ts';

/** What the rack offers a machine beside its boot. What the configuration doesn't speak of isn't there. */
export interface Offers {
  readonly mirror?: OfferedMirror;
  readonly proxy?: OfferedProxy;
  /** Time servers. */
  readonly ntp?: { readonly servers: readonly string[] };
  readonly resolver?: OfferedResolver;
}

/** The mirror of container registries. */
export interface OfferedMirror {
  readonly address: string;
  /** The CA that its certificate is from, PEM. */
  readonly ca: string;
  readonly registries: readonly {
    /** As names of images begin with it: `docker.io`. */
    readonly name: string;
    /** The registry itself. */
    readonly url: string;
    /** Its mirror: `https://192.168.0.254:5000` */
    readonly mirror: string;
  }[];
}

/** The way to the web. */
export interface OfferedProxy {
  readonly http?: string;
  readonly https?: string;
  /** With commas between, as NO_PROXY has it. */
  readonly no_proxy: string;
}

/** Who knows names. Of the two lists, one at least is not empty. */
export interface OfferedResolver {
  readonly servers: readonly string[];
  /** Domains in which short names are looked for. */
  readonly domains: readonly string[];
}

/** What offers are made from. */
export interface OfferSources {
  readonly config: Pick<Config, 'mirror' | 'proxy'>;
  readonly network: Network;
  /** The machine's; undefined when it holds none. */
  readonly address: Ipv4 | undefined;
  /** The CA by which machines know this server, PEM. */
  readonly bootCa: string;
}

/**
 * What a machine of `network` is offered. The mirror answers the machines of its network; the proxy is for all. Time servers
 * and search domains are those of the subnet that the machine's address is in: DHCP tells them too, but not every system
 * takes them from there. Name servers are offered where another DHCP server gives the addresses, and ours go untold.
 */
export function offersOf({ config, network, address, bootCa }: OfferSources): Offers {
  const { mirror, proxy } = config;
  const { ntp, search, dns } =
    subnetsOf(network).find(({ subnet }) => address !== undefined && contains(subnet, address)) ??
    network.dhcp;
  const servers = network.dhcp.mode === 'authoritative' ? [] : dns.map(formatIpv4);
  const server = formatIpv4(network.address);
  return {
    ...(mirror?.network === network.name && {
      mirror: same<OfferedMirror>({
        address: server,
        ca: bootCa,
        registries: mirror.registries.map(({ name, url, port }) => ({
          name,
          url,
          mirror: `https://${server}:${port}`,
        })),
      }),
    }),
    ...(proxy && {
      proxy: same<OfferedProxy>({
        ...(proxy.http !== undefined && { http: proxy.http }),
        ...(proxy.https !== undefined && { https: proxy.https }),
        no_proxy: proxy.noProxy.join(','),
      }),
    }),
    ...(ntp.length > 0 && { ntp: same({ servers: ntp.map(formatIpv4) }) }),
    ...(servers.length + search.length > 0 && { resolver: same({ servers, domains: search }) }),
  };
}

/** One object for all that are alike, so that what documents say of it is written once for many machines. */
function same<Offer extends object>(offer: Offer): Offer {
  return parsed(JSON.stringify(offer)) as Offer;
}

const parsed = remember((text): unknown => JSON.parse(text));
