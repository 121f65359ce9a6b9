import { createServer, type Server } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { IssuedCertificate } from '../kubernetes/ca.ts';
import type { ProvisioningContext } from './context.ts';
import { LIMITS } from './limits.ts';
import { createMachineApp, type MachineAppOptions } from './machine-app.ts';
import { registerSecretRoutes } from './secret-routes.ts';

/** To agree on a cipher, milliseconds. */
const HANDSHAKE = 10_000;

/** The HTTPS server of one provisioning network, from which machines fetch their keys. Not listening yet. */
export interface HttpsApp {
  readonly app: FastifyInstance;
  /** Takes a certificate into use; without one, nobody gets a connection. Connections that are open keep theirs. */
  useCertificate(certificate: IssuedCertificate): void;
}

/** Makes the HTTPS server of a provisioning network. */
export function createHttpsApp(options: ProvisioningContext & MachineAppOptions): HttpsApp {
  let server: Server | undefined;
  const app = createMachineApp(options, (handler) => {
    server = createServer(
      {
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE,
        maxHeaderSize: LIMITS.headerBytes,
        headersTimeout: LIMITS.headers,
        requestTimeout: LIMITS.request,
        keepAliveTimeout: LIMITS.keepAlive,
        connectionsCheckingInterval: 5_000,
      },
      handler,
    );
    server.setTimeout(options.stallTimeout ?? LIMITS.stall);
    return server;
  });
  registerSecretRoutes(app, options);
  return {
    app,
    useCertificate: ({ certificatePem, keyPem }) =>
      server?.setSecureContext({ cert: certificatePem, key: keyPem, minVersion: 'TLSv1.2' }),
  };
}
