import type { V1CertificateSigningRequest } from '@kubernetes/client-node';
import { type ClusterApi, isDecided } from './api.ts';
import { explainApiError } from './api-error.ts';
import { type CsrFacts, decideCsr } from './csr-approval.ts';
import type { KubernetesEvent } from './events.ts';
import { retry } from './retry.ts';

const ATTEMPTS = 5;
/** Requests left alone that are remembered, so that each is told of once. */
const MAX_LEFT = 1_000;

export interface CsrApproverOptions {
  readonly api: ClusterApi;
  readonly facts: CsrFacts;
  /** A request that came with one of our tokens is to be approved. */
  readonly onTokenUsed: (tokenId: string, csrName: string) => void;
  /** The certificate of an approved request is there. */
  readonly onIssued: (csrName: string) => void;
  readonly observe: (event: KubernetesEvent) => void;
}

/** Looks at every certificate signing request as it comes, and decides about those of our machines. Returns its end. */
export function startCsrApprover({
  api,
  facts,
  onTokenUsed,
  onIssued,
  observe,
}: CsrApproverOptions): () => void {
  const stopping = new AbortController();
  /** Requests that a decision is being written for, or that were left alone. */
  const deciding = new Set<string>();
  const left = new Set<string>();

  const onRequest = (csr: V1CertificateSigningRequest) => {
    const { name, uid } = csr.metadata ?? {};
    if (!name || !uid || deciding.has(uid)) return;
    if (csr.status?.certificate) onIssued(name);
    if (isDecided(csr)) return;
    const { username = '', groups = [], signerName, usages = [], request } = csr.spec;
    const decision = decideCsr(
      name,
      { username, groups, signerName, usages, request: Buffer.from(request, 'base64').toString('latin1') },
      facts,
    );
    const { verdict } = decision;
    if (verdict === 'leave') {
      if (left.has(uid)) return;
      if (left.size >= MAX_LEFT) left.clear();
      left.add(uid);
      observe({ type: 'csr', csr: name, ...decision });
      return;
    }
    const tokenId = /^system:bootstrap:(.*)$/.exec(username)?.[1];
    if (verdict === 'approve' && tokenId !== undefined) onTokenUsed(tokenId, name);
    deciding.add(uid);
    const doing = 'deciding about certificate signing requests';
    retry(ATTEMPTS, stopping.signal, () => api.decide({ name, uid }, verdict, decision.reason))
      .then(
        () => {
          api.report(doing, undefined);
          observe({ type: 'csr', csr: name, ...decision });
        },
        (error: unknown) => api.report(doing, explainApiError(error)),
      )
      .finally(() => deciding.delete(uid));
  };

  const stopWatching = api.watch('certificate signing requests', (csr) =>
    onRequest(csr as V1CertificateSigningRequest),
  );
  return () => {
    stopping.abort();
    stopWatching();
  };
}
