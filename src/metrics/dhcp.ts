import { Counter, Histogram, type Registry } from 'prom-client';
import type { DhcpEvent, ReplyName, RequestName } from '../dhcp/events.ts';

/** Answers since they were counted last: to count each by its labels would cost as much as to encode it. */
class Tally {
  readonly #counts = new Map<RequestName, Map<ReplyName, number>>();

  add(request: RequestName, reply: ReplyName): void {
    let counts = this.#counts.get(request);
    if (!counts) {
      counts = new Map();
      this.#counts.set(request, counts);
    }
    counts.set(reply, (counts.get(reply) ?? 0) + 1);
  }

  /** Tells of all, and forgets them. */
  takeAll(tell: (request: RequestName, reply: ReplyName, count: number) => void): void {
    for (const [request, counts] of this.#counts) {
      for (const [reply, count] of counts) tell(request, reply, count);
    }
    this.#counts.clear();
  }
}

/** Registers the `rackseed_dhcp_*` metrics; gives the function that counts an event of the DHCP server. */
export function createDhcpMetrics(registry: Registry): (event: DhcpEvent) => void {
  const registers = [registry];
  const answered = new Tally();
  const replies = new Counter({
    name: 'rackseed_dhcp_replies_total',
    help: 'Messages answered, by what the client sent and what it got',
    labelNames: ['request', 'reply'],
    registers,
    collect() {
      answered.takeAll((request, reply, count) => replies.inc({ request, reply }, count));
    },
  });
  const silent = new Counter({
    name: 'rackseed_dhcp_silent_total',
    help: 'Messages understood but not answered, and why',
    labelNames: ['request', 'reason'],
    registers,
  });
  const dropped = new Counter({
    name: 'rackseed_dhcp_dropped_total',
    help: 'Datagrams not looked at further, and why',
    labelNames: ['reason'],
    registers,
  });
  const conflicts = new Counter({
    name: 'rackseed_dhcp_conflicts_total',
    help: 'Addresses that were about to be offered and found in use by somebody else',
    registers,
  });
  const roles = new Counter({
    name: 'rackseed_dhcp_role_changes_total',
    help: 'Times that dhcp.mode auto took over giving addresses (authoritative) or left it to another server (proxy)',
    labelNames: ['network', 'role'],
    registers,
  });
  const seconds = new Histogram({
    name: 'rackseed_dhcp_reply_seconds',
    help: 'From receiving a message to handing the reply to the kernel, writing the lease down included',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
    registers,
  });

  return (event) => {
    switch (event.type) {
      case 'answered':
        answered.add(event.request, event.reply);
        seconds.observe(event.milliseconds / 1000);
        break;
      case 'silent':
        silent.inc({ request: event.request, reason: event.reason });
        break;
      case 'conflict':
        conflicts.inc();
        break;
      case 'role':
        roles.inc({ network: event.network, role: event.role });
        break;
      case 'dropped':
        dropped.inc({ reason: event.reason });
        break;
    }
  };
}
