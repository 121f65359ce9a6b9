import { Gauge, type Registry } from 'prom-client';

/** Registers `rackseed_trouble`: 1 for each thing that `current` names as not working now. */
export function createTroubleMetric(registry: Registry, current: () => Iterable<string>): void {
  new Gauge({
    name: 'rackseed_trouble',
    help: 'What does not work now and is tried again: the store, or the interface of a network; 1 each',
    labelNames: ['subject'],
    registers: [registry],
    collect() {
      this.reset();
      for (const subject of current()) this.set({ subject }, 1);
    },
  });
}
