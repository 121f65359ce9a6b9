import type { HTTPMethods, RouteOptions } from 'fastify';
import type { AdminRoutes } from './context.ts';
import { HttpProblem } from './problem.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Notes which methods each path of the API takes, from now on; give what it returns to `refuseOtherMethods`. */
export function noteMethods(app: AdminRoutes): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    if (!url.startsWith('/v1/')) return;
    const methods = known.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    known.set(url, methods);
  });
  return known;
}

/** Answers other methods than those noted with 405 and the list of those there are. */
export function refuseOtherMethods(app: AdminRoutes, known: ReadonlyMap<string, ReadonlySet<string>>): void {
  // Adding routes adds to what is known.
  for (const [url, methods] of [...known].map(([url, methods]) => [url, [...methods]] as const)) {
    const allowed = methods.join(', ');
    app.route({
      method: METHODS.filter((method) => !methods.includes(method)),
      url,
      schema: { hide: true },
      // The body doesn't matter, whatever it is.
      onRequest: async (request, reply) => {
        reply.header('allow', allowed);
        throw new HttpProblem(405, `${request.method} means nothing here; there is ${allowed}`);
      },
      handler: () => {},
    });
  }
}
