import { dump } from 'js-yaml';
import { remember } from '../provision/memory.ts';

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

/** Stand in a kubeconfig where these come, so that js-yaml has nothing to do with long texts and secrets. */
const WORD = { user: 'USER', ca: 'CA', certificate: 'CERTIFICATE', key: 'KEY' };

/** The text of a kubeconfig (v1 Config) with everything inside, for kubelet, kubectl and client libraries. */
export function renderKubeconfig({ server, caPem, user, credential }: KubeconfigFields): string {
  if ('token' in credential) {
    const text = dumpConfig(server, user, { token: credential.token });
    return withData(text, { [WORD.ca]: caPem });
  }
  const data = {
    [WORD.ca]: caPem,
    [WORD.certificate]: credential.certificatePem,
    [WORD.key]: credential.keyPem,
  };
  if (!isPlain(user)) return withData(dumpConfig(server, user, CERTIFIED), data);
  return withData(certifiedFrame(server).replace(USER, user), data);
}

const CERTIFIED = { 'client-certificate-data': WORD.certificate, 'client-key-data': WORD.key };

/** The same for all who have a certificate: it holds neither name nor secret. */
const certifiedFrame = remember((server) => dumpConfig(server, WORD.user, CERTIFIED));

function dumpConfig(server: string, user: string, identity: Readonly<Record<string, string>>): string {
  const cluster = 'kubernetes';
  const context = `${user}@${cluster}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': WORD.ca } }],
    users: [{ name: user, user: identity }],
    contexts: [{ name: context, context: { cluster, user } }],
    'current-context': context,
  };
  return dump(config, { lineWidth: -1 });
}

/** Every place of the name in a frame; none of them is in the server's URL. */
const USER = new RegExp(`(?<=(?:name|user|context): )${WORD.user}(?=$|@)`, 'gm');

/** True for a name that js-yaml writes as it is: `system:node:worker-01`. */
function isPlain(user: string): boolean {
  return /^[a-z]+(?::[a-z0-9.-]+)+$/.test(user);
}

/** base64 needs no quotes, whatever it holds. */
function withData(text: string, data: Readonly<Record<string, string>>): string {
  return text.replace(/(?<=-data: )\w+$/gm, (name) => base64(data[name] ?? ''));
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
