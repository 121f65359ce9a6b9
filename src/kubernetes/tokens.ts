import { randomInt } from 'node:crypto';
import type { V1Secret } from '@kubernetes/client-node';

/** A bootstrap token: `id.secret`. The id may be known; the secret may not. */
export interface BootstrapToken {
  /** Six of [a-z0-9]. */
  readonly id: string;
  /** Sixteen of [a-z0-9]. */
  readonly secret: string;
}

/** How long a machine may take from its document to its certificate signing request, milliseconds. */
export const TOKEN_LIFETIME = 15 * 60_000;

/**
 * The group of machines that join by a token made here. It needs the ClusterRole system:node-bootstrapper; it is not
 * kubeadm's group, whose requests are approved under any name.
 */
export const TOKEN_GROUP = 'system:bootstrappers:rackseed';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A new token. */
export function makeToken(): BootstrapToken {
  const letters = (length: number) =>
    Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return { id: letters(6), secret: letters(16) };
}

/** The token as it stands in a kubeconfig. */
export const formatToken = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`;

/** Name of the Secret in kube-system that makes a token known to the API server. */
export const tokenSecretName = (id: string): string => `bootstrap-token-${id}`;

/** That Secret: the token authenticates the machine `nodeName` until `expires` (milliseconds), and signs nothing. */
export function tokenSecret(token: BootstrapToken, nodeName: string, mac: string, expires: number): V1Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretName(token.id), namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': token.id,
      'token-secret': token.secret,
      expiration: `${new Date(expires).toISOString().slice(0, 19)}Z`,
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': TOKEN_GROUP,
      description: `rackseed: lets ${nodeName} (${mac}) join once`,
    },
  };
}
