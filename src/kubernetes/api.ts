import type { V1CertificateSigningRequest, V1Secret } from '@kubernetes/client-node';
import { apiStatus } from './api-error.ts';
import { createClientSource, library } from './client.ts';
import type { KubernetesEvent } from './events.ts';
import { keepWatching } from './watch.ts';

/** Objects that can be watched. */
const WATCHABLE = {
  nodes: '/api/v1/nodes',
  'certificate signing requests': '/apis/certificates.k8s.io/v1/certificatesigningrequests',
} as const;

export interface ClusterApiOptions {
  /** Kubeconfig file. It is read again after every failure, so it may come later, or be renewed. */
  readonly kubeconfig: string;
  /** Told of trouble, once, and of its end. */
  readonly observe: (event: Extract<KubernetesEvent, { type: 'trouble' | 'recovered' }>) => void;
}

/** A certificate signing request that was looked at; its name alone could be another one's by now. */
export interface CsrReference {
  readonly name: string;
  readonly uid: string;
}

/**
 * What this service does at the API server; docs/rbac.yaml grants its user just that. Calls end within seconds; they reject
 * with the client library's errors, for `explainApiError`.
 */
export interface ClusterApi {
  /** Makes a Secret in kube-system. */
  createSecret(secret: V1Secret): Promise<void>;
  /** Removes a Secret from kube-system; it need not exist. */
  deleteSecret(name: string): Promise<void>;
  /** Approves or denies a certificate signing request, unless somebody has done so or it is another by now. */
  decide(csr: CsrReference, verdict: 'approve' | 'deny', message: string): Promise<void>;
  /** Sets labels of a node. */
  label(nodeName: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Calls `onObject` for every object there is and for each change, more than once for some, until the returned
   * function is called. Lost connections are made again.
   */
  watch(what: keyof typeof WATCHABLE, onObject: (object: unknown) => void): () => void;
  /** Tells the observer whether something worked: undefined, or why not. */
  report(doing: string, reason: string | undefined): void;
}

/** Gives access to a cluster. Connects to nothing by itself. */
export function openClusterApi({ kubeconfig, observe }: ClusterApiOptions): ClusterApi {
  const source = createClientSource(kubeconfig);
  const troubles = new Set<string>();

  const report = (doing: string, reason: string | undefined) => {
    if (reason === undefined) {
      if (troubles.delete(doing)) observe({ type: 'recovered', doing });
    } else if (!troubles.has(doing)) {
      troubles.add(doing);
      observe({ type: 'trouble', doing, reason });
    }
  };

  async function call(task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      source.forget();
      throw error;
    }
  }

  return {
    report,
    createSecret: (body) =>
      call(async () => {
        const core = await source.api((k8s) => k8s.CoreV1Api);
        await core.createNamespacedSecret({ namespace: 'kube-system', body });
      }),
    deleteSecret: (name) =>
      call(async () => {
        const core = await source.api((k8s) => k8s.CoreV1Api);
        await core.deleteNamespacedSecret({ namespace: 'kube-system', name }).catch((error: unknown) => {
          if (apiStatus(error) !== 404) throw error;
        });
      }),
    decide: ({ name, uid }, verdict, message) =>
      call(async () => {
        const certificates = await source.api((k8s) => k8s.CertificatesV1Api);
        const csr = await certificates.readCertificateSigningRequest({ name });
        if (csr.metadata?.uid !== uid || isDecided(csr)) return;
        const type = verdict === 'approve' ? 'Approved' : 'Denied';
        const conditions = [{ type, status: 'True', reason: 'Rackseed', message }];
        await certificates.replaceCertificateSigningRequestApproval({
          name,
          body: { ...csr, status: { ...csr.status, conditions } },
        });
      }),
    label: (name, labels) =>
      call(async () => {
        const { setHeaderOptions, PatchStrategy } = await library();
        const core = await source.api((k8s) => k8s.CoreV1Api);
        const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
        await core.patchNode({ name, body: { metadata: { labels } } }, merge);
      }),
    watch(what, onObject) {
      const stopping = new AbortController();
      const onState = (reason: string | undefined) => report(`watching ${what}`, reason);
      void keepWatching({ source, path: WATCHABLE[what], onObject, onState }, stopping.signal);
      return () => stopping.abort();
    },
  };
}

/** Whether a request was approved or denied already. */
export function isDecided({ status }: Pick<V1CertificateSigningRequest, 'status'>): boolean {
  return status?.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied') ?? false;
}
