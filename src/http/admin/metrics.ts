import { Counter, Gauge, type Registry } from 'prom-client';

/** Why the admin app lets a request in no further. */
export type AdminRefusal = 'host' | 'origin' | 'token' | 'role' | 'limit';

/** What the admin app counts about itself. */
export interface AdminMetrics {
  refused(reason: AdminRefusal): void;
  /** The number of clients that follow the events now. */
  followers(count: number): void;
  /** A client that follows the events was too slow. */
  followerCut(): void;
}

/** Registers the `rackseed_admin_*` metrics. */
export function createAdminMetrics(registry: Registry): AdminMetrics {
  const registers = [registry];
  const refused = new Counter({
    name: 'rackseed_admin_refused_total',
    help: 'Requests to the admin app that were not let in, and why',
    labelNames: ['reason'],
    registers,
  });
  const followers = new Gauge({
    name: 'rackseed_admin_event_clients',
    help: 'Clients that follow the events',
    registers,
  });
  const cut = new Counter({
    name: 'rackseed_admin_event_clients_cut_total',
    help: 'Clients that were cut off because they read the events too slowly',
    registers,
  });
  return {
    refused: (reason) => refused.inc({ reason }),
    followers: (count) => followers.set(count),
    followerCut: () => cut.inc(),
  };
}
