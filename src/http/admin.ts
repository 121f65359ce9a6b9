import { STATUS_CODES } from 'node:http';
import type { Static, TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  fastify,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Identity } from '../machines/identity.ts';
import type { SeenMachine } from '../machines/machine.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { LeasesAnswer, MachinesAnswer, type Problem } from './admin-schemas.ts';

/** What the admin app shows. */
export interface AdminOptions {
  readonly ready: () => boolean;
  readonly identify: (mac: Mac) => Identity;
  readonly machines: () => Iterable<SeenMachine>;
  readonly leases: () => Iterable<AdminLease>;
  readonly metrics: Registry;
  readonly logger: Logger;
}

/** A lease of one of the networks. */
export interface AdminLease {
  readonly network: string;
  readonly address: Ipv4;
  /** Undefined while the address is quarantined. */
  readonly mac: Mac | undefined;
  /** Milliseconds since the epoch; Infinity when it never expires. */
  readonly expires: number;
}

/** The HTTP server for people and tools: health, metrics, machines and leases. Not listening yet: see `listenAdmin`. */
export function createAdminApp(options: AdminOptions): FastifyInstance {
  const { identify, ready, metrics } = options;
  const logger: FastifyBaseLogger = options.logger;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
  });
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();

  // A page on the web can have its own name point at 127.0.0.1, but it can't forge the Host header (DNS rebinding).
  app.addHook('onRequest', async (request, reply) => {
    if (!isLoopbackName(request.host)) {
      return sendProblem(reply, 403, 'ask by localhost, 127.0.0.1 or [::1]: other names are refused');
    }
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ err: error }, 'request failed');
    return sendProblem(reply, status, status < 500 ? error.message : 'the server failed; its log says why');
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, `nothing is served at ${request.method} ${request.url}`),
  );

  app.get('/healthz', (_, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', (_, reply) =>
    ready() ? reply.type('text/plain').send('ok\n') : sendProblem(reply, 503, 'the service is starting'),
  );
  app.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));

  typed.get('/v1/machines', { schema: { response: { 200: MachinesAnswer } } }, () => ({
    machines: [...options.machines()].map((machine) => showMachine(identify(machine.mac), machine)),
  }));
  typed.get('/v1/leases', { schema: { response: { 200: LeasesAnswer } } }, () => ({
    leases: [...options.leases()].map(showLease),
  }));
  return app;
}

function isLoopbackName(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}

function sendProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const problem: Static<typeof Problem> = { title: STATUS_CODES[status] ?? 'Error', status, detail };
  return reply.code(status).type('application/problem+json').send(JSON.stringify(problem));
}

type Shown<Answer, Key extends keyof Answer> = Answer[Key] extends (infer Item)[] ? Item : never;

function showMachine(
  identity: Identity,
  seen: SeenMachine,
): Shown<Static<typeof MachinesAnswer>, 'machines'> {
  const stage = seen.boot.at(-1)?.stage;
  return {
    mac: seen.mac,
    hostname: identity.hostname,
    ...(identity.admission === 'boot' && {
      profile: identity.profile.name,
      ...(identity.index !== undefined && { index: identity.index }),
    }),
    admission: identity.admission,
    reason: identity.reason,
    network: seen.network,
    ...(seen.address !== undefined && { address: formatIpv4(seen.address) }),
    ...(seen.firmware !== undefined && { firmware: seen.firmware }),
    inventory: { ...seen.inventory },
    firstSeen: isoTime(seen.firstSeen),
    lastSeen: isoTime(seen.lastSeen),
    ...(stage && { stage }),
    boot: seen.boot.map((record) => ({ ...record, at: isoTime(record.at) })),
  };
}

function showLease(lease: AdminLease): Shown<Static<typeof LeasesAnswer>, 'leases'> {
  return {
    network: lease.network,
    address: formatIpv4(lease.address),
    ...(lease.mac && { mac: lease.mac }),
    ...(Number.isFinite(lease.expires) && { expires: isoTime(lease.expires) }),
  };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
