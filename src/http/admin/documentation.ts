import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { RouteOptions } from 'fastify';
import type { AdminRoutes } from './context.ts';
import { NAMED_SCHEMAS, Problem, ref } from './schemas.ts';

/**
 * Describes all routes that are added after it: `/openapi.json` for programs, `/docs/` for people. Both are open, since a
 * browser that follows a link sends no token, and tell nothing of this rack.
 */
export async function addDocumentation(app: AdminRoutes, version: string): Promise<void> {
  for (const schema of NAMED_SCHEMAS) app.addSchema(schema);
  app.addHook('onRoute', addProblems);

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'rackseed',
        version,
        description:
          'The machines of a rack: who they are, how far their boots have come, and what may become of them. Callers on the host itself need no token; others send one made with "rackseed token create".',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'Machines', description: 'Who is there' },
        { name: 'Changes', description: 'What may become of a machine; a file in machines/ goes before' },
        { name: 'Import and export', description: 'Whole racks as CSV or YAML' },
        { name: 'Service', description: 'What happens, and what is served' },
        { name: 'Access', description: 'Who may ask' },
      ],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'rs_…' } } },
    },
    refResolver: { buildLocalReference: ({ $id }, _, __, number) => String($id ?? `schema-${number}`) },
    transform: ({ schema, url, route }) => {
      const role = route.config?.role ?? 'read';
      if (role === 'open') return { schema: { ...schema, security: [] }, url };
      const description = [schema?.description, `Needs the role ${role}.`].filter(Boolean).join('\n\n');
      return { schema: { ...schema, description, security: [{ token: [] }, {}] }, url };
    },
  });

  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, role: 'open' };
    });
    scope.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: {
        // Without a bar to load other documents from.
        layout: 'BaseLayout',
        // Else it would have the document checked by a server on the web.
        validatorUrl: null,
        deepLinking: true,
        docExpansion: 'list',
        defaultModelsExpandDepth: 0,
      },
      theme: { title: 'rackseed API' },
    });
  });
}

/** Every answer that isn't what was asked for is a problem document. */
function addProblems({ schema }: RouteOptions): void {
  const responses = schema?.response as Record<string, unknown> | undefined;
  if (!responses) return;
  for (const status of ['4xx', '5xx']) {
    responses[status] = {
      description: 'Something is wrong',
      content: { 'application/problem+json': { schema: ref(Problem) } },
    };
  }
}
