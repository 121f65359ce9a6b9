import type { OutgoingHttpHeaders } from 'node:http';
import { Type } from 'typebox';
import { callerNamed } from './access.ts';
import type { AdminRoutes } from './context.ts';
import type { EventStream } from './event-stream.ts';
import { HttpProblem } from './problem.ts';
import { EventsHeaders, EventsQuery } from './requests.ts';

/** Clients that may follow the events at once. */
const MAX_FOLLOWERS = 4096;

/** `GET /v1/events` */
export function addEventRoutes(app: AdminRoutes, stream: EventStream): void {
  app.get(
    '/v1/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['Service'],
        summary: 'What happens, as it happens (server-sent events)',
        description:
          'boot, state, change and notice have an id: send the last one as Last-Event-ID to miss nothing after a lost connection. machine is the current state of a machine that changed, forgotten one that is gone. A new connection begins with hello; reset says that what was missed is no longer kept: fetch everything again.',
        querystring: EventsQuery,
        headers: EventsHeaders,
        response: {
          200: {
            description: 'A stream that does not end',
            content: { 'text/event-stream': { schema: Type.String() } },
          },
        },
      },
    },
    (request, reply) => {
      if (stream.size >= MAX_FOLLOWERS) {
        throw new HttpProblem(503, `${MAX_FOLLOWERS} clients follow the events already; try again later`);
      }
      const { types } = request.query;
      reply.hijack();
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as OutgoingHttpHeaders),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // nginx would hold events back until a buffer is full.
        'x-accel-buffering': 'no',
      });
      reply.raw.flushHeaders();
      stream.follow(reply.raw, {
        types: types === undefined ? undefined : new Set(types.split(',')),
        lastEventId: request.headers['last-event-id'],
        caller: callerNamed(request).name,
      });
    },
  );
}
