import type { Registry } from 'prom-client';
import type { AdminRoutes } from './context.ts';
import { sendProblem } from './problem.ts';

const open = { config: { role: 'open' }, schema: { hide: true } } as const;

/** `/healthz`, `/readyz` and `/metrics` */
export function addHealthRoutes(app: AdminRoutes, ready: () => boolean, metrics: Registry): void {
  app.get('/healthz', open, (_, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', open, (_, reply) =>
    ready() ? reply.type('text/plain').send('ok\n') : sendProblem(reply, 503, 'the service is starting'),
  );
  app.get('/metrics', { schema: { hide: true } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}
