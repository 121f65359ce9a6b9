import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { ProvisioningContext } from './context.ts';
import { registerDocumentRoutes } from './document-routes.ts';
import { registerFiles } from './files.ts';
import { LIMITS, refuseBadConnection } from './limits.ts';
import { registerMachineRoutes } from './machine-routes.ts';
import { registerPhoneHome } from './phone-home.ts';
import { answerErrorsInText, Refusal, refuse, toRefusal } from './refusal.ts';

/** What the provisioning app is made of. */
export interface ProvisioningOptions extends ProvisioningContext {
  /** False until everything that answers depend on is loaded; machines are told to come back until then. */
  readonly ready: () => boolean;
  readonly logger: Logger;
  /** Milliseconds after which a client that takes no bytes is cut off. */
  readonly stallTimeout?: number;
}

/**
 * The HTTP server of one provisioning network: scripts, documents and files for machines. Not listening yet.
 *
 *     const app = createProvisioningApp({ network, config, ready, cache: new FileCache(() => 1e9), … });
 *     await app.listen({ host: '192.168.0.254', port: 80 });
 */
export function createProvisioningApp(options: ProvisioningOptions): FastifyInstance {
  const { network, observe, ready, stallTimeout = LIMITS.stall } = options;
  const logger: FastifyBaseLogger = options.logger;
  const app = fastify({
    loggerInstance: logger,
    // Requests are reported through `observe`, without their query.
    logController: new LogController({ disableRequestLogging: true }),
    connectionTimeout: stallTimeout,
    requestTimeout: LIMITS.request,
    keepAliveTimeout: LIMITS.keepAlive,
    http: {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headers,
      connectionsCheckingInterval: 5_000,
    },
    bodyLimit: LIMITS.bodyBytes,
    routerOptions: { maxParamLength: LIMITS.urlLength },
    forceCloseConnections: true,
    clientErrorHandler: refuseBadConnection,
    frameworkErrors: (error, request, reply) => refuse(request, reply, toRefusal(error, request), observe),
  });

  answerErrorsInText(app, observe);

  app.addHook('onRequest', async (request) => {
    if (request.url.length > LIMITS.urlLength) {
      throw new Refusal(414, `the URL is longer than ${LIMITS.urlLength} characters`);
    }
    // Clients take any 4xx for final, so nothing is looked up before it can be found.
    if (!ready()) throw new Refusal(503, 'the server is starting; try again');
  });

  app.get('/', (_, reply) =>
    reply
      .type('text/plain; charset=utf-8')
      .send(`rackseed: boots machines on network ${network.name}. They begin at /boot.ipxe.\n`),
  );
  registerMachineRoutes(app, options);
  registerDocumentRoutes(app, options);
  registerPhoneHome(app, options);
  registerFiles(app, options);
  return app;
}
