import type { FastifyInstance } from 'fastify';
import { documentOf } from '../config/document-format.ts';
import type { Grant } from '../machines/boot-tokens.ts';
import type { Mac } from '../net/mac.ts';
import type { SecondStage } from '../provision/document.ts';
import { whenOver } from './answer.ts';
import type { ProvisioningContext } from './context.ts';
import { requireAdmission } from './machine-routes.ts';
import { first, requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';
import { secretsDelivery } from './secrets-delivery.ts';
import { requireToken, watchGuesses } from './token-access.ts';

/** `GET /secrets/:mac?token=…`: what a machine's document makes it fetch. */
export function registerSecretRoutes(app: FastifyInstance, context: ProvisioningContext): void {
  app.get<{ Params: Values; Querystring: Values }>('/secrets/:mac', async (request, reply) => {
    const mac = requireMac(request.params.mac);
    const text = first(request.query.token);
    const grant = watchGuesses(context, request.ip, () => {
      requireAdmission(context, mac);
      return requireToken(context, text, { mac, address: request.ip, use: 'secrets' });
    });
    const { body, type } = await secondStageOf(context, mac, grant, text);
    if (request.method === 'GET') {
      const told = await context.tokens.deliver(grant, context.now());
      whenOver(reply, (complete) => {
        told(complete);
        if (complete) {
          context.observe({ type: 'secrets', mac, address: request.ip, bytes: body.length });
        }
      });
    }
    return reply.header('cache-control', 'no-store').type(type).send(body);
  });
}

/** The keys that the machine's document speaks of; made again when the server has been restarted since. */
async function secondStageOf(
  context: ProvisioningContext,
  mac: Mac,
  { token }: Grant,
  text: string,
): Promise<SecondStage> {
  const kept = await context.rendered.secondStage(token, context.now());
  if (kept) return kept;
  const machine = requireAdmission(context, mac);
  const format = documentOf(machine.profile);
  if (format === 'ignition') {
    // It would be another than the one whose hash the document holds.
    throw new Refusal(
      410,
      'the server has been restarted since it wrote the document; boot the machine again',
    );
  }
  const wanted =
    format === 'cloud-init'
      ? ({ format, file: 'user-data' } as const)
      : ({ format: 'cloud-config' } as const);
  const { secondStage } = await context.rendered.get(token, wanted, context.now(), () =>
    context.renderDocument(machine, context.network, wanted, secretsDelivery(context, mac, text)),
  );
  if (secondStage) return secondStage;
  throw new Refusal(404, `the document of ${mac} holds all there is for it`);
}
