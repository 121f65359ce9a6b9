/** What the server answers when it doesn't do what was asked (RFC 9457). */
export class ApiProblem extends Error {
  /** The HTTP status; 0 when there was no answer at all. */
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** The admin API. Every method rejects with an ApiProblem. */
export interface Api {
  get<Answer>(path: string): Promise<Answer>;
  /** @param revision of the machine that the change is meant for; another one is refused with 412 */
  post<Answer>(path: string, body: unknown, revision?: number): Promise<Answer>;
  delete(path: string): Promise<void>;
  /** The answer to GET as soon as its headers are there. */
  open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>;
}

/**
 * @param token what is sent as bearer token; undefined for none
 * @param onUnauthorized called with every 401
 */
export function createApi(token: () => string | undefined, onUnauthorized: () => void): Api {
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const bearer = token();
    const response = await fetch(path, {
      ...init,
      cache: 'no-store',
      headers: { ...init.headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    }).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new ApiProblem(0, 'The server doesn’t answer. Is rackseed running?');
    });
    if (response.ok) return response;
    if (response.status === 401) onUnauthorized();
    throw new ApiProblem(response.status, await problemDetail(response));
  }

  return {
    async get<Answer>(path: string) {
      return (await (await send(path)).json()) as Answer;
    },
    async post<Answer>(path: string, body: unknown, revision?: number) {
      const headers = {
        'content-type': 'application/json',
        ...(revision !== undefined && { 'if-match': `"${revision}"` }),
      };
      const response = await send(path, { method: 'POST', headers, body: JSON.stringify(body) });
      return (await response.json()) as Answer;
    },
    async delete(path) {
      await send(path, { method: 'DELETE' });
    },
    open: (path, headers, signal) => send(path, { headers, signal }),
  };
}

async function problemDetail(response: Response): Promise<string> {
  const fallback = `The server answers ${response.status} ${response.statusText}`.trimEnd();
  const problem: unknown = await response.json().catch(() => undefined);
  if (typeof problem !== 'object' || problem === null || !('detail' in problem)) return fallback;
  return typeof problem.detail === 'string' ? problem.detail : fallback;
}
