import { type Ca, type IssuedCertificate, issueServerCertificate } from '../kubernetes/ca.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import { ALWAYS_BEFORE } from './boot-ca.ts';

const DAY = 24 * 3600;
/** Seconds. */
const LIFETIME = 90 * DAY;
/** Replaced when it ends within this, milliseconds. */
const RENEWED_BEFORE = 30 * DAY * 1000;
/** How often that is looked at, milliseconds. */
const INTERVAL = 3_600_000;

/** True when a certificate that ends then is to be replaced at `now` (milliseconds). */
export function needsRenewal(notAfter: Date, now: number): boolean {
  return notAfter.getTime() - now < RENEWED_BEFORE;
}

export interface CertificateOptions {
  /** The CA in force. */
  readonly ca: () => Promise<Ca>;
  /** The address that the server answers at. */
  readonly address: Ipv4;
  /** Takes each certificate into use, the first one included. */
  readonly use: (certificate: IssuedCertificate) => void;
  /** Told when a new one can't be made; the old one stays in use, and it's tried again in an hour. */
  readonly onError: (error: Error) => void;
}

/** A certificate that is looked after. */
export interface KeptCertificate {
  /** Looks at once whether it is to be replaced: the clock was set. Never rejects. */
  renew(): Promise<void>;
  /** Ends it. */
  stop(): void;
}

/**
 * Keeps a server in certificates: makes the first one at once, and another one each time the last has a month left.
 * Rejects when the first can't be made.
 */
export async function keepCertificate({
  ca,
  address,
  use,
  onError,
}: CertificateOptions): Promise<KeptCertificate> {
  const make = async () => {
    const now = Date.now();
    return issueServerCertificate(await ca(), { address, lifetime: LIFETIME, notBefore: ALWAYS_BEFORE }, now);
  };
  let current = await make();
  use(current);
  const renew = async () => {
    if (!needsRenewal(current.notAfter, Date.now())) return;
    try {
      current = await make();
      use(current);
    } catch (error) {
      onError(error as Error);
    }
  };
  const timer = setInterval(() => void renew(), INTERVAL).unref();
  return { renew, stop: () => clearInterval(timer) };
}
