import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { AdminSettings } from '../config/config.ts';

/** How often the files are looked at, milliseconds; renewed certificates have days to spare. */
const INTERVAL = 30_000;

/** A certificate with those above it, and its private key, PEM. */
export interface AdminTls {
  readonly certificate: string;
  readonly key: string;
}

type TlsFiles = NonNullable<AdminSettings['tls']>;

/** Whom to tell of a renewal. */
export interface TlsFollower {
  readonly onRenewed: () => void;
  /** The files changed and can't be used: an Error for people, once per change. */
  readonly onError: (error: Error) => void;
  /** Milliseconds between two looks. */
  readonly interval?: number;
}

/** Reads the files that `admin.tls` names. Throws an Error for people when they are no certificate and its key. */
export async function readAdminTls(files: TlsFiles): Promise<AdminTls> {
  try {
    const certificate = await readFile(files.certificate, 'utf8');
    const key = await readFile(files.key, 'utf8');
    // An empty file, as one is while it is written over, counts as none for a context.
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key is that of another certificate');
    createSecureContext({ cert: certificate, key });
    return { certificate, key };
  } catch (error) {
    throw new Error(
      `admin.tls: ${files.certificate} and ${files.key} are not a certificate and its key: ${(error as Error).message}`,
    );
  }
}

/**
 * Takes a renewed certificate into use without a restart, until the app closes. Files are compared by their text, so it
 * doesn't matter whether they were replaced, written over or reached through a link. Connections that are open keep the
 * certificate they began with.
 */
export function followAdminTls(
  app: FastifyInstance,
  files: TlsFiles,
  inUse: AdminTls,
  { onRenewed, onError, interval = INTERVAL }: TlsFollower,
): void {
  const { server } = app;
  if (!(server instanceof Server)) throw new Error('the admin app was made without TLS');
  let current = inUse;
  let told: string | undefined;
  const look = async () => {
    try {
      const found = await readAdminTls(files);
      told = undefined;
      if (found.certificate === current.certificate && found.key === current.key) return;
      server.setSecureContext({ cert: found.certificate, key: found.key });
      current = found;
      onRenewed();
    } catch (error) {
      // Certificate and key are written one after the other: the next look may find both.
      const { message } = error as Error;
      if (told !== message) onError(new Error(`${message}; the certificate before stays in use`));
      told = message;
    }
  };
  const timer = setInterval(look, interval);
  app.addHook('onClose', async () => clearInterval(timer));
}
