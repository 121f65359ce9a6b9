import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClusterSettings } from '../config/config.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { JoinMaterial } from '../provision/join.ts';
import type { ClusterApi } from './api.ts';
import { explainApiError } from './api-error.ts';
import { issueNodeCertificate, readCertificates } from './ca.ts';
import { createCaSource, readCaFile } from './ca-files.ts';
import { startCsrApprover } from './csr-approver.ts';
import type { KubernetesEvent } from './events.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { MachineTokens } from './machine-tokens.ts';
import { formatToken } from './tokens.ts';
import { createTurns } from './turns.ts';

/**
 * Certificates made at the same time. RSA keys are made on the few threads where leases are written to disk as well: with all of
 * them taken, a DHCP answer would wait for every machine that asked for its document before. ECDSA keys are made at once: so
 * many of them in one turn of the event loop.
 */
const CERTIFICATES_AT_ONCE = 2;

export interface JoinerOptions {
  /** Access to the cluster: needed with `join: token`; with `join: certificate` for serving certificates only. */
  readonly api?: ClusterApi;
  /** The addresses of the machine that is called so; undefined when no machine of ours is. */
  readonly addresses: (nodeName: string) => readonly string[] | undefined;
  readonly observe: (event: KubernetesEvent) => void;
}

/** Gives machines what they need to join the cluster. */
export interface Joiner {
  /**
   * What the machine called `nodeName` needs to join. Rejects with an Error that says what is wrong and what to do: a CA
   * that can't be used, an API server that doesn't answer.
   */
  join(nodeName: string, mac: string): Promise<JoinMaterial>;
  /** Ends watching, and deletes the tokens that are in use. */
  stop(): Promise<void>;
}

/** Takes up the machines' certificate signing requests at once, where there is an API to do so. */
export function createJoiner(cluster: ClusterSettings, { api, addresses, observe }: JoinerOptions): Joiner {
  const tokens = api && new MachineTokens({ api, observe });
  const stopApprover =
    api &&
    tokens &&
    startCsrApprover({
      api,
      facts: { token: (id) => tokens.find(id), addresses },
      onTokenUsed: (id, csrName) => tokens.use(id, csrName),
      onIssued: (csrName) => tokens.issued(csrName),
      observe,
    });
  return {
    join: cluster.join === 'token' ? joinByToken(cluster, tokens) : joinByCertificate(cluster, observe),
    async stop() {
      stopApprover?.();
      await tokens?.stop();
    },
  };
}

function joinByCertificate(cluster: ClusterSettings, observe: JoinerOptions['observe']): Joiner['join'] {
  const { ca: certificate, caKey: key, keyType, certificateLifetime: lifetime } = cluster;
  if (key === undefined) throw new Error('kubernetes.ca_key is missing: "join: certificate" needs it');
  const readCa = createCaSource({ certificate, key });
  const turns = createTurns(CERTIFICATES_AT_ONCE);
  return async (nodeName, mac) => {
    const ca = await readCa(Date.now());
    const credential = await turns(async () => {
      await nextTurn();
      return issueNodeCertificate(ca, { nodeName, keyType, lifetime }, Date.now());
    });
    observe({ type: 'certificate-issued', nodeName, mac, notAfter: credential.notAfter.getTime() });
    const { server } = cluster;
    const kubeconfig = renderKubeconfig({
      server,
      caPem: ca.pem,
      user: `system:node:${nodeName}`,
      credential,
    });
    return { ...clusterFacts(cluster), caPem: ca.pem, kind: 'kubeconfig', kubeconfig };
  };
}

function joinByToken(cluster: ClusterSettings, tokens: MachineTokens | undefined): Joiner['join'] {
  if (!tokens) throw new Error('kubernetes.kubeconfig is missing: "join: token" needs it');
  return async (nodeName, mac) => {
    const file = await readCaFile(cluster.ca);
    readCertificates(file);
    const token = await tokens.for(nodeName, mac, Date.now()).catch((error: unknown) => {
      throw new Error(`no bootstrap token for ${nodeName}: ${explainApiError(error)}`);
    });
    const { server } = cluster;
    const user = 'kubelet-bootstrap';
    const kubeconfig = renderKubeconfig({
      server,
      caPem: file.text,
      user,
      credential: { token: formatToken(token) },
    });
    return { ...clusterFacts(cluster), caPem: file.text, kind: 'bootstrap-kubeconfig', kubeconfig };
  };
}

function clusterFacts({ server, clusterDns, clusterDomain }: ClusterSettings) {
  return { server, clusterDns: clusterDns.map(formatIpv4), clusterDomain };
}
