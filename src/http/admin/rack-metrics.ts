import { Gauge, type Registry } from 'prom-client';
import { MACHINE_STATES } from '../../machines/rack.ts';
import type { AdminContext } from './context.ts';
import { showNetwork } from './rack-routes.ts';
import { allMachines } from './slices.ts';

/** Registers `rackseed_machines` and `rackseed_addresses`, which are counted when somebody asks. */
export function addRackMetrics(
  registry: Registry,
  { rack, config, networks }: Pick<AdminContext, 'rack' | 'config' | 'networks'>,
): void {
  new Gauge({
    name: 'rackseed_machines',
    help: 'Machines by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = new Map<string, number>(MACHINE_STATES.map((state) => [state, 0]));
      for (const { state } of await allMachines(rack)) counts.set(state, (counts.get(state) ?? 0) + 1);
      for (const [state, count] of counts) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'rackseed_addresses',
    help: 'Addresses that can be leased, by network and state: free, leased, or quarantined after a machine found them taken',
    labelNames: ['network', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const network of networks()) {
        const shown = showNetwork(network, config(), Date.now());
        if (!shown) continue;
        const { size, leased, quarantined } = shown.pool;
        const counts = { free: Math.max(0, size - leased - quarantined), leased, quarantined };
        for (const [state, count] of Object.entries(counts)) this.set({ network: shown.name, state }, count);
      }
    },
  });
}
