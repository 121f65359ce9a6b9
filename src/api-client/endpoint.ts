import type { RequestOptions } from 'node:https';
import type { AdminListen } from '../config/config.ts';

/** Where the admin API is reached, and as whom. */
export interface Endpoint {
  /** For people: `http://127.0.0.1:9080`, `unix:/run/rackseed/admin.sock`. */
  readonly place: string;
  readonly protocol: 'http:' | 'https:';
  /** What `request` of node:http or node:https connects to. */
  readonly target: RequestOptions;
  /** Comes before every path: `/rackseed` behind a proxy, mostly nothing. */
  readonly prefix: string;
  /** The API token to ask with. */
  readonly token?: string;
}

/** The admin API of a service on this host: at `admin.local` of its configuration. */
export function localEndpoint(local: AdminListen, token?: string): Endpoint {
  const rest = { protocol: 'http:', prefix: '', ...(token !== undefined && { token }) } as const;
  if ('path' in local) return { place: `unix:${local.path}`, target: { socketPath: local.path }, ...rest };
  const { host, port } = local;
  return {
    place: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    target: { host, port },
    ...rest,
  };
}

/**
 * The admin API at a URL: `http://…`, `https://…` or `unix:/path`. Throws an Error for people for anything else.
 */
export function remoteEndpoint(text: string, token?: string): Endpoint {
  const [, path] = /^unix:(\/.+)$/.exec(text) ?? [];
  if (path !== undefined) return localEndpoint({ path }, token);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !isHttp(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new Error(
      `"${text}" is not where a service is: use http://HOST:PORT, https://HOST:PORT or unix:/PATH`,
    );
  }
  const { protocol, port } = url;
  return {
    place: url.href.replace(/\/$/, ''),
    protocol: protocol as Endpoint['protocol'],
    // An IPv6 address has brackets in a URL, and none where one connects to it.
    target: { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), ...(port !== '' && { port }) },
    prefix: url.pathname.replace(/\/$/, ''),
    ...(token !== undefined && { token }),
  };
}

function isHttp(protocol: string): protocol is Endpoint['protocol'] {
  return protocol === 'http:' || protocol === 'https:';
}
