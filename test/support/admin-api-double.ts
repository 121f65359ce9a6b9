import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { ApiClient } from '../../src/api-client/client.ts';
import { remoteEndpoint } from '../../src/api-client/endpoint.ts';
import type { ShownBoot, ShownMachine } from '../../src/api-client/types.ts';

// A double of the admin API: it holds machines, does to them what it is asked for, and tells events, without a rack behind it.

export interface AdminApiDoubleOptions {
  readonly machines?: readonly ShownMachine[];
  readonly boots?: Readonly<Record<string, readonly ShownBoot[]>>;
  /** Answers to be given as they are: by method and path, `GET /v1/leases`. */
  readonly answers?: Readonly<Record<string, object>>;
  /** Machines on a page, however many are asked for. */
  readonly pageSize?: number;
  /** Roles by token; without any, everybody is an admin. */
  readonly tokens?: Readonly<Record<string, string>>;
  /** A unix socket to listen on instead of a port of 127.0.0.1. */
  readonly path?: string;
  /** Speak HTTPS with these, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A running double. */
export interface AdminApiDouble {
  readonly url: string;
  readonly client: ApiClient;
  /** Every request so far: `POST /v1/machines/52:54:00:00:00:01/approve {"profile":"worker"}`. */
  readonly requests: readonly string[];
  /** `Last-Event-ID` of every request for events so far; undefined where there was none. */
  readonly resumed: readonly (string | undefined)[];
  /** Adds a machine or takes the place of the one with its address, and tells so. */
  put(machine: ShownMachine): void;
  /** Something happens: an event with the next number. */
  publish(type: string, data: object): number;
  /** Goes on with later numbers, as after a restart. */
  skipNumbers(count: number): void;
  /** Forgets what happened: whoever comes back is told to begin anew. */
  forgetEvents(): void;
  /** Breaks all connections over which events are told. */
  dropStreams(): void;
  /** Resolves when so many follow the events. */
  whenFollowed(count?: number): Promise<void>;
  /** Stops listening and ends all connections; `start` listens again at the same place. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly object[] | undefined;
  constructor(status: number, detail: string, errors?: readonly object[]) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

const ROLES = ['read', 'operator', 'admin'];

/** A double for the length of a test. */
export async function adminApiFor(
  t: ExecutionContext,
  options: AdminApiDoubleOptions = {},
): Promise<AdminApiDouble> {
  const machines = new Map((options.machines ?? []).map((machine) => [machine.mac, machine]));
  const requests: string[] = [];
  const resumed: (string | undefined)[] = [];
  const streams = new Set<ServerResponse>();
  const onFollowed = new Set<() => void>();
  let events: { readonly id: number; readonly type: string; readonly data: object }[] = [];
  let lastId = 0;
  let forgotten = 0;

  const roleOf = ({ headers }: IncomingMessage): string => {
    if (!options.tokens) return 'admin';
    const role = options.tokens[headers.authorization?.replace(/^Bearer /, '') ?? ''];
    if (role === undefined) throw new Refusal(401, 'an API token is needed here');
    return role;
  };
  const require = (request: IncomingMessage, role: string) => {
    if (ROLES.indexOf(roleOf(request)) < ROLES.indexOf(role)) throw new Refusal(403, 'not allowed');
  };
  const find = (mac: string): ShownMachine => {
    const machine = machines.get(mac);
    if (!machine) throw new Refusal(404, `no machine with the address ${mac} has been seen`);
    return machine;
  };
  const put = (machine: ShownMachine) => {
    machines.set(machine.mac, machine);
    for (const stream of streams) stream.write(message('machine', machine));
  };

  const follow = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const since = request.headers['last-event-id'];
    resumed.push(typeof since === 'string' ? since : undefined);
    const types = query.get('types')?.split(',');
    if (since === undefined) response.write(message('hello', { lastId, version: '0' }));
    else if (Number(since) < forgotten) response.write(message('reset', { lastId }));
    for (const { id, type, data } of events) {
      if (since !== undefined && id > Number(since) && (types?.includes(type) ?? true)) {
        response.write(message(type, data, id));
      }
    }
    streams.add(response);
    response.on('close', () => streams.delete(response));
    for (const check of onFollowed) check();
  };

  const answer = (method: string, url: URL, body: string, request: IncomingMessage): object | undefined => {
    const { pathname: path, searchParams: query } = url;
    const given = options.answers?.[`${method} ${path}`];
    if (path === '/v1/me') return { name: 'somebody', role: roleOf(request) };
    require(request, path.startsWith('/v1/tokens') ? 'admin' : method === 'GET' ? 'read' : 'operator');
    if (given !== undefined) {
      if (given instanceof Refusal) throw given;
      return given;
    }
    if (path === '/v1/machines') {
      const states = query.get('state')?.split(',');
      const text = query.get('q') ?? '';
      const found = [...machines.values()].filter(
        ({ state, hostname }) => (states?.includes(state) ?? true) && hostname.includes(text),
      );
      const start = Number(query.get('cursor') ?? 0);
      const end = start + Math.min(options.pageSize ?? 1000, Number(query.get('limit') ?? 100));
      const next = end < found.length ? { next: String(end) } : {};
      return { machines: found.slice(start, end), total: found.length, ...next };
    }
    const [, mac = '', action] = /^\/v1\/machines\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
    if (mac === '') throw new Refusal(404, `nothing is served at ${method} ${path}`);
    if (action === 'boots') return { boots: options.boots?.[find(mac).mac] ?? [] };
    if (method === 'GET') return find(mac);
    if (method === 'DELETE') {
      machines.delete(find(mac).mac);
      return undefined;
    }
    put(changed(find(mac), action ?? '', JSON.parse(body)));
    return find(mac);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '' } = request;
    const url = new URL(request.url ?? '', 'http://localhost');
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    requests.push(`${method} ${decodeURIComponent(url.pathname + url.search)} ${body}`.trimEnd());
    url.pathname = decodeURIComponent(url.pathname);
    try {
      if (url.pathname === '/v1/events') {
        require(request, 'read');
        follow(request, response, url.searchParams);
        return;
      }
      const value = answer(method, url, body, request);
      response.writeHead(value === undefined ? 204 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.writeHead(error.status, { 'content-type': 'application/problem+json' });
      const { status, message: detail, errors } = error;
      response.end(JSON.stringify({ title: 'No', status, detail, errors }));
    }
  };

  let server: Server;
  let port = 0;
  const start = async () => {
    const { tls } = options;
    server = tls ? createTlsServer({ ...tls }, handle) : createServer(handle);
    server.listen(options.path === undefined ? { host: '127.0.0.1', port } : { path: options.path });
    await once(server, 'listening');
    if (options.path === undefined) port = (server.address() as AddressInfo).port;
  };
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, 'close');
  };
  await start();
  t.teardown(stop);
  const url = options.path ? `unix:${options.path}` : `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  return {
    ...{ url, requests, resumed, put, start, stop },
    client: new ApiClient(remoteEndpoint(url)),
    publish(type, data) {
      lastId += 1;
      const event = { id: lastId, type, data: { id: lastId, at: AT, type, ...data } };
      events.push(event);
      for (const stream of streams) stream.write(message(type, event.data, lastId));
      return lastId;
    },
    skipNumbers(count) {
      lastId += count;
    },
    forgetEvents() {
      forgotten = lastId;
      events = [];
    },
    dropStreams() {
      for (const stream of streams) stream.destroy();
    },
    whenFollowed: (count = 1) =>
      new Promise((resolve) => {
        const check = () => {
          if (streams.size >= count) resolve();
        };
        onFollowed.add(check);
        check();
      }),
  };
}

/** An answer that refuses, for `answers`; `errors` are lines of a file. */
export function refusal(status: number, detail: string, errors?: readonly object[]): Error {
  return new Refusal(status, detail, errors);
}

/** When everything happens in the double. */
export const AT = '2030-01-01T00:00:00.000Z';

/** A machine that was seen once and waits. */
export function shownMachine(number: number, facts: Partial<ShownMachine> = {}): ShownMachine {
  const digits = String(number).padStart(2, '0');
  const mac = `52:54:00:00:00:${digits}`;
  return {
    mac,
    cards: [mac],
    state: 'ready',
    since: AT,
    hostname: `worker-${digits}`,
    profile: 'worker',
    admission: 'boot',
    reason: 'default_profile',
    labels: {},
    network: 'kubernetes1',
    inventory: {},
    firstSeen: AT,
    lastSeen: AT,
    revision: 0,
    ...facts,
  };
}

/** What becomes of a machine, roughly. */
function changed(machine: ShownMachine, action: string, body: Partial<ShownMachine>): ShownMachine {
  const { profile, hostname, labels = {} } = body;
  switch (action) {
    case 'approve':
      return { ...machine, ...body, state: 'approved' };
    case 'refuse':
      return { ...machine, state: 'refused' };
    case 'retire':
      return { ...machine, state: 'retired' };
    case 'wake':
      return machine;
    case 'adopt-disk':
      return { ...machine, adoptDisk: true };
    case 'rename':
      return { ...machine, hostname: hostname ?? 'worker-99' };
    case 'label':
      return {
        ...machine,
        labels: Object.fromEntries(
          Object.entries({ ...machine.labels, ...labels }).filter(([, value]) => value !== null),
        ),
      };
    case 'assign':
      return { ...machine, profile: profile ?? 'worker', reason: profile ? 'assigned' : 'default_profile' };
    default: {
      const { bootOnce: _, ...rest } = machine;
      return typeof profile === 'string' ? { ...rest, bootOnce: profile } : rest;
    }
  }
}

function message(event: string, data: object, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
