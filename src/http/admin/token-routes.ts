import { Type } from 'typebox';
import { ApiTokenRefusal, type ApiTokens } from '../../api-tokens/api-tokens.ts';
import { callerNamed } from './access.ts';
import type { AdminContext, AdminRoutes } from './context.ts';
import type { EventStream } from './event-stream.ts';
import { HttpProblem } from './problem.ts';
import { TokenBody, TokenParams } from './requests.ts';
import { ApiToken, Role, ref } from './schemas.ts';
import { isoTime } from './views.ts';

const tags = ['Access'];
const config = { role: 'admin' } as const;

/** `/v1/tokens` and `/v1/me` */
export function addTokenRoutes(
  app: AdminRoutes,
  { journal }: AdminContext,
  tokens: ApiTokens,
  stream: EventStream,
): void {
  app.get(
    '/v1/me',
    {
      schema: {
        tags,
        summary: 'Who you are and what you may do',
        response: { 200: Type.Object({ name: Type.String(), role: Role }) },
      },
    },
    (request) => ({ ...callerNamed(request) }),
  );

  app.get(
    '/v1/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'API tokens, by name',
        response: { 200: Type.Object({ tokens: Type.Array(ref(ApiToken)) }) },
      },
    },
    () => ({
      tokens: tokens.list().map(({ name, role, created, lastUsed }) => ({
        name,
        role,
        created: isoTime(created),
        ...(lastUsed !== undefined && { lastUsed: isoTime(lastUsed) }),
      })),
    }),
  );

  app.post(
    '/v1/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Makes a token; it is told this once only',
        body: TokenBody,
        response: { 201: Type.Object({ name: Type.String(), role: Role, token: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { name, role } = request.body;
      const token = await tokens.create(name, role, Date.now()).catch((error: unknown) => {
        throw error instanceof ApiTokenRefusal ? new HttpProblem(409, error.message) : error;
      });
      const by = callerNamed(request).name;
      journal.publish({ type: 'change', action: 'create-token', by, detail: `${name}, ${role}` });
      return reply.code(201).send({ name, role, token });
    },
  );

  app.delete(
    '/v1/tokens/:name',
    {
      config,
      schema: {
        tags,
        summary: 'Revokes a token at once',
        params: TokenParams,
        response: { 204: Type.Null({ description: 'It is revoked' }) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (!(await tokens.revoke(name))) throw new HttpProblem(404, `there is no token ${name}`);
      stream.endOf(name);
      const by = callerNamed(request).name;
      journal.publish({ type: 'change', action: 'revoke-token', by, detail: name });
      return reply.code(204).send(null);
    },
  );
}
