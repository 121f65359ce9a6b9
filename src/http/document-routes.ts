import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { documentOf } from '../config/document-format.ts';
import type { Mac } from '../net/mac.ts';
import { CLOUD_INIT_FILES } from '../provision/cloud-init.ts';
import type { DocumentRequest } from '../provision/document.ts';
import { IgnitionVersionError } from '../provision/ignition.ts';
import { IGNITION_VERSIONS } from '../provision/ignition-spec.ts';
import { chooseIgnitionVersion } from './accept.ts';
import { sendText, whenDelivered } from './answer.ts';
import type { ProvisioningContext } from './context.ts';
import { findMachine, requireAdmission } from './machine-routes.ts';
import { requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';

/** The documents of machines: cloud-config, Ignition, and the four files of cloud-init's NoCloud source. */
export function registerDocumentRoutes(app: FastifyInstance, context: ProvisioningContext): void {
  const send = (mac: Mac, wanted: DocumentRequest, request: FastifyRequest, reply: FastifyReply) =>
    sendDocument(context, mac, wanted, request, reply);

  app.get<{ Params: Values }>('/cloud-config/:mac', (request, reply) =>
    send(requireMac(request.params.mac), { format: 'cloud-config' }, request, reply),
  );
  app.get<{ Params: Values }>('/ignition/:mac', (request, reply) =>
    send(requireMac(request.params.mac), ignitionFor(request), request, reply),
  );
  for (const file of CLOUD_INIT_FILES) {
    app.get<{ Params: Values }>(`/nocloud/:mac/${file}`, (request, reply) =>
      send(requireMac(request.params.mac), { format: 'cloud-init', file }, request, reply),
    );
  }

  // matchbox's names for two of them.
  app.get<{ Querystring: Values }>('/cloud', (request, reply) =>
    send(findMachine(context, request.query), { format: 'cloud-config' }, request, reply),
  );
  app.get<{ Querystring: Values }>('/ignition', (request, reply) =>
    send(findMachine(context, request.query), ignitionFor(request), request, reply),
  );
}

/** What an Ignition of this age is given. */
function ignitionFor({ headers }: FastifyRequest): DocumentRequest {
  const version = chooseIgnitionVersion(headers.accept);
  if (version) return { format: 'ignition', version };
  const served = `${IGNITION_VERSIONS[0]} to ${IGNITION_VERSIONS.at(-1)}`;
  throw new Refusal(
    406,
    `this server writes Ignition ${served}, which the image can't read: boot a newer one, or use a cloud-config`,
  );
}

async function sendDocument(
  context: ProvisioningContext,
  mac: Mac,
  wanted: DocumentRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const machine = requireAdmission(context, mac);
  const { profile } = machine;
  const format = documentOf(profile);
  if (format !== wanted.format) {
    const said = format ? `is written as ${format}, not as ${wanted.format}` : 'has no document';
    throw new Refusal(404, `profile ${profile.name} of ${mac} ${said}`);
  }
  // Before anything is rendered, so that no stranger makes the cluster hand out keys.
  const isUserData = wanted.format !== 'cloud-init' || wanted.file === 'user-data';
  if (profile.kubernetes && isUserData) requireOwnAddress(context, mac, request.ip);
  const { text, secret } = await context.renderDocument(machine, context.network, wanted).catch(asRefusal);
  if (secret) requireOwnAddress(context, mac, request.ip);
  whenDelivered(reply, context.observe, {
    type: 'document',
    mac,
    address: request.ip,
    format: wanted.format,
    ...(wanted.format === 'cloud-init' && { file: wanted.file }),
    bytes: Buffer.byteLength(text),
  });
  return sendText(reply, text, wanted.format === 'ignition' ? 'application/json; charset=utf-8' : undefined);
}

/** Throws a Refusal unless the request comes from the address that the machine leased. */
function requireOwnAddress({ leasedAddress }: ProvisioningContext, mac: Mac, from: string): void {
  const leased = leasedAddress(mac);
  if (leased === from) return;
  throw new Refusal(
    403,
    `this document of ${mac} holds keys; it is given only to the machine itself, at the address it leased`,
    `${from} asked for the document of ${mac}, which holds keys, but ${mac} has ${leased ?? 'no address'}`,
  );
}

function asRefusal(error: unknown): never {
  throw error instanceof IgnitionVersionError ? new Refusal(406, error.message) : error;
}
