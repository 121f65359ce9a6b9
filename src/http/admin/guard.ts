import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** What a request says about where it comes from. */
export interface Visit {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Our end of its connection; undefined on a unix socket. */
  readonly localAddress: string | undefined;
}

/**
 * Why a request is refused whoever sends it; undefined when it isn't. A page on the web can have its own name point at
 * our address (DNS rebinding), and can send requests here, but it can forge neither of these headers: Host, Origin,
 * Sec-Fetch-Site.
 * @param names other names by which we are known, in lower case
 */
export function refuseVisit(
  { method, headers, localAddress }: Visit,
  names: ReadonlySet<string>,
): { readonly reason: 'host' | 'origin'; readonly detail: string } | undefined {
  const { host, origin } = headers;
  const name = nameOf(host);
  if (name === undefined || !(isLoopbackName(name) || isAddress(name, localAddress) || names.has(name))) {
    return {
      reason: 'host',
      detail: 'ask by localhost, 127.0.0.1 or [::1], or by a name listed in admin.names of rackseed.yaml',
    };
  }
  const site = headers['sec-fetch-site'];
  const isLink = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  const isForeign = (site === 'cross-site' || site === 'same-site') && !isLink;
  const changes = method !== 'GET' && method !== 'HEAD';
  if (isForeign || (changes && origin !== undefined && !isOwn(origin, host))) {
    return { reason: 'origin', detail: 'only the page that is served here may ask this from a browser' };
  }
  return undefined;
}

/** True for a name that means this host to whoever says it. */
export function isLoopbackName(name: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

/** The host of a Host header without its port, in lower case; undefined when there is none that makes sense. */
export function nameOf(host: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^\s:@/?#[\]]+)(?::\d{1,5})?$/i.exec(host ?? '')?.[1]?.toLowerCase();
}

/** True when `name` is the address that the connection came in on: an address can't be made to point elsewhere. */
function isAddress(name: string, localAddress: string | undefined): boolean {
  const address = name.replace(/^\[|\]$/g, '');
  if (address === '0.0.0.0') return true;
  return isIP(address) !== 0 && address === localAddress?.replace(/^::ffff:/, '');
}

function isOwn(origin: string, host: string | undefined): boolean {
  const [theirs, ours] = [origin, `http://${host}`].map((url) =>
    URL.canParse(url) ? new URL(url).host : '',
  );
  return theirs !== '' && theirs === ours;
}
