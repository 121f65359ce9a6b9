import type { Registry } from 'prom-client';
import type { AdminRoutes } from './context.ts';
import { sendProblem } from './problem.ts';

const open = { config: { role: 'open' }, schema: { hide: true } } as const;

/** What `/readyz` goes by. */
export interface Health {
  /** False while the service starts. */
  readonly ready: () => boolean;
  /** What doesn't work now, each in a word or two: anybody may read it. */
  readonly troubles?: () => Iterable<string>;
}

/** `/healthz`, `/readyz` and `/metrics` */
export function addHealthRoutes(app: AdminRoutes, { ready, troubles }: Health, metrics: Registry): void {
  app.get('/healthz', open, (_, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', open, (_, reply) => {
    if (!ready()) return sendProblem(reply, 503, 'the service is starting');
    const wrong = [...(troubles?.() ?? [])];
    if (wrong.length === 0) return reply.type('text/plain').send('ok\n');
    return sendProblem(
      reply,
      503,
      `something does not work: ${wrong.join(', ')}; the log and the events say what`,
    );
  });
  app.get('/metrics', { schema: { hide: true } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}
