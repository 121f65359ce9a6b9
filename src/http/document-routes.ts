import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { documentOf } from '../config/document-format.ts';
import { secretsToken } from '../machines/boot-token.ts';
import type { Mac } from '../net/mac.ts';
import { CLOUD_INIT_FILES } from '../provision/cloud-init.ts';
import { type DocumentRequest, describesNode } from '../provision/document.ts';
import { IgnitionVersionError } from '../provision/ignition.ts';
import { IGNITION_VERSIONS } from '../provision/ignition-spec.ts';
import { chooseIgnitionVersion } from './accept.ts';
import { sendText, whenOver } from './answer.ts';
import type { ProvisioningContext } from './context.ts';
import { findMachine, requireAdmission } from './machine-routes.ts';
import { first, requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';
import { secretsDelivery } from './secrets-delivery.ts';
import { requireToken, watchGuesses } from './token-access.ts';

/** A request whose path may name a machine and hold a token. */
type DocumentHttpRequest = FastifyRequest<{ Params: Values; Querystring: Values }>;

/** What a request is about. */
interface Asked {
  readonly mac: Mac;
  readonly wanted: DocumentRequest;
  /** Empty when there is none. */
  readonly token: string;
}

/**
 * The documents of machines: cloud-config, Ignition, and the four files of cloud-init's NoCloud source. Each wants the
 * token of the machine's boot script, since a profile may hold keys anywhere.
 */
export function registerDocumentRoutes(app: FastifyInstance, context: ProvisioningContext): void {
  const serve = (path: string, read: (request: DocumentHttpRequest) => Asked) =>
    app.get<{ Params: Values; Querystring: Values }>(path, (request, reply) =>
      sendDocument(context, read(request), request, reply),
    );
  const fromPath = ({ params }: DocumentHttpRequest) => requireMac(params.mac);
  // matchbox's names have the machine in the query.
  const fromQuery = ({ query }: DocumentHttpRequest) => findMachine(context, query);
  const token = ({ query }: DocumentHttpRequest) => first(query.token);

  for (const [path, machine] of [
    ['/cloud-config/:mac', fromPath],
    ['/cloud', fromQuery],
  ] as const) {
    serve(path, (request) => ({
      mac: machine(request),
      wanted: { format: 'cloud-config' },
      token: token(request),
    }));
  }
  for (const [path, machine] of [
    ['/ignition/:mac', fromPath],
    ['/ignition', fromQuery],
  ] as const) {
    serve(path, (request) => ({
      mac: machine(request),
      wanted: ignitionFor(request),
      token: token(request),
    }));
  }
  for (const file of CLOUD_INIT_FILES) {
    const wanted = { format: 'cloud-init', file } as const;
    // cloud-init puts the names of its files behind a folder, so the token is one.
    serve(`/nocloud/:mac/:token/${file}`, (request) => ({
      mac: fromPath(request),
      wanted,
      token: first(request.params.token),
    }));
    serve(`/nocloud/:mac/${file}`, (request) => ({ mac: fromPath(request), wanted, token: token(request) }));
  }
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
  { mac, wanted, token }: Asked,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { tokens, now, observe } = context;
  const address = request.ip;
  // All of it before anything is rendered, so that no stranger makes the cluster hand out keys.
  const { machine, grant } = watchGuesses(context, address, () => {
    const admitted = requireAdmission(context, mac);
    const { profile } = admitted;
    const format = documentOf(profile);
    if (format !== wanted.format) {
      const said = format ? `is written as ${format}, not as ${wanted.format}` : 'has no document';
      throw new Refusal(404, `profile ${profile.name} of ${mac} ${said}`);
    }
    return { machine: admitted, grant: requireToken(context, token, { mac, address, use: 'document' }) };
  });
  const isWhole = describesNode(wanted);
  const render = () => {
    const delivery = secretsDelivery(context, mac, secretsToken(token));
    return context.renderDocument(machine, context.network, wanted, delivery);
  };
  const rendering = isWhole ? context.rendered.get(grant.token, wanted, now(), render) : render();
  const { text } = await rendering.catch(asRefusal);
  if (request.method === 'GET') {
    const told = isWhole ? await tokens.deliver(grant, now()) : undefined;
    whenOver(reply, (complete) => {
      told?.(complete);
      if (!complete) return;
      const file = wanted.format === 'cloud-init' && { file: wanted.file };
      observe({
        type: 'document',
        mac,
        address,
        format: wanted.format,
        ...file,
        bytes: Buffer.byteLength(text),
      });
    });
  }
  return sendText(reply, text, wanted.format === 'ignition' ? 'application/json; charset=utf-8' : undefined);
}

function asRefusal(error: unknown): never {
  throw error instanceof IgnitionVersionError ? new Refusal(406, error.message) : error;
}
