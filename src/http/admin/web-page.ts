import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { AdminRoutes } from './context.ts';

const NOT_BUILT = `The web page isn't built. Build it with "npm run build" in the folder of rackseed, then restart the service.
The API is here all the same: see /docs/, or ask with the command "rackseed machines".
`;

/**
 * Serves the web page that was built into `folder`, open to everybody: it holds no data. A text that says how to build it
 * stands in for it while it isn't there.
 */
export async function addWebPage(app: AdminRoutes, folder: string): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, role: 'open' };
      route.schema = { ...route.schema, hide: true };
    });
    if (!existsSync(join(folder, 'index.html'))) {
      scope.get('/', (_, reply) => reply.type('text/plain; charset=utf-8').send(NOT_BUILT));
      return;
    }
    const assets = join(folder, 'assets') + sep;
    await scope.register(fastifyStatic, {
      root: folder,
      // A route for each file, so that no path of the API is ever looked for among them.
      wildcard: false,
      decorateReply: false,
      cacheControl: false,
      setHeaders(reply, path) {
        // Names of assets change with their contents.
        const isHashed = path.startsWith(assets);
        reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  });
}
