import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { ApiTokens } from '../../src/api-tokens/api-tokens.ts';
import type { ApiTokenRecord, Role } from '../../src/api-tokens/token.ts';
import { type AdminOptions, createAdminApp } from '../../src/http/admin/app.ts';
import { Pulls } from '../../src/images/pulls.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { testConfig } from './provisioning.ts';
import { RackDouble } from './rack-double.ts';

/** An admin app over a rack that is a double, for the length of a test. */
export interface TestAdmin {
  readonly app: FastifyInstance;
  readonly rack: RackDouble;
  readonly tokens: ApiTokens;
  /** What Prometheus would read of a metric: all lines with its name. */
  metric(name: string): Promise<string[]>;
  /** Makes a token. */
  token(role: Role, name?: string): Promise<string>;
  /** Sends a request from another host, with a token if given. */
  remote(options: InjectOptions, token?: string): Promise<LightMyRequestResponse>;
  /** Listens on loopback; gives the URL without a slash at the end. */
  listen(): Promise<string>;
}

/** Everything an admin app in a test may be given instead of the usual. */
export type AdminChanges = Partial<Omit<AdminOptions, 'rack' | 'journal'>> & {
  readonly rack?: RackDouble;
  /** The real rack and journal instead of the double. */
  readonly live?: Pick<AdminOptions, 'rack' | 'journal'>;
};

/** Makes an admin app that is closed when the test ends. */
export async function createTestAdmin(t: ExecutionContext, changes: AdminChanges = {}): Promise<TestAdmin> {
  const { rack = new RackDouble(), live, ...rest } = changes;
  const config = testConfig();
  const tokens = rest.tokens ?? new ApiTokens(new MemoryTokens(), (error) => t.fail(String(error)));
  const metrics = rest.metrics ?? createMetrics().registry;
  const app = await createAdminApp({
    rack: live?.rack ?? rack,
    journal: live?.journal ?? rack.journal,
    config: () => config,
    networks: () => [],
    pulls: new Pulls({
      config: () => config,
      onEnd: () => {},
      pull: async () => {
        throw new Error('nothing is pulled in this test');
      },
    }),
    version: '1.2.3',
    tokens,
    ready: () => true,
    metrics,
    logger: pino({ level: 'silent' }),
    ui: '/nonexistent',
    ...rest,
  });
  t.teardown(() => app.close());
  return {
    app,
    rack,
    tokens,
    async metric(name) {
      return (await metrics.metrics()).split('\n').filter((line) => line.startsWith(name));
    },
    token: (role, name = `a-${role}`) => tokens.create(name, role, Date.now()),
    remote: (options, token) =>
      app.inject({
        remoteAddress: '192.0.2.7',
        ...options,
        headers: {
          host: 'localhost:9080',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...options.headers,
        },
      }),
    async listen() {
      await app.listen({ host: '127.0.0.1', port: 0 });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
  };
}

/** Stands in for the store: keeps tokens in memory. */
export class MemoryTokens {
  readonly #records = new Map<string, ApiTokenRecord>();

  apiTokens(): Iterable<ApiTokenRecord> {
    return this.#records.values();
  }

  async saveApiToken(record: ApiTokenRecord): Promise<void> {
    this.#records.set(record.name, record);
  }

  async removeApiToken(name: string): Promise<void> {
    this.#records.delete(name);
  }
}

/** A client of `GET /v1/events` on a connection of its own. */
export class Follower {
  readonly response: IncomingMessage;
  readonly messages: EventSourceMessage[] = [];
  readonly #arrived = new EventTarget();

  private constructor(response: IncomingMessage) {
    this.response = response;
    const parser = createParser({
      onEvent: (message) => {
        this.messages.push(message);
        this.#arrived.dispatchEvent(new Event('message'));
      },
    });
    response.setEncoding('utf8').on('data', (text: string) => parser.feed(text));
    response.on('error', () => {});
  }

  /** Follows from now on, or from after `lastEventId`. */
  static async open(url: string, lastEventId?: number | string, query = ''): Promise<Follower> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    const request = get(`${url}/v1/events${query}`, { headers, agent: false });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new Follower(response);
  }

  /** Waits until `isEnough` says so of all messages that came. */
  async until(isEnough: (messages: readonly EventSourceMessage[]) => boolean): Promise<void> {
    while (!isEnough(this.messages)) await once(this.#arrived, 'message');
  }

  /** The ids of the events that came. */
  ids(): number[] {
    return this.messages.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]));
  }

  close(): void {
    this.response.destroy();
  }
}
