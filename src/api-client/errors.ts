import { STATUS_CODES } from 'node:http';
import type { Endpoint } from './endpoint.ts';
import { ROLES, type Role } from './types.ts';

/** The service didn't answer, or not to the end: it may do so later. */
export class Unreachable extends Error {}

/** One of several things wrong with a request: a line of a file that was imported. */
export interface LineFault {
  readonly line: number;
  readonly detail: string;
}

/** The service answered, and the answer is no. */
export class ApiRefusal extends Error {
  readonly status: number;
  readonly faults: readonly LineFault[];
  constructor(status: number, message: string, faults: readonly LineFault[] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

const CERTIFICATE = /^(?:.*_CERT(?:_.*)?|CERT_.*|UNABLE_TO_VERIFY.*|ERR_TLS_CERT.*)$/;

/** Why no answer came, and what to do about it. */
export function explainConnection({ place }: Endpoint, error: NodeJS.ErrnoException): string {
  const { code = '', message } = error;
  const what = `can't ask the service at ${place} (${code === '' ? message : code})`;
  if (code === 'EACCES' || code === 'EPERM') {
    return `${what}: only its owner may open this socket; do it as root or as the user that the service runs as`;
  }
  if (CERTIFICATE.test(code)) {
    return `${what}: its certificate isn't trusted; name the file with its CA in NODE_EXTRA_CA_CERTS, and use a name that is in it`;
  }
  if (code === 'EPROTO') return `${what}: it doesn't speak HTTPS; try http://`;
  if (code.startsWith('HPE_')) return `${what}: what answers there isn't HTTP`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${what}: the name of the host isn't known here`;
  return `${what}: is it running? Start it with "rackseed serve"`;
}

/** What the body of a refusal says (RFC 9457), as far as it says anything. */
export interface ProblemBody {
  readonly detail: string;
  readonly faults: readonly LineFault[];
}

/** Reads the body of an answer that is no success; a body that is no problem document is told as it is, shortly. */
export function readProblem(status: number, type: string, body: string): ProblemBody {
  const plain = `the service answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  if (!/^application\/(?:problem\+)?json/.test(type)) {
    const text = body.trim().slice(0, 200);
    return { detail: text === '' ? plain : `${plain}: ${text}`, faults: [] };
  }
  const problem = parseObject(body);
  const faults = Array.isArray(problem.errors) ? problem.errors.flatMap(readFault) : [];
  const text = [problem.detail, problem.title].find((part) => typeof part === 'string' && part !== '');
  return { detail: typeof text === 'string' ? text : plain, faults };
}

function readFault(value: unknown): LineFault[] {
  const { line, detail } = (typeof value === 'object' && value !== null ? value : {}) as Partial<LineFault>;
  return typeof line === 'number' && typeof detail === 'string' ? [{ line, detail }] : [];
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** What is said to somebody who shows no token that the service knows (401). */
export function explainToken({ place, token }: Endpoint): string {
  const wrong =
    token === undefined ? 'wants an API token' : 'does not know this API token: it may be revoked';
  return `the service at ${place} ${wrong}. Make one on its host with "rackseed token create --name NAME --role ROLE", and give it in RACKSEED_TOKEN`;
}

/** What somebody whose role doesn't suffice (403) can do; undefined when the role isn't what stands in the way. */
export function adviceForRole(role: Role | undefined, needs: Role): string | undefined {
  if (role === undefined || ROLES.indexOf(role) >= ROLES.indexOf(needs)) return undefined;
  return `use a token that may do it, made by an admin with "rackseed token create --name NAME --role ${needs}"`;
}
