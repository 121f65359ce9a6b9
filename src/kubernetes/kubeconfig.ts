import { dump } from 'js-yaml';

/** What a kubeconfig says: one cluster, one user. */
export interface KubeconfigFields {
  /** `https://192.168.0.254:6443` */
  readonly server: string;
  /** The cluster's CA certificate, PEM. */
  readonly caPem: string;
  /** Name of the user entry: `system:node:worker-01`. */
  readonly user: string;
  readonly credential:
    | { readonly certificatePem: string; readonly keyPem: string }
    | { readonly token: string };
}

/** The text of a kubeconfig (v1 Config) with everything inside, for kubelet, kubectl and client libraries. */
export function renderKubeconfig({ server, caPem, user, credential }: KubeconfigFields): string {
  const cluster = 'kubernetes';
  const context = `${user}@${cluster}`;
  const data: Record<string, string> =
    'token' in credential
      ? { CA: caPem }
      : { CA: caPem, CERTIFICATE: credential.certificatePem, KEY: credential.keyPem };
  const identity =
    'token' in credential
      ? { token: credential.token }
      : { 'client-certificate-data': 'CERTIFICATE', 'client-key-data': 'KEY' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': 'CA' } }],
    users: [{ name: user, user: identity }],
    contexts: [{ name: context, context: { cluster, user } }],
    'current-context': context,
  };
  // Long texts take js-yaml long, and base64 needs no quotes.
  return dump(config, { lineWidth: -1 }).replace(/(?<=-data: )\w+$/gm, (name) => base64(data[name] ?? ''));
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
