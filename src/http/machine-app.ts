import type { Socket } from 'node:net';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerFactory,
  fastify,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { endAbandonedAnswers } from './abandoned-answers.ts';
import { ConnectionLimit } from './connection-limit.ts';
import type { HttpEvent } from './events.ts';
import { type BadConnection, badConnection, LIMITS, refuseConnection } from './limits.ts';
import { answerErrorsInText, Refusal, refuse, toRefusal } from './refusal.ts';

/** What every app is made of that machines talk to. */
export interface MachineAppOptions {
  readonly observe: (event: HttpEvent) => void;
  /** False until everything that answers depend on is loaded; machines are told to come back until then. */
  readonly ready: () => boolean;
  readonly logger: Logger;
  /** Milliseconds after which a client that takes no bytes is cut off. */
  readonly stallTimeout?: number;
}

/**
 * An app for machines without a route yet: it bounds what one client may use, answers errors in a line of text, and tells
 * clients to come back while the service starts. A server that `serverFactory` makes keeps the time limits itself.
 */
export function createMachineApp(
  { observe, ready, logger, stallTimeout = LIMITS.stall }: MachineAppOptions,
  serverFactory?: FastifyServerFactory,
): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = logger;
  const connections = new ConnectionLimit();
  /** Of one address, each kind of trouble is told once a minute. */
  const tellOf = ({ remoteAddress: address = 'unknown' }: Socket, { status, reason }: BadConnection) => {
    const isRepeated = !connections.isNews(address, `${status}`, performance.now());
    observe({
      type: 'refused',
      address,
      route: 'connection',
      status,
      reason,
      ...(isRepeated && { isRepeated }),
    });
  };
  const app = fastify({
    loggerInstance,
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
    clientErrorHandler(error, socket) {
      const bad = badConnection(error);
      if (!bad) return void socket.destroy();
      tellOf(socket, bad);
      refuseConnection(socket, bad);
    },
    frameworkErrors: (error, request, reply) => refuse(request, reply, toRefusal(error, request), observe),
    ...(serverFactory && { serverFactory }),
  });

  app.server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    const reason = connections.open(address);
    if (reason === undefined) {
      socket.once('close', () => connections.close(address));
      return;
    }
    const bad = { status: 503, reason };
    tellOf(socket, bad);
    // On a connection that is to be encrypted nothing can be said before.
    if (serverFactory) socket.destroy();
    else refuseConnection(socket, bad);
  });
  endAbandonedAnswers(app.server);
  answerErrorsInText(app, observe);

  app.addHook('onRequest', (request, _, done) => {
    if (request.url.length > LIMITS.urlLength) {
      done(new Refusal(414, `the URL is longer than ${LIMITS.urlLength} characters`));
    } else if (!ready()) {
      // Clients take any 4xx for final, so nothing is looked up before it can be found.
      done(new Refusal(503, 'the server is starting; try again'));
    } else {
      done();
    }
  });
  return app;
}
