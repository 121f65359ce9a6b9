import type { DockerDisk, Profile, ProfileKubernetes } from '../../src/config/config.ts';
import type { JoinMaterial } from '../../src/provision/join.ts';

/** What `docker_disk: {}` means. */
export const DISK: DockerDisk = {
  device: 'auto',
  minimumSize: 1024 ** 3,
  filesystem: 'ext4',
  label: 'DOCKER_DATA',
  directories: ['/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet', '/var/log/pods'],
  wait: 30,
};

/** A worker whose kubelet comes from assets/. */
export const KUBERNETES: ProfileKubernetes = {
  role: 'worker',
  kubelet: { source: 'assets', version: 'v1.36.2' },
  labels: {},
  taints: [],
  config: {},
};

/** What a machine joins with that gets a certificate. */
export const JOIN: JoinMaterial = {
  server: 'https://192.168.0.254:6443',
  caPem: '-----BEGIN CERTIFICATE-----\nCA\n-----END CERTIFICATE-----\n',
  kubeconfig: 'apiVersion: v1\nkind: Config\n',
  kind: 'kubeconfig',
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
};

/** What a machine joins with that gets a token. */
export const TOKEN_JOIN: JoinMaterial = { ...JOIN, kind: 'bootstrap-kubeconfig' };

/** A profile as the loader gives it. */
export function profileOf(sections: Partial<Profile>): Profile {
  return { name: 'worker', chain: ['worker'], boot: { kind: 'local-disk' }, ...sections };
}
