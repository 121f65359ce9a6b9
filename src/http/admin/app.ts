import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ApiTokens } from '../../api-tokens/api-tokens.ts';
import { createTurns } from '../../kubernetes/turns.ts';
import { endAbandonedAnswers } from '../abandoned-answers.ts';
import { type AdminLimits, addAccess } from './access.ts';
import { noteUnixSockets } from './caller.ts';
import { addChangeRoutes } from './change-routes.ts';
import { refuseBadConnection } from './connection.ts';
import type { AdminContext } from './context.ts';
import { addDocumentation } from './documentation.ts';
import { addEventRoutes } from './event-routes.ts';
import { EventStream } from './event-stream.ts';
import { addHealthRoutes, type Health } from './health-routes.ts';
import { addImagePullRoutes } from './image-pull-routes.ts';
import { addMachineRoutes } from './machine-routes.ts';
import { noteMethods, refuseOtherMethods } from './methods.ts';
import { createAdminMetrics } from './metrics.ts';
import { sendProblem, toProblem } from './problem.ts';
import { addRackMetrics } from './rack-metrics.ts';
import { addRackRoutes } from './rack-routes.ts';
import { addTokenRoutes } from './token-routes.ts';
import { addTransferRoutes } from './transfer-routes.ts';
import { compileValidator } from './validation.ts';
import { addWebPage } from './web-page.ts';

/** What the admin app stands on. */
export interface AdminOptions extends Omit<AdminContext, 'inTurn'>, Health {
  readonly tokens: ApiTokens;
  readonly metrics: Registry;
  readonly logger: Logger;
  /** The folder of the built web page. */
  readonly ui: string;
  /** What the server shows and proves itself with, PEM; plain HTTP without. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly limits?: Partial<AdminLimits>;
}

const LIMITS: AdminLimits = { requests: 600, failures: 20 };
const BODY_BYTES = 1024 * 1024;
/** How long a request may take to arrive, milliseconds; the largest one is an import. */
const REQUEST_TIMEOUT = 60_000;
const HEADERS_TIMEOUT = 10_000;

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/**
 * The HTTP server for people and tools: REST, events, metrics, documentation, the web page. Not listening yet: see
 * `listenAdmin`.
 */
export async function createAdminApp(options: AdminOptions): Promise<FastifyInstance> {
  const { journal, config, version, metrics, tokens, tls } = options;
  const logger: FastifyBaseLogger = options.logger;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    // A host that is busy when the service starts makes it slow, not faulty.
    pluginTimeout: 0,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT,
    http: { headersTimeout: HEADERS_TIMEOUT },
    clientErrorHandler: refuseBadConnection,
    frameworkErrors: (error, _, reply) => {
      const { statusCode, message } = toProblem(error);
      sendProblem(reply, statusCode, message);
    },
    ...(tls && { https: { cert: tls.certificate, key: tls.key, headersTimeout: HEADERS_TIMEOUT } }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  noteUnixSockets(app.server);
  endAbandonedAnswers(app.server);

  app.setValidatorCompiler(compileValidator);
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler((error, request, reply) => {
    const { statusCode, message, errors } = toProblem(error);
    // The URL holds no secret: tokens are told in a header.
    if (statusCode >= 500)
      request.log.error({ err: error, url: request.url }, 'a request to the admin app failed');
    return sendProblem(reply, statusCode, message, errors);
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (request.url.startsWith('/v1/')) reply.header('cache-control', 'no-store');
  });

  const counters = createAdminMetrics(metrics);
  addRackMetrics(metrics, options);
  const stream = new EventStream(journal, version, counters);
  app.addHook('preClose', async () => stream.stop());
  const context: AdminContext = { ...options, inTurn: createTurns(1) };
  const methods = noteMethods(app);
  await addAccess(app, {
    tokens,
    names: () => config().admin.names,
    limits: { ...LIMITS, ...options.limits },
    metrics: counters,
  });
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) =>
    sendProblem(reply, 404, `nothing is served at ${request.method} ${request.url}; /docs/ tells what is`),
  );
  await addDocumentation(app, version);
  addHealthRoutes(app, options, metrics);
  addMachineRoutes(app, context);
  addChangeRoutes(app, context);
  await addTransferRoutes(app, context);
  addRackRoutes(app, context);
  addImagePullRoutes(app, context);
  addEventRoutes(app, stream);
  addTokenRoutes(app, context, tokens, stream);
  await addWebPage(app, options.ui);
  refuseOtherMethods(app, methods);
  return app;
}
