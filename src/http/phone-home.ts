import type { FastifyInstance } from 'fastify';
import type { ProvisioningContext } from './context.ts';
import { requireAdmission } from './machine-routes.ts';
import { clean, first, requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';

/** Largest report, bytes. */
const BODY_LIMIT = 16 * 1024;

const STAGE = /^[a-z0-9][a-z0-9._-]{0,63}$/i;

/** Longest detail kept, characters. */
const DETAIL_LENGTH = 512;

/** `POST /phone-home/:mac`: a node reports a stage, as JSON or as a form: `curl -d stage=up -d detail=… URL`. */
export function registerPhoneHome(app: FastifyInstance, context: ProvisioningContext): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: BODY_LIMIT },
    (_, body, done) => done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
  );

  app.post<{ Params: Values; Body: Values | null }>(
    '/phone-home/:mac',
    { bodyLimit: BODY_LIMIT },
    (request, reply) => {
      const { mac } = requireAdmission(context, requireMac(request.params.mac));
      const stage = first(request.body?.stage);
      if (!STAGE.test(stage)) {
        throw new Refusal(
          400,
          'stage must be one word of letters, digits, ".", "_" and "-", at most 64 characters',
        );
      }
      const detail = clean(first(request.body?.detail), DETAIL_LENGTH);
      context.observe({ type: 'phone-home', mac, address: request.ip, stage, detail });
      return reply.code(204).send();
    },
  );
}
