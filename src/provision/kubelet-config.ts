import type { ProfileKubernetes } from '../config/config.ts';
import type { JoinMaterial } from './join.ts';

/** A KubeletConfiguration (kubelet.config.k8s.io/v1beta1). */
export type KubeletConfig = Readonly<Record<string, unknown>>;

/** The cluster's CA certificate, with which clients of the kubelet prove who they are. */
export const CA_FILE = '/etc/kubernetes/pki/ca.crt';

/**
 * A worker's KubeletConfiguration, for kubelets 1.30 to 1.36. The profile's `config` is put over it: maps key by key,
 * anything else as a whole. Without `join` it names no DNS.
 *
 * `rotateCertificates` is on for issued certificates too. A kubelet then asks for another one at every boot, since its
 * memory of the last is gone; kubeadm's clusters approve that by themselves (selfnodeclient), and elsewhere the request
 * lies there until it is forgotten, without harm. Off, a machine that is up for longer than its certificate is valid would
 * be lost. Serving certificates are asked for from the cluster where machines join with a token, for then this service can
 * approve them; otherwise the kubelet signs its own, unless the profile sets `serverTLSBootstrap`.
 */
export function kubeletConfig(
  { taints, config }: ProfileKubernetes,
  join?: Pick<JoinMaterial, 'kind' | 'clusterDns' | 'clusterDomain'>,
): KubeletConfig {
  const own = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: CA_FILE },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'systemd',
    ...(join && { clusterDNS: [...join.clusterDns], clusterDomain: join.clusterDomain }),
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    failSwapOn: true,
    readOnlyPort: 0,
    ...(taints.length > 0 && { registerWithTaints: taints.map(parseTaint) }),
    // The servers that systemd-resolved asks: the address of its own listener is a loopback one, useless in a pod.
    resolvConf: '/run/systemd/resolve/resolv.conf',
    rotateCertificates: true,
    serverTLSBootstrap: join?.kind === 'bootstrap-kubeconfig',
    staticPodPath: '/etc/kubernetes/manifests',
    // The default lies in /usr, which is read-only.
    volumePluginDir: '/var/lib/kubelet/volumeplugins',
  };
  return mergeMaps(own, config);
}

/** `key=value:Effect` or `key:Effect`. */
function parseTaint(taint: string): { key: string; value?: string; effect: string } {
  const [, key = '', value, effect = ''] = /^([^=:]+)(?:=([^:]*))?:(.*)$/.exec(taint) ?? [];
  return { key, ...(value !== undefined && { value }), effect };
}

function mergeMaps(base: KubeletConfig, over: KubeletConfig): KubeletConfig {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isMap(before) && isMap(value) ? mergeMaps(before, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is KubeletConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
