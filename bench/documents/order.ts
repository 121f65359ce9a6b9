import type { KeyType } from '../../src/kubernetes/keys.ts';

/** The shipped profiles of a worker, by the format of their document. */
export const PROFILES = {
  'cloud-config': 'worker',
  ignition: 'worker-ignition',
  'cloud-init': 'worker-cloud-init',
} as const;
export type Format = keyof typeof PROFILES;

/** What the renderer is asked for: `GET /?format=ignition&certificates=ecdsa&machines=1000`. */
export interface Order {
  readonly format: Format;
  /** A new certificate for each machine, with a key of this type; or the same one for all. */
  readonly certificates: KeyType | 'one';
  readonly machines: number;
}

/** Where orders are taken; machines are served on port 80. */
export const ORDER_PORT = 8080;

/** Machines that wait for their documents at the same time. */
export const AT_ONCE = 50;

/** What came of it. */
export interface Rendered {
  readonly documentsPerSecond: number;
  /** How long a packet had to wait for the event loop, 99 of 100 times no longer, milliseconds. */
  readonly loopDelay: number;
  /** How long a lease took to be on disk, which its ACK waits for; 99 of 100 times no longer, milliseconds. */
  readonly leaseDelay: number;
}
