import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { start } from '../../src/lab/process.ts';
import type { SeenMachine } from '../../src/machines/machine.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { type Benchmark, type Contender, type Scenario, type Site, serverOf } from '../benchmark.ts';
import { hardwareAddress, macText } from '../machines/dhcp-message.ts';
import { serveCommand, storeOf, writeConfiguration } from '../peers/rackseed.ts';
import { CLIENTS } from '../rig.ts';
import { usageOf } from '../usage.ts';

const LEASES = 50_000;
const MACHINES = 10_000;
/** After the start, until the server has done what it does then and has given back what it took for it, milliseconds. */
const SETTLING = 30_000;
const PROBE = fileURLToPath(new URL('../machines/first-answer.ts', import.meta.url));

/** A configuration and a store that has seen much; the service itself is started when it is measured. */
const rackseedWithHistory: Contender = {
  name: 'rackseed',
  async start(site) {
    await writeConfiguration(site);
    await fillStore(site);
    return serverOf();
  },
};

/** From the start of the process to the first answer to a DISCOVER. */
const coldStart: Scenario = {
  title: `Start with ${LEASES.toLocaleString('en')} leases and ${MACHINES.toLocaleString('en')} machines in the store`,
  metrics: [
    { name: 's to first OFFER', digits: 2, better: 'less' },
    { name: 'resident MB when idle', digits: 0, better: 'less' },
    { name: 'CPU s', digits: 2, better: 'less' },
  ],
  goals: [
    { metric: 's to first OFFER', value: 1.5 },
    { metric: 'resident MB when idle', value: 130 },
  ],
  async measure({ clients, address, site, quick, signal }) {
    const node = [process.execPath, ...process.execArgv, PROBE, CLIENTS, address];
    const probe = await start(clients.command(node));
    await probe.waitFor(/asking/);
    const began = process.hrtime.bigint();
    const server = await start(site.namespace.command(serveCommand(site)));
    try {
      const [, answered = '0'] = await probe.waitFor(/answered (\d+)/, 60_000).catch((error) => {
        throw new Error(`no answer from the service, which said:\n${server.output()}`, { cause: error });
      });
      await pause(quick ? SETTLING / 5 : SETTLING, undefined, { signal });
      const { cpuSeconds, residentBytes } = usageOf(serverOf(server));
      return [Number(BigInt(answered) - began) / 1e9, residentBytes / 1e6, cpuSeconds];
    } finally {
      await server.stop();
      await probe.stop();
    }
  },
};

/** A restart of the service in a rack that is full. */
export const startUp: Benchmark = {
  name: 'start',
  summary: 'seconds from the start of the process to its first OFFER, and memory when idle; no peer',
  programs: new Map(),
  note: 'The files are in the page cache, as after a restart of the service, not of the host.',
  settings: [{ contenders: [rackseedWithHistory], scenarios: [coldStart] }],
};

/** Writes leases, and machines that are up, as the service would have. */
async function fillStore(site: Site): Promise<void> {
  const store = openLmdbStore(storeOf(site), (error) => {
    throw error;
  });
  const now = Date.now();
  const first = parseIpv4(site.range.first) ?? 0;
  const macOf = (index: number) => macText(hardwareAddress(index)) as Mac;
  const lease = (index: number) => ({
    address: (first + index) as Ipv4,
    mac: macOf(index),
    expires: now + 3_600_000 + index,
  });
  await Promise.all(
    Array.from({ length: LEASES }, (_, index) => store.commit({ lease: lease(index), renewal: false })),
  );
  for (let index = 0; index < MACHINES; index += 1) {
    const boot = bootOf(now);
    const { mac, address } = lease(index);
    const machine: SeenMachine = {
      ...{ mac, address, network: 'bench', boot },
      ...{ firstSeen: now - 86_400_000, lastSeen: now - 60_000 },
      ...{ firmware: 'UEFI x64', loader: 'snponly.efi' },
      inventory: {
        uuid: `00000000-0000-0000-0000-${mac.replaceAll(':', '')}`,
        serial: `S${index}`,
        manufacturer: 'Maker',
        product: 'Server 1U',
        buildarch: 'x86_64',
        platform: 'efi',
      },
      standing: { state: 'running', since: now - 60_000 },
    };
    store.saveMachine(machine);
  }
  await store.close();
}

/** A boot from DISCOVER to up that ended a minute before `now`. */
function bootOf(now: number): NonNullable<SeenMachine['boot']> {
  const kinds = [
    'discover',
    'offer',
    'ack',
    'loader',
    'script',
    'kernel',
    'initrd',
    'document',
    'up',
  ] as const;
  const began = now - 90_000;
  const entries = kinds.map((kind, place) => ({ kind, at: began + place * 3000, detail: `stage ${place}` }));
  return { number: 1, began, profile: 'disk', entries };
}
