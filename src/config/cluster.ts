import { resolve } from 'node:path';
import { type Ipv4, parseCidr, parseIpv4, type Subnet } from '../net/ipv4.ts';
import { CLUSTER_DEFAULTS, type ClusterInput } from './cluster-schema.ts';
import type { ClusterSettings } from './config.ts';
import type { Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** Shortest lifetime of a certificate, seconds: a machine must be able to boot with it. */
const SHORTEST_LIFETIME = 600;

/** The `kubernetes` section of rackseed.yaml; its relative paths start in `directory`. */
export function resolveCluster(input: ClusterInput, directory: string): ClusterSettings {
  return {
    server: input.server,
    ca: resolve(directory, input.ca),
    ...(input.ca_key !== undefined && { caKey: resolve(directory, input.ca_key) }),
    join: input.join ?? CLUSTER_DEFAULTS.join,
    certificateLifetime: input.certificate_lifetime ?? CLUSTER_DEFAULTS.certificateLifetime,
    keyType: input.key_type ?? CLUSTER_DEFAULTS.keyType,
    ...(input.kubeconfig !== undefined && { kubeconfig: resolve(directory, input.kubeconfig) }),
    clusterDns: input.cluster_dns ?? [parseIpv4(CLUSTER_DEFAULTS.clusterDns) as Ipv4],
    clusterDomain: input.cluster_domain ?? CLUSTER_DEFAULTS.clusterDomain,
    podSubnet: input.pod_subnet ?? usual('podSubnet'),
    serviceSubnet: input.service_subnet ?? usual('serviceSubnet'),
  };
}

function usual(key: 'podSubnet' | 'serviceSubnet'): Subnet {
  return parseCidr(CLUSTER_DEFAULTS[key])?.subnet as Subnet;
}

/** What is wrong with the section as a whole. */
export function checkCluster(main: YamlFile, cluster: ClusterSettings): Problem[] {
  const problems: Problem[] = [];
  const report = (key: string, message: string, expected: string) =>
    problems.push(main.problem(['kubernetes', key], message, expected));
  if (cluster.join === 'certificate' && cluster.caKey === undefined) {
    report('ca_key', 'is missing, but join is certificate', "the file with the CA's key, or join: token");
  }
  if (cluster.join === 'token' && cluster.kubeconfig === undefined) {
    report('kubeconfig', 'is missing, but join is token', 'a kubeconfig that may make bootstrap tokens');
  }
  if (cluster.certificateLifetime < SHORTEST_LIFETIME) {
    report('certificate_lifetime', 'is too short for a boot', 'at least 10m');
  }
  return problems;
}
