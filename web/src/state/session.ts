import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Me, Role } from '../model/api.ts';
import { ROLES } from '../model/api.ts';
import { type Api, ApiProblem, createApi } from './api.ts';

/** Who looks at the page. */
export interface Session {
  readonly api: Api;
  /** Undefined until the server has said it. */
  readonly me: ReadonlySignal<Me | undefined>;
  /** True while the server wants a token that isn't there. */
  readonly needsToken: ReadonlySignal<boolean>;
  /** True when a token is sent. */
  readonly hasToken: ReadonlySignal<boolean>;
  /** True when this role may do what `role` is needed for. */
  may(role: Role): boolean;
  /** Asks the server who this is; rejects with an ApiProblem. */
  identify(): Promise<void>;
  /** Tries a token and keeps it until the tab is closed; rejects with an Error when the server doesn't know it. */
  signIn(token: string): Promise<void>;
  signOut(): void;
}

const KEY = 'rackseed.token';

/** The session of this tab; begins with the token that it had before a reload. */
export function createSession(): Session {
  const token = signal<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);
  const me = signal<Me | undefined>(undefined);
  const needsToken = signal(false);
  const api = createApi(
    () => token.value,
    () => {
      me.value = undefined;
      needsToken.value = true;
    },
  );

  async function identify() {
    me.value = await api.get<Me>('/v1/me');
    needsToken.value = false;
  }

  function keep(value: string | undefined) {
    token.value = value;
    if (value === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  }

  return {
    api,
    me,
    needsToken,
    hasToken: computed(() => token.value !== undefined),
    may: (role) => me.value !== undefined && ROLES.indexOf(me.value.role) >= ROLES.indexOf(role),
    identify,
    async signIn(value) {
      token.value = value;
      try {
        await identify();
      } catch (error) {
        token.value = undefined;
        const unknown = error instanceof ApiProblem && error.status === 401;
        throw unknown ? new Error('The server doesn’t know this token, or it was revoked.') : error;
      }
      keep(value);
    },
    signOut() {
      keep(undefined);
      me.value = undefined;
      needsToken.value = true;
    },
  };
}
