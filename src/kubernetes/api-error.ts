/** What the Kubernetes client's errors may carry; it throws several kinds. */
interface ClientError {
  readonly message?: unknown;
  readonly name?: unknown;
  /** HTTP status of an answer, or a system error's code. */
  readonly code?: unknown;
  readonly statusCode?: unknown;
  /** node-fetch's kind of failure. */
  readonly type?: unknown;
  /** The API server's Status object, parsed or as text. */
  readonly body?: unknown;
}

/** Answers whose text speaks of rights and names; the text of others could repeat what was sent. */
const TELLING = new Set([401, 403, 404, 409]);

/** A failed call in a few words for people, without anything that was sent. */
export function explainApiError(error: unknown): string {
  const status = apiStatus(error);
  const { message, name, code, type, body } = error as ClientError;
  if (status !== undefined) {
    const said = TELLING.has(status) ? statusMessage(body) : undefined;
    return said ? `the API server answered ${status}: ${said}` : `the API server answered ${status}`;
  }
  if (name === 'AbortError' || name === 'TimeoutError' || type === 'request-timeout') {
    return 'the API server does not answer';
  }
  const text = typeof message === 'string' ? message : String(error);
  const reason = /reason: (.*)/.exec(text)?.[1] || (typeof code === 'string' && code) || text;
  return reason.split('\n')[0] ?? reason;
}

/** The HTTP status of a failed call; undefined when there was no answer. */
export function apiStatus(error: unknown): number | undefined {
  const { code, statusCode } = error as ClientError;
  // DOMException has numbers of its own, far below HTTP's.
  return [code, statusCode].find((value) => typeof value === 'number' && value >= 100) as number | undefined;
}

function statusMessage(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === 'string' ? JSON.parse(body) : body;
    const { message } = status as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
