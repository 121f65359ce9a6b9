import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import staticFiles from '@fastify/static';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { JournalEvent, Machine, Me } from '../../../web/src/model/api.ts';
import { applyAction, isMachineAction, Refusal } from './double-actions.ts';
import { type Answers, standingAnswers } from './double-answers.ts';
import { DOCUMENT, makeBoots, SCRIPT } from './rack-data.ts';

/** What the page asked for. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly ifMatch: string | undefined;
}

export interface ApiDoubleOptions {
  readonly machines?: readonly Machine[];
  readonly me?: Me;
  /** Wanted of every request below /v1; absent for none. */
  readonly token?: string;
  /** Answers that replace the standing ones. */
  readonly answers?: Answers;
}

/** Stands in for the admin app: serves the built page, and answers as the API's contract says from what a test sets. */
export interface ApiDouble {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** How many streams of events are open. */
  readonly streams: number;
  machine(mac: string): Machine;
  /** Changes a machine, or adds it, and tells the page. */
  put(machine: Machine): void;
  forget(mac: string): void;
  publish(happening: Omit<JournalEvent, 'id' | 'at'>): void;
  /** Cuts all streams off; with `forgetful`, nothing can be replayed afterwards. */
  dropStreams(options?: { readonly forgetful?: boolean }): void;
  close(): Promise<void>;
}

const PAGE = fileURLToPath(new URL('../../../dist/web', import.meta.url));

/** What the server sends with the page: nothing from elsewhere, nothing inline. */
const POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export async function startApiDouble(options: ApiDoubleOptions = {}): Promise<ApiDouble> {
  const machines = new Map(options.machines?.map((machine) => [machine.mac, machine]));
  const requests: RecordedRequest[] = [];
  const streams = new Set<ServerResponse>();
  let events: JournalEvent[] = [];
  let lastId = 0;
  const answers = { ...standingAnswers(), ...options.answers };
  const app = fastify({ forceCloseConnections: true });

  const tell = (text: string) => {
    for (const stream of streams) stream.write(text);
  };
  const publish: ApiDouble['publish'] = (happening) => {
    lastId += 1;
    const event: JournalEvent = { ...happening, id: lastId, at: new Date().toISOString() };
    events.push(event);
    tell(message(event.type, event, event.id));
  };
  const put = (machine: Machine) => {
    machines.set(machine.mac, machine);
    tell(message('machine', machine));
  };
  const forget = (mac: string) => {
    machines.delete(mac);
    tell(message('forgotten', { mac }));
  };
  const machine = (mac: string) => {
    const found = machines.get(mac);
    if (!found) throw new Refusal(404, `no machine ${mac} was seen`);
    return found;
  };

  app.addHook('onSend', async (_, reply) => {
    reply.header('content-security-policy', POLICY);
  });
  app.addHook('preHandler', async (request) => {
    const { method, url, body, headers } = request;
    if (!url.startsWith('/v1/')) return;
    requests.push({ method, url, body, ifMatch: headers['if-match'] });
    if (options.token === undefined || headers.authorization === `Bearer ${options.token}`) return;
    throw new Refusal(401, 'this needs a token');
  });
  app.setErrorHandler((error: Error, _, reply) => {
    const status = error instanceof Refusal ? error.status : 500;
    const problem = { title: 'Refused', status, detail: error.message };
    return reply.code(status).type('application/problem+json').send(JSON.stringify(problem));
  });
  await app.register(staticFiles, { root: PAGE });

  app.get('/v1/me', () => options.me ?? { name: 'local', role: 'admin' });
  app.get('/v1/machines', (request: FastifyRequest<{ Querystring: { limit?: string; cursor?: string } }>) => {
    const from = Number(request.query.cursor ?? 0);
    const to = from + Number(request.query.limit ?? 100);
    const page = [...machines.values()].slice(from, to);
    return { machines: page, total: machines.size, ...(to < machines.size && { next: String(to) }) };
  });
  type OfMachine = FastifyRequest<{ Params: { mac: string; action: string } }>;
  app.get('/v1/machines/:mac', (request: OfMachine) => machine(request.params.mac));
  app.get('/v1/machines/:mac/boots', (request: OfMachine) => ({
    boots: makeBoots(machine(request.params.mac)),
  }));
  app.get('/v1/machines/:mac/next', (request: OfMachine) => {
    const { admission, reason } = machine(request.params.mac);
    if (admission !== 'boot') throw new Refusal(409, `It may not boot: ${reason}`);
    return { script: SCRIPT, document: { format: 'cloud-config', text: DOCUMENT } };
  });
  app.post('/v1/machines/:mac/:action', (request: OfMachine) => {
    const before = machine(request.params.mac);
    const { action } = request.params;
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== `"${before.revision}"`) throw new Refusal(412, 'it has changed');
    if (!isMachineAction(action)) throw new Refusal(404, `no action ${action}`);
    const after = applyAction(before, action, request.body ?? {});
    put(after);
    const { mac, hostname } = after;
    publish({ type: 'change', action, by: 'local', mac, hostname, detail: `${action} ${hostname}` });
    return after;
  });
  app.delete('/v1/machines/:mac', (request: OfMachine, reply) => {
    machine(request.params.mac);
    forget(request.params.mac);
    return reply.code(204).send();
  });
  for (const [path, answer] of Object.entries(answers)) app.get(path, () => answer());
  app.post('/v1/images/pulls', (request: FastifyRequest<{ Body: { image: string } }>, reply) => {
    const { image: wanted } = request.body;
    return reply
      .code(202)
      .send({ id: 3, wanted, by: 'local', state: 'running', began: new Date(), files: [] });
  });
  app.delete('/v1/images/pulls/:id', (_, reply) => reply.code(204).send());
  app.post('/v1/tokens', (request: FastifyRequest<{ Body: { name: string; role: string } }>, reply) =>
    reply.code(201).send({ ...request.body, token: `rs_${'x'.repeat(43)}` }),
  );
  app.delete('/v1/tokens/:name', (_, reply) => reply.code(204).send());
  app.get('/v1/events', (request, reply) => openStream(request, reply));

  function openStream(request: FastifyRequest, reply: FastifyReply) {
    reply.hijack();
    const stream = reply.raw;
    stream.writeHead(200, { 'content-type': 'text/event-stream', 'content-security-policy': POLICY });
    const header = request.headers['last-event-id'];
    const after = Number(header);
    if (header === undefined) stream.write(message('hello', { lastId, version: '0.1.0' }));
    else if (after < (events[0]?.id ?? lastId + 1) - 1) stream.write(message('reset', { lastId }));
    else
      stream.write(
        events
          .filter(({ id }) => id > after)
          .map((event) => message(event.type, event, event.id))
          .join(''),
      );
    stream.write(': heartbeat\n\n');
    streams.add(stream);
    stream.on('close', () => streams.delete(stream));
  }

  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`,
    requests,
    get streams() {
      return streams.size;
    },
    machine,
    put,
    forget,
    publish,
    dropStreams({ forgetful = false } = {}) {
      if (forgetful) events = [];
      if (forgetful) lastId += 1000;
      for (const stream of streams) stream.destroy();
    },
    close: () => app.close(),
  };
}

function message(event: string, data: unknown, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** Where the built page is. */
export const BUILT_PAGE = join(PAGE, 'index.html');
