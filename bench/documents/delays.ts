import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Store } from '../../src/store/store.ts';

/** Time between two leases, milliseconds. */
const INTERVAL = 5;

/** How much DHCP had to wait, milliseconds: 99 of 100 times no longer than this. */
export interface Delays {
  /** For the event loop. */
  readonly loopDelay: number;
  /** For a lease to be on disk, which is when its ACK is sent. */
  readonly leaseDelay: number;
}

/** Watches the event loop, and writes leases as DHCP does, until `end`. */
export function watchDelays(store: Store): { end(): Promise<Delays> } {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const waits: number[] = [];
  const stopping = new AbortController();
  const writing = (async () => {
    do {
      const begun = performance.now();
      const lease = {
        address: (0x0a_4d_00_01 + waits.length) as Ipv4,
        mac: '52:54:00:00:00:01' as Mac,
        expires: Date.now() + 3_600_000,
      };
      await store.commit({ lease, renewal: false });
      waits.push(performance.now() - begun);
      await pause(INTERVAL);
    } while (!stopping.signal.aborted);
  })();
  loop.enable();
  return {
    async end() {
      loop.disable();
      stopping.abort();
      await writing;
      waits.sort((a, b) => a - b);
      return {
        loopDelay: loop.percentile(99) / 1e6,
        leaseDelay: waits[Math.ceil(waits.length * 0.99) - 1] ?? Number.NaN,
      };
    },
  };
}
