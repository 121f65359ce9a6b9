import { formatIpv4 } from '../net/ipv4.ts';
import type { Config, ProxySettings } from './config.ts';
import type { Problem } from './problem.ts';
import type { ProxyInput } from './proxy-schema.ts';
import { formatSubnet } from './subnet-text.ts';
import { subnetsOf } from './subnets.ts';
import type { YamlFile } from './yaml.ts';

/** What is never asked for through a proxy: the machine itself. */
const LOOPBACK = ['localhost', '127.0.0.0/8', '::1'];

/** The `proxy` section of rackseed.yaml, beside the networks and the cluster that are reached without. */
export function resolveProxy(
  { http, https, no_proxy: own = [] }: ProxyInput,
  around: Pick<Config, 'networks' | 'kubernetes'>,
): ProxySettings {
  const without = (url: string) => url.replace(/\/+$/, '');
  return {
    ...(http !== undefined && { http: without(http) }),
    ...(https !== undefined && { https: without(https) }),
    noProxy: [...new Set([...reachedDirectly(around), ...own])],
  };
}

/**
 * What a node reaches without a proxy, as NO_PROXY has it: itself, the provisioning networks with this host and its mirror,
 * the API server, pods, and services by address and by name.
 */
export function reachedDirectly({ networks, kubernetes }: Pick<Config, 'networks' | 'kubernetes'>): string[] {
  const ofNetworks = networks.flatMap((network) => [
    formatIpv4(network.address),
    ...subnetsOf(network).map(({ subnet }) => formatSubnet(subnet)),
  ]);
  const ofCluster = kubernetes && [
    // IPv6 has brackets in URLs only.
    new URL(kubernetes.server).hostname.replace(/^\[|\]$/g, ''),
    formatSubnet(kubernetes.podSubnet),
    formatSubnet(kubernetes.serviceSubnet),
    '.svc',
    `.${kubernetes.clusterDomain}`,
  ];
  return [...new Set([...LOOPBACK, ...ofNetworks, ...(ofCluster ?? [])])];
}

/** What is wrong with the section beyond its form. No message repeats a URL that holds a password. */
export function checkProxy(main: YamlFile, input: ProxyInput): Problem[] {
  return (['http', 'https'] as const).flatMap((key) => {
    const url = input[key];
    if (url === undefined) return [];
    const { username, password, pathname, search } = new URL(url);
    if (username !== '' || password !== '') {
      const message = 'has a user name or a password in it, which every machine would be told';
      return main.problem(['proxy', key], message, 'a proxy that lets this network in by its address');
    }
    if (/["'\\%$`]/.test(url) || pathname !== '/' || search !== '') {
      return main.problem(['proxy', key], 'is more than a host and a port', 'http://192.168.0.254:3128');
    }
    return [];
  });
}
