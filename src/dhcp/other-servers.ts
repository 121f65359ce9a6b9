import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';

/** How a network's machines get their addresses. `auto`: from this server, unless another one is heard. */
export type DhcpMode = 'authoritative' | 'proxy' | 'auto';

/** Who gives the addresses now: this server, or another one beside which it only says what to boot. */
export type DhcpRole = 'authoritative' | 'proxy';

/** A role that was taken over, and because of which server: one that is heard, or that is heard no more. */
export interface RoleChange {
  readonly role: DhcpRole;
  readonly server?: Ipv4;
}

/** Who gives the addresses on a network now. */
export interface DhcpPresence {
  readonly role: DhcpRole;
  /** Another server that was heard in the last minutes. */
  readonly otherServer?: Ipv4;
}

/** How long `auto` listens before it gives an address, milliseconds: a server that pings an address first takes 3 s. */
export const FIRST_LISTEN = 5_000;
/** Another server that wasn't heard for so long is gone, milliseconds: several DISCOVERs of ours were left unanswered. */
export const GONE_AFTER = 10 * 60_000;

/**
 * Decides whether this server gives addresses. In `auto` it doesn't while it has yet to find out, nor as long as another
 * server is heard. Holds no clock: every `now` is in milliseconds, of a clock that is never set back.
 */
export class OtherServers {
  readonly #mode: DhcpMode;
  readonly #began: number;
  /** The server that was heard last. */
  #heard: { readonly server: Ipv4; readonly at: number } | undefined;
  #role: DhcpRole;
  /** False until `auto` has decided for the first time. */
  #decided: boolean;

  constructor(mode: DhcpMode, now: number) {
    this.#mode = mode;
    this.#began = now;
    this.#role = mode === 'authoritative' ? 'authoritative' : 'proxy';
    this.#decided = mode !== 'auto';
  }

  get role(): DhcpRole {
    return this.#role;
  }

  /** The other server that was heard last, unless that is so long ago that it is gone. */
  present(now: number): Ipv4 | undefined {
    return this.#heard && now - this.#heard.at < GONE_AFTER ? this.#heard.server : undefined;
  }

  /** Another server has shown itself. Gives the change of role that follows, if any. */
  heard(server: Ipv4, now: number): RoleChange | undefined {
    this.#heard = { server, at: now };
    if (this.#mode !== 'auto') return undefined;
    const isNews = this.#role !== 'proxy' || !this.#decided;
    this.#role = 'proxy';
    this.#decided = true;
    return isNews ? { role: 'proxy', server } : undefined;
  }

  /** Time has passed. Gives the change of role that follows, if any. */
  tick(now: number): RoleChange | undefined {
    if (this.#mode !== 'auto' || this.#role === 'authoritative') return undefined;
    const silence = now - (this.#heard?.at ?? this.#began);
    if (silence < (this.#heard ? GONE_AFTER : FIRST_LISTEN)) return undefined;
    this.#role = 'authoritative';
    this.#decided = true;
    return { role: 'authoritative', ...(this.#heard && { server: this.#heard.server }) };
  }
}

/** A change of role in words, for people who look after a network. */
export function describeRole({ role, server }: RoleChange): string {
  const who = server === undefined ? 'no other DHCP server' : `the DHCP server ${formatIpv4(server)}`;
  if (role === 'proxy') return `${who} gives the addresses here, so rackseed only says what to boot`;
  if (server === undefined) return `${who} answers, so rackseed gives the addresses`;
  return `${who} was not heard for ${GONE_AFTER / 60_000} minutes, so rackseed gives the addresses`;
}
