import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import type { MachineChange, MachineView } from '../../machines/rack.ts';
import { callerNamed } from './access.ts';
import type { AdminContext, AdminRoutes } from './context.ts';
import { entityTag, requireMac } from './machine-routes.ts';
import { HttpProblem } from './problem.ts';
import {
  ApproveBody,
  EmptyBody,
  IfMatchHeader,
  LabelBody,
  MacParams,
  ProfileBody,
  RenameBody,
} from './requests.ts';
import { Machine, ref, type ShownMachine } from './schemas.ts';
import { showMachine } from './views.ts';

const tags = ['Changes'];
const config = { role: 'operator' } as const;

/** The routes that change a machine: `POST /v1/machines/{mac}/approve` and so on, and `DELETE`. */
export function addChangeRoutes(app: AdminRoutes, { rack, inTurn }: AdminContext): void {
  const make = (request: ChangeRequest, change: MachineChange) =>
    inTurn(async () => {
      const mac = requireMac(request.params.mac);
      requireMatch(request.headers['if-match'], rack.machine(mac));
      return rack.change(mac, change, callerNamed(request).name);
    });
  const change = async (request: ChangeRequest, reply: FastifyReply, wanted: MachineChange) =>
    showChanged(reply, await make(request, wanted));

  app.post(
    '/v1/machines/:mac/approve',
    schemaOf('Lets it boot; it may be a machine that was never seen', ApproveBody),
    (request, reply) => change(request, reply, { action: 'approve', ...request.body }),
  );
  app.post('/v1/machines/:mac/rename', schemaOf('Gives it a host name', RenameBody), (request, reply) =>
    change(request, reply, { action: 'rename', ...request.body }),
  );
  app.post('/v1/machines/:mac/label', schemaOf('Sets or takes away labels', LabelBody), (request, reply) =>
    change(request, reply, { action: 'label', ...request.body }),
  );
  for (const [action, summary] of [
    ['assign', 'Gives it a profile'],
    ['boot-once', 'Gives it a profile for its next boot only'],
  ] as const) {
    app.post(`/v1/machines/:mac/${action}`, schemaOf(summary, ProfileBody), (request, reply) =>
      change(request, reply, { action, ...request.body }),
    );
  }
  for (const [action, summary] of [
    ['refuse', 'Lets it boot no more, or not at all'],
    ['retire', 'Says that it is out of service: it boots no more'],
    ['adopt-disk', 'Lets its next boot format the Docker disk whatever it holds'],
    ['wake', 'Sends a magic packet to its cards (Wake-on-LAN), through the network it was seen on'],
  ] as const) {
    app.post(`/v1/machines/:mac/${action}`, schemaOf(summary, EmptyBody), (request, reply) =>
      change(request, reply, { action }),
    );
  }

  const { schema } = schemaOf('Forgets it and what was decided about it', EmptyBody);
  const { body: _, ...withoutBody } = schema;
  app.delete(
    '/v1/machines/:mac',
    { config, schema: { ...withoutBody, response: { 204: Type.Null({ description: 'It is forgotten' }) } } },
    async (request, reply) => {
      await make(request, { action: 'forget' });
      return reply.code(204).send(null);
    },
  );
}

type ChangeRequest = FastifyRequest & {
  readonly params: { readonly mac: string };
  readonly headers: { readonly 'if-match'?: string | undefined };
};

function schemaOf<Body extends TSchema>(summary: string, body: Body) {
  const schema = {
    tags,
    summary,
    params: MacParams,
    headers: IfMatchHeader,
    body,
    response: { 200: ref(Machine) },
  };
  return { config, schema };
}

function showChanged(reply: FastifyReply, machine: MachineView | undefined): ShownMachine {
  if (!machine) throw new HttpProblem(404, 'the machine was forgotten meanwhile');
  reply.header('etag', entityTag(machine));
  return showMachine(machine);
}

/** Throws an HttpProblem unless `If-Match` names the machine as it is now (RFC 9110, section 13.1.1). */
function requireMatch(ifMatch: string | undefined, machine: MachineView | undefined): void {
  if (ifMatch === undefined) return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (machine && (tags.includes('*') || tags.includes(entityTag(machine)))) return;
  throw new HttpProblem(
    412,
    machine
      ? `${machine.hostname} was changed since: it is at ${entityTag(machine)} now; look at it again first`
      : 'there is no such machine any more',
  );
}
