import { type CertificateRequest, parseCsr } from './csr.ts';

/** What the API server says about a CertificateSigningRequest: who sent it, and what it is for. */
export interface CsrSpec {
  /** The API server's own finding, by the sender's token or certificate. */
  readonly username: string;
  readonly groups: readonly string[];
  readonly signerName: string;
  readonly usages: readonly string[];
  /** PKCS #10, PEM. */
  readonly request: string;
}

/** A bootstrap token that was given to one machine. */
export interface GrantedToken {
  readonly id: string;
  readonly nodeName: string;
  /** A request that came with it was approved already: its name. */
  readonly usedFor?: string;
}

/** What is known here of machines and tokens. */
export interface CsrFacts {
  /** The token with an id; undefined when it isn't one of ours. */
  readonly token: (id: string) => GrantedToken | undefined;
  /** The addresses of the machine that is called so; undefined when no machine of ours is. */
  readonly addresses: (nodeName: string) => readonly string[] | undefined;
}

/** `leave`: nobody's business of ours, or for a person to decide. `reason` is for people. */
export type CsrDecision =
  | { readonly verdict: 'approve'; readonly nodeName: string; readonly reason: string }
  | { readonly verdict: 'deny'; readonly nodeName: string; readonly reason: string }
  | { readonly verdict: 'leave'; readonly nodeName?: string; readonly reason: string };

export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';

const BOOTSTRAP_USER = 'system:bootstrap:';
const NODE_USER = 'system:node:';
const NODES = 'system:nodes';

/**
 * Decides about a request, by name `csrName`. Approved are: the client certificate of the machine whose bootstrap token
 * asks, once; and the serving certificate of one of our machines, asked for by itself, for its own name and addresses.
 * A token of ours that asks for anything else is denied. All other requests are left alone.
 */
export function decideCsr(csrName: string, spec: CsrSpec, facts: CsrFacts): CsrDecision {
  if (spec.username.startsWith(BOOTSTRAP_USER)) {
    const token = facts.token(spec.username.slice(BOOTSTRAP_USER.length));
    if (!token) return { verdict: 'leave', reason: 'its bootstrap token is not one of ours' };
    const { nodeName } = token;
    const wrong = wrongWithClientRequest(csrName, spec, token);
    return wrong
      ? { verdict: 'deny', nodeName, reason: `sent with the bootstrap token of ${nodeName}, but ${wrong}` }
      : { verdict: 'approve', nodeName, reason: `client certificate of ${nodeName}, which has the token` };
  }
  if (spec.signerName === SERVING_SIGNER && spec.username.startsWith(NODE_USER)) {
    const nodeName = spec.username.slice(NODE_USER.length);
    const addresses = facts.addresses(nodeName);
    if (!addresses) return { verdict: 'leave', reason: `no machine of ours is called ${nodeName}` };
    const wrong = wrongWithServingRequest(spec, nodeName, addresses);
    return wrong
      ? { verdict: 'leave', nodeName, reason: `serving certificate of ${nodeName}: ${wrong}` }
      : { verdict: 'approve', nodeName, reason: `serving certificate of ${nodeName}, for its own name` };
  }
  return { verdict: 'leave', reason: 'neither a machine joining with our token nor a kubelet of ours' };
}

function wrongWithClientRequest(csrName: string, spec: CsrSpec, token: GrantedToken): string | undefined {
  if (token.usedFor !== undefined && token.usedFor !== csrName)
    return `that was used already, for ${token.usedFor}`;
  if (spec.signerName !== CLIENT_SIGNER) return `the signer is ${spec.signerName}`;
  const request = read(spec.request);
  if (typeof request === 'string') return request;
  const { dnsNames, ipAddresses } = request;
  if (dnsNames.length > 0 || ipAddresses.length > 0) return 'it asks for alternative names';
  return wrongUsages(spec.usages, 'client auth') ?? wrongSubject(request, token.nodeName);
}

function wrongWithServingRequest(
  spec: CsrSpec,
  nodeName: string,
  addresses: readonly string[],
): string | undefined {
  if (!spec.groups.includes(NODES)) return `the sender is not in ${NODES}`;
  const request = read(spec.request);
  if (typeof request === 'string') return request;
  const { dnsNames, ipAddresses } = request;
  if (dnsNames.length + ipAddresses.length === 0) return 'it asks for no name or address';
  const foreign =
    dnsNames.find((name) => name !== nodeName) ?? ipAddresses.find((address) => !addresses.includes(address));
  if (foreign !== undefined) return `${foreign} is not known to be its own`;
  return wrongUsages(spec.usages, 'server auth') ?? wrongSubject(request, nodeName);
}

function read(pem: string): CertificateRequest | string {
  try {
    return parseCsr(pem);
  } catch (error) {
    return `its request can't be used: ${(error as Error).message}`;
  }
}

/** Kubelets ask for their purpose, signatures, and with an RSA key for key encipherment. */
function wrongUsages(usages: readonly string[], purpose: 'client auth' | 'server auth'): string | undefined {
  const asked = new Set(usages);
  const missing = [purpose, 'digital signature'].find((usage) => !asked.delete(usage));
  if (missing) return `the usage "${missing}" is missing`;
  asked.delete('key encipherment');
  const [extra] = asked;
  return extra === undefined ? undefined : `it asks for the usage "${extra}"`;
}

function wrongSubject(
  { commonNames, organizations, others }: CertificateRequest,
  nodeName: string,
): string | undefined {
  const [other] = others;
  if (other !== undefined) return `it asks for more than a kubelet needs: ${other}`;
  if (commonNames.length !== 1 || commonNames[0] !== NODE_USER + nodeName) {
    return `it asks for the name ${JSON.stringify(commonNames.join(', '))}`;
  }
  if (organizations.length !== 1 || organizations[0] !== NODES) {
    return `it asks for the organizations ${JSON.stringify(organizations)}`;
  }
  return undefined;
}
