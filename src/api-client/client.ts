import type { IncomingMessage } from 'node:http';
import type { Mac } from '../net/mac.ts';
import type { Endpoint } from './endpoint.ts';
import { ApiRefusal, adviceForRole, explainToken, readProblem } from './errors.ts';
import { readEvents, type ServerEvent } from './event-stream.ts';
import { type ApiAnswer, type ApiRequest, ask, open, readAnswer } from './request.ts';
import type {
  MachineFilter,
  NewToken,
  Role,
  ShownBoot,
  ShownChange,
  ShownImportResult,
  ShownLease,
  ShownMachine,
  ShownToken,
} from './types.ts';

/** Machines or leases asked for at once: what the API gives at most. */
const PAGE = 1000;
/** The service sends a heartbeat every 15 s; without three of them the connection is dead, milliseconds. */
const SILENCE = 45_000;
/** An import commits many machines before it answers, milliseconds. */
const IMPORT_TIMEOUT = 120_000;

/** What can be done to one machine; the last part of the path. */
export type MachineAction =
  | 'approve'
  | 'refuse'
  | 'retire'
  | 'adopt-disk'
  | 'rename'
  | 'label'
  | 'assign'
  | 'boot-once'
  | 'wake';

/** The form of a file of machines. */
export type RackFormat = 'csv' | 'yaml';

/** Where events are to go on, and which are wanted. */
export interface EventRequest {
  /** Only these types; all unless given. */
  readonly types?: readonly string[];
  /** The last event that is known already. */
  readonly lastId?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The admin API, as functions. Every one rejects with Unreachable when no answer comes, and with an ApiRefusal when the answer
 * is no; both say what to do.
 */
export class ApiClient {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Where it asks, for people. */
  get place(): string {
    return this.#endpoint.place;
  }

  /** All machines that the filter lets through, however many pages they are, in the order of the API. */
  async machines(filter: MachineFilter = {}, signal?: AbortSignal): Promise<readonly ShownMachine[]> {
    const query = {
      ...(filter.states && { state: filter.states.join(',') }),
      ...(filter.network !== undefined && { network: filter.network }),
      ...(filter.search !== undefined && { q: filter.search }),
    };
    const found = await this.#pages<ShownMachine>('/v1/machines', 'machines', query, signal);
    // A machine that moves in the order while pages are fetched can be on two of them.
    return [...new Map(found.map((machine) => [machine.mac, machine])).values()];
  }

  async machine(mac: Mac): Promise<ShownMachine> {
    return this.#json<ShownMachine>({ path: machinePath(mac) });
  }

  /** Its boots, the newest first. */
  async boots(mac: Mac): Promise<readonly ShownBoot[]> {
    return (await this.#json<{ boots: readonly ShownBoot[] }>({ path: `${machinePath(mac)}/boots` })).boots;
  }

  /** Makes a change; gives the machine as it is then. */
  async change(mac: Mac, action: MachineAction, body: object = {}): Promise<ShownMachine> {
    const path = `${machinePath(mac)}/${action}`;
    return this.#json<ShownMachine>({ method: 'POST', path, body: json(body) }, 'operator');
  }

  async forget(mac: Mac): Promise<void> {
    await this.#done({ method: 'DELETE', path: machinePath(mac) }, 'operator');
  }

  /** The machines as a file. */
  async exportRack(format: RackFormat): Promise<string> {
    const { body } = await this.#done({ path: `/v1/export?format=${format}`, headers: { accept: '*/*' } });
    return body;
  }

  /** Takes a file of machines over: all of its rows or, when one is wrong, none. */
  async importRack(format: RackFormat, text: string, dryRun: boolean): Promise<readonly ShownImportResult[]> {
    const request: ApiRequest = {
      method: 'POST',
      path: `/v1/import?dry_run=${dryRun}`,
      body: { type: format === 'csv' ? 'text/csv' : 'application/yaml', text },
      timeout: IMPORT_TIMEOUT,
    };
    return (await this.#json<{ results: readonly ShownImportResult[] }>(request, 'operator')).results;
  }

  async leases(): Promise<readonly ShownLease[]> {
    return this.#pages<ShownLease>('/v1/leases', 'leases', {});
  }

  /** What people changed, the newest first. */
  async changes(): Promise<readonly ShownChange[]> {
    return (await this.#json<{ changes: readonly ShownChange[] }>({ path: '/v1/changes' })).changes;
  }

  async tokens(): Promise<readonly ShownToken[]> {
    return (await this.#json<{ tokens: readonly ShownToken[] }>({ path: '/v1/tokens' }, 'admin')).tokens;
  }

  async createToken(name: string, role: Role): Promise<NewToken> {
    return this.#json<NewToken>({ method: 'POST', path: '/v1/tokens', body: json({ name, role }) }, 'admin');
  }

  async revokeToken(name: string): Promise<void> {
    await this.#done({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(name)}` }, 'admin');
  }

  /**
   * What happens from now on, or what happened after `lastId` and from then on. Resolves once the service has agreed; the events
   * end when it closes the connection, and throw Unreachable when the connection breaks. See `followEvents` for more patience.
   */
  async events({ types, lastId, signal }: EventRequest = {}): Promise<AsyncIterable<ServerEvent>> {
    const response = await open(this.#endpoint, {
      path: `/v1/events${types ? `?${new URLSearchParams({ types: types.join(',') })}` : ''}`,
      headers: {
        accept: 'text/event-stream',
        ...(lastId !== undefined && { 'last-event-id': String(lastId) }),
      },
      timeout: SILENCE,
      signal,
    });
    if (response.statusCode !== 200) throw await this.#refusalOf(response);
    return readEvents(this.#endpoint, response);
  }

  /** True when the service is ready to answer machines. */
  async isReady(): Promise<boolean> {
    const answer = await ask(this.#endpoint, { path: '/readyz', timeout: 5000 }).catch(() => undefined);
    return answer?.status === 200;
  }

  /** All items of a list that comes in pages. */
  async #pages<Item>(
    path: string,
    key: string,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Item[]> {
    const items: Item[] = [];
    const visited = new Set<string>();
    for (let cursor: string | undefined; ; ) {
      const parameters = new URLSearchParams({
        ...query,
        limit: String(PAGE),
        ...(cursor !== undefined && { cursor }),
      });
      const page = await this.#json<Readonly<Record<string, readonly Item[]>> & { readonly next?: string }>({
        path: `${path}?${parameters}`,
        signal,
      });
      items.push(...(page[key] ?? []));
      cursor = page.next;
      if (cursor === undefined || visited.has(cursor)) return items;
      visited.add(cursor);
    }
  }

  async #json<Answer>(request: ApiRequest, needs: Role = 'read'): Promise<Answer> {
    const { body } = await this.#done(request, needs);
    try {
      return JSON.parse(body) as Answer;
    } catch {
      throw new Error(`what answers at ${this.place} isn't rackseed: its ${request.path} is no JSON`);
    }
  }

  /** Asks, and throws an ApiRefusal for every answer but a success. */
  async #done(request: ApiRequest, needs: Role = 'read'): Promise<ApiAnswer> {
    const answer = await ask(this.#endpoint, request);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.#refusal(answer, needs);
  }

  async #refusalOf(response: IncomingMessage): Promise<ApiRefusal> {
    const status = response.statusCode ?? 0;
    return this.#refusal({ status, ...(await readAnswer(this.#endpoint, response)) }, 'read');
  }

  async #refusal({ status, type, body }: ApiAnswer, needs: Role): Promise<ApiRefusal> {
    if (status === 401) return new ApiRefusal(status, explainToken(this.#endpoint));
    const { detail, faults } = readProblem(status, type, body);
    const advice = status === 403 ? adviceForRole(await this.#role(), needs) : undefined;
    return new ApiRefusal(status, advice === undefined ? detail : `${detail}; ${advice}`, faults);
  }

  /** What we may do here; undefined when the service doesn't tell. */
  async #role(): Promise<Role | undefined> {
    const answer = await ask(this.#endpoint, { path: '/v1/me' }).catch(() => undefined);
    return answer?.status === 200 ? (JSON.parse(answer.body) as { readonly role: Role }).role : undefined;
  }
}

function machinePath(mac: Mac): string {
  return `/v1/machines/${encodeURIComponent(mac)}`;
}

function json(value: object): { type: string; text: string } {
  return { type: 'application/json', text: JSON.stringify(value) };
}
