import { MACHINE_STATES, type MachineState } from './api.ts';

/** What the part of the address after `#` says: which page is shown. */
export type Route =
  | { readonly page: 'rack'; readonly query: string; readonly state?: MachineState }
  | { readonly page: 'machine'; readonly mac: string }
  | { readonly page: (typeof PLAIN_PAGES)[number] }
  | { readonly page: 'nowhere'; readonly path: string };

const PLAIN_PAGES = ['leases', 'events', 'images', 'settings'] as const;

/** Reads a hash such as `#/machines/52:54:00:12:34:56` or `#/?state=stuck&q=r1`; the empty one is the rack. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  if (path === '') {
    const values = new URLSearchParams(search);
    const state = MACHINE_STATES.find((known) => known === values.get('state'));
    return { page: 'rack', query: values.get('q') ?? '', ...(state && { state }) };
  }
  const mac = /^machines\/([^/]+)$/.exec(path)?.[1];
  if (mac !== undefined) return { page: 'machine', mac: decode(mac) };
  const plain = PLAIN_PAGES.find((page) => page === path);
  return plain ? { page: plain } : { page: 'nowhere', path };
}

/** The hash that `parseRoute` reads as `route`. */
export function hashOf(route: Route): string {
  if (route.page === 'machine') return `#/machines/${encodeURIComponent(route.mac).replaceAll('%3A', ':')}`;
  if (route.page === 'nowhere') return `#/${route.path}`;
  if (route.page !== 'rack') return `#/${route.page}`;
  const values = new URLSearchParams();
  if (route.state) values.set('state', route.state);
  if (route.query) values.set('q', route.query);
  return values.size > 0 ? `#/?${values}` : '#/';
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
