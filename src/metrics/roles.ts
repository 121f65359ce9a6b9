import { Gauge, type Registry } from 'prom-client';
import type { DhcpPresence } from '../dhcp/other-servers.ts';

/** A network whose role is shown. */
export interface NetworkRole {
  readonly name: string;
  readonly dhcp: DhcpPresence;
}

/** Registers `rackseed_dhcp_authoritative` and `rackseed_dhcp_other_server`: `networks` is asked each time they are read. */
export function createRoleMetrics(registry: Registry, networks: () => Iterable<NetworkRole>): void {
  const show = (name: string, help: string, holds: (presence: DhcpPresence) => boolean) =>
    new Gauge({
      name,
      help,
      labelNames: ['network'],
      registers: [registry],
      collect() {
        this.reset();
        for (const network of networks()) this.set({ network: network.name }, holds(network.dhcp) ? 1 : 0);
      },
    });
  show(
    'rackseed_dhcp_authoritative',
    '1 while this server gives the addresses, 0 while it only says what to boot (proxy)',
    ({ role }) => role === 'authoritative',
  );
  show(
    'rackseed_dhcp_other_server',
    '1 while another DHCP server is heard; beside one that gives addresses as well it means trouble',
    ({ otherServer }) => otherServer !== undefined,
  );
}
