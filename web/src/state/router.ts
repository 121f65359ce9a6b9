import { type ReadonlySignal, signal } from '@preact/signals';
import { hashOf, parseRoute, type Route } from '../model/route.ts';

/** Which page is shown; follows the address bar. */
export interface Router {
  readonly route: ReadonlySignal<Route>;
  /** Goes to another page. */
  go(route: Route): void;
  /** Says the same page in other words, without a step in the history. */
  replace(route: Route): void;
}

export function createRouter(): Router {
  const route = signal(parseRoute(location.hash));
  addEventListener('hashchange', () => {
    route.value = parseRoute(location.hash);
  });
  return {
    route,
    go(next) {
      location.hash = hashOf(next);
    },
    replace(next) {
      history.replaceState(null, '', hashOf(next));
      route.value = next;
    },
  };
}
