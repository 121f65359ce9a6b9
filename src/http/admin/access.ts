import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiTokens } from '../../api-tokens/api-tokens.ts';
import { mayActAs, type Role } from '../../api-tokens/token.ts';
import { type Caller, callerOf, LOCAL } from './caller.ts';
import { refuseVisit } from './guard.ts';
import type { AdminMetrics } from './metrics.ts';
import { HttpProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined on a route that is open to everybody, when the sender shows no token. */
    caller: Caller | undefined;
  }
  interface FastifyContextConfig {
    /** What a caller must be for this route; `read` when absent. `open` needs no token. */
    role?: Role | 'open';
  }
}

/** How much one caller may ask. */
export interface AdminLimits {
  /** Requests a minute of each address and token; callers on this host are not counted. */
  readonly requests: number;
  /** Wrong tokens a minute from each address. */
  readonly failures: number;
}

/** What decides who may do what. */
export interface AccessOptions {
  readonly tokens: ApiTokens;
  /** Names by which we are known besides our address, in lower case. */
  readonly names: () => readonly string[];
  readonly limits: AdminLimits;
  readonly metrics: AdminMetrics;
}

const MINUTE = 60_000;

/**
 * Lets in who may come in: first the Host and Origin headers, then the token, then the number of requests, then the role
 * that the route asks for. Nothing of a body is read before. Routes are to be added after it.
 */
export async function addAccess(app: FastifyInstance, options: AccessOptions): Promise<void> {
  const { tokens, names, limits, metrics } = options;
  app.decorateRequest('caller', undefined);

  app.addHook('onRequest', async (request) => {
    const known = new Set(names());
    const refusal = refuseVisit(visitOf(request), known);
    if (!refusal) return;
    metrics.refused(refusal.reason);
    throw new HttpProblem(403, refusal.detail);
  });

  await app.register(rateLimit, {
    max: limits.requests,
    timeWindow: MINUTE,
    allowList: (request) => request.caller === LOCAL,
    keyGenerator: (request) => `${addressOf(request)} ${request.caller?.name ?? ''}`,
    onExceeded: () => metrics.refused('limit'),
    errorResponseBuilder: (_, { after, max }) =>
      new HttpProblem(429, `more than ${max} requests in a minute; ask again in ${after}`),
  });
  const countFailure = app.createRateLimit({
    max: limits.failures,
    timeWindow: MINUTE,
    allowList: [],
    keyGenerator: addressOf,
  });

  app.addHook('onRequest', async (request, reply) => {
    const caller = callerOf(request, tokens, Date.now());
    if (caller === 'wrong token') {
      metrics.refused('token');
      const failures = await countFailure(request);
      reply.header('www-authenticate', 'Bearer error="invalid_token"');
      if (!failures.isAllowed && failures.isExceeded) {
        reply.header('retry-after', failures.ttlInSeconds);
        throw new HttpProblem(
          429,
          `more than ${failures.max} wrong tokens in a minute; wait before you try again`,
        );
      }
      throw new HttpProblem(
        401,
        'this token is not known here: it may be revoked; "rackseed token create" on the server makes one',
      );
    }
    request.caller = caller === 'nobody' ? undefined : caller;
  });

  app.addHook('preParsing', async (request, reply) => {
    const needed = request.routeOptions.config.role ?? 'read';
    if (needed === 'open') return;
    const { caller } = request;
    if (!caller) {
      metrics.refused('token');
      reply.header('www-authenticate', 'Bearer');
      throw new HttpProblem(
        401,
        'send a token (Authorization: Bearer rs_…); "rackseed token create" on the server makes one',
      );
    }
    if (mayActAs(caller.role, needed)) return;
    metrics.refused('role');
    throw new HttpProblem(403, `${caller.name} has the role ${caller.role}, and this needs ${needed}`);
  });
}

/** Who sends a request to a route that is not open. */
export function callerNamed(request: FastifyRequest): Caller {
  if (!request.caller) throw new Error(`${request.method} ${request.url} was let in without a caller`);
  return request.caller;
}

function visitOf({ method, headers, socket }: FastifyRequest) {
  return { method, headers, localAddress: socket.localAddress };
}

/** What requests are counted by: an IPv4 address, or the /64 that an IPv6 address is in. */
function addressOf({ ip }: FastifyRequest): string {
  return ip ? normalizeIP(ip) : 'unknown';
}
