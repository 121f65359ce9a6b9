import { findFedoraCoreos } from './fedora-coreos.ts';
import { findFlatcar } from './flatcar.ts';
import { findIpxe } from './github.ts';
import { keysFor } from './keyring.ts';
import { findKubernetes } from './kubernetes.ts';
import { findKubernetesExtension } from './kubernetes-extension.ts';
import type { PullParts } from './pull.ts';
import type { PullRequest, Release, ReleaseFile } from './request.ts';

/** Finds out which release is wanted, and what vouches for its files. Rejects with an Error for people. */
export async function findRelease(
  request: PullRequest,
  { web, settings, signal }: Pick<PullParts, 'web' | 'settings' | 'signal'>,
  known: (image: string) => Promise<readonly ReleaseFile[]>,
): Promise<Release> {
  const { mirrors } = settings;
  switch (request.source) {
    case 'flatcar':
      return findFlatcar(request, {
        web,
        mirror: mirrors.flatcar,
        keys: await keysFor('flatcar', settings),
        signal,
      });
    case 'fedora-coreos': {
      const isSigned = settings.keys['fedora-coreos'].length > 0;
      const keys = isSigned ? await keysFor('fedora-coreos', settings) : undefined;
      return findFedoraCoreos(request, { web, mirror: mirrors.fedoraCoreos, keys, signal });
    }
    case 'kubernetes':
      if (request.sysext) return findKubernetesExtension(request, { web, mirror: mirrors.sysext, signal });
      return findKubernetes(request, { web, mirror: mirrors.kubernetes, cni: mirrors.cni, known, signal });
    case 'ipxe':
      return findIpxe(request, { web, mirror: mirrors.ipxe, signal });
  }
}
