import type { ProfileKubernetes } from '../config/config.ts';

/**
 * The labels that a profile's nodes have: its role, which a kubelet may not give itself, and the profile's own. A kubelet
 * sets the latter too, but only on a node that is new; a Node that has outlived many boots keeps old ones.
 */
export function nodeLabels({
  role,
  labels,
}: Pick<ProfileKubernetes, 'role' | 'labels'>): Record<string, string> {
  // What kubeadm and its workloads call it.
  const name = role === 'controller' ? 'control-plane' : role;
  return { ...labels, [`node-role.kubernetes.io/${name}`]: '' };
}
