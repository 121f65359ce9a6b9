import type { ExecutionContext } from 'ava';
import type { ClusterSettings } from '../../src/config/config.ts';
import { openClusterApi } from '../../src/kubernetes/api.ts';
import type { KubernetesEvent } from '../../src/kubernetes/events.ts';
import { createJoiner } from '../../src/kubernetes/joiner.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { subnet } from './dhcp.ts';
import { makeRequest, type RequestOptions } from './openssl.ts';

export const MAC = '52:54:00:12:34:56';
export const NODES = '/api/v1/nodes';
export const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
export const SECRETS = '/api/v1/namespaces/kube-system/secrets';
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';

type EventType = KubernetesEvent['type'];
/** Those of the events that are of one type. */
export const ofType = <Type extends EventType>(events: readonly KubernetesEvent[], type: Type) =>
  events.filter((event): event is Extract<KubernetesEvent, { type: Type }> => event.type === type);

export const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Access to a cluster as the service has it. */
export function apiFor(
  cluster: TestCluster,
  events: KubernetesEvent[],
  kubeconfig = cluster.serviceKubeconfig,
) {
  return openClusterApi({ kubeconfig, observe: (event) => events.push(event) });
}

/** A joiner for the length of a test; it knows worker-01 at 192.168.0.1. */
export function joinerFor(
  t: ExecutionContext,
  cluster: TestCluster,
  settings: Partial<ClusterSettings>,
  alsoTell: (event: KubernetesEvent) => void = () => {},
) {
  const events: KubernetesEvent[] = [];
  const observe = (event: KubernetesEvent) => {
    events.push(event);
    alsoTell(event);
  };
  const complete: ClusterSettings = {
    server: cluster.server,
    ca: cluster.ca.certificate,
    caKey: cluster.ca.key,
    join: 'certificate',
    certificateLifetime: 3600,
    keyType: 'ecdsa',
    clusterDns: [parseIpv4('10.96.0.10') ?? t.fail()],
    clusterDomain: 'cluster.local',
    podSubnet: subnet('10.244.0.0/16'),
    serviceSubnet: subnet('10.96.0.0/12'),
    ...settings,
  };
  const joiner = createJoiner(complete, {
    api: openClusterApi({ kubeconfig: settings.kubeconfig ?? cluster.serviceKubeconfig, observe }),
    addresses: (nodeName) => (nodeName === 'worker-01' ? ['192.168.0.1'] : undefined),
    observe,
  });
  t.teardown(() => joiner.stop());
  return { joiner, events };
}

/** Asks for a certificate as a kubelet does. */
export async function requestCertificate(
  cluster: TestCluster,
  kubeconfig: string,
  name: string,
  signerName: string,
  options: RequestOptions,
): Promise<{ readonly keyPem: string }> {
  const { request, keyPem } = await makeRequest(cluster.folder, options);
  const purpose = signerName === SERVING_SIGNER ? 'server auth' : 'client auth';
  const csr = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request: base64(request), signerName, usages: ['digital signature', purpose] },
  };
  // An API server knows a new token or right after a moment.
  await eventually(async () => (await cluster.ask(kubeconfig, 'POST', CSRS, csr)).status === 201);
  return { keyPem };
}

/** How a request was decided about. */
export async function decided(cluster: TestCluster, name: string): Promise<string[]> {
  let types: string[] = [];
  await eventually(async () => {
    const { conditions = [] } = (await cluster.admin('GET', `${CSRS}/${name}`)).body.status ?? {};
    types = conditions.map(({ type }) => type);
    return types.length > 0;
  });
  return types;
}

/** A Node as a kubelet writes it. */
export function node(name: string, bootID: string, ready?: boolean): object {
  const nodeInfo = {
    bootID,
    machineID: '',
    systemUUID: '',
    kernelVersion: '',
    osImage: '',
    containerRuntimeVersion: '',
    kubeletVersion: '',
    kubeProxyVersion: '',
    operatingSystem: '',
    architecture: '',
  };
  const condition = {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const conditions = ready === undefined ? [] : [condition];
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { nodeInfo, conditions } };
}
