import type { IncomingHttpHeaders, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiTokens } from '../../api-tokens/api-tokens.ts';
import type { Role } from '../../api-tokens/token.ts';
import { isLoopbackName, nameOf } from './guard.ts';

/** Who sends a request. */
export interface Caller {
  /** Name of its token, or `local`. */
  readonly name: string;
  readonly role: Role;
}

/** Whoever is on this host and shows no token. */
export const LOCAL: Caller = { name: 'local', role: 'admin' };

/** What a request shows of its sender. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  readonly socket: Pick<Socket, 'remoteAddress'>;
}

/** Headers by which a proxy tells that it speaks for somebody else. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * Who sends a request: the owner of the token it shows, else `LOCAL` when it comes from this host. `wrong token` when it
 * shows one that nobody has, `nobody` when it shows none and comes from elsewhere.
 * @param now milliseconds since the epoch
 */
export function callerOf(
  { headers, socket }: Credentials,
  tokens: Pick<ApiTokens, 'find'>,
  now: number,
): Caller | 'wrong token' | 'nobody' {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return tokens.find(token, now) ?? 'wrong token';
  }
  const isProxied = PROXY_HEADERS.some((name) => headers[name] !== undefined);
  return !isProxied && isThisHost(headers.host, socket) ? LOCAL : 'nobody';
}

const unixSockets = new WeakSet<object>();

/** Notes which connections to `server` came through a unix socket: whoever can open it is on this host. */
export function noteUnixSockets(server: Server): void {
  server.on('connection', (socket) => {
    if (typeof server.address() === 'string') unixSockets.add(socket);
  });
}

function isThisHost(host: string | undefined, socket: Credentials['socket']): boolean {
  // That there is no remote address doesn't tell: a TCP connection has none any more when it was reset.
  if (unixSockets.has(socket)) return true;
  const name = nameOf(host);
  // By another name it may have come through a proxy that doesn't say so.
  const isDirect = name !== undefined && (isLoopbackName(name) || name === '0.0.0.0');
  return isDirect && /^(?:(?:::ffff:)?127\.\d+\.\d+\.\d+|::1)$/.test(socket.remoteAddress ?? '');
}
