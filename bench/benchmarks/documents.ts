import { runChecked } from '../../src/lab/process.ts';
import type { Benchmark, Scenario, Trial } from '../benchmark.ts';
import { wrkBoots } from '../clients/wrk.ts';
import { AT_ONCE, ORDER_PORT, type Order, type Rendered } from '../documents/order.ts';
import { renderer } from '../peers/renderer.ts';
import { usageOf } from '../usage.ts';

const MACHINES = 10_000;
const QUICK_MACHINES = 1_000;
/** An RSA key takes a hundred times as long as one for ECDSA. */
const RSA_MACHINES = 20;
const TIMEOUT = 120_000;

/** The documents of a rack of different machines, and what DHCP notices of it meanwhile. */
export const documents: Benchmark = {
  name: 'documents',
  summary: 'documents/s of the shipped worker profiles, with and without a new certificate each; no peer',
  note: `Up to ${AT_ONCE} machines ask at the same time. "loop" is how long a packet waits for the event loop, "lease" for its fsync.
There is nothing to compare with: matchbox fills in templates too, but Debian has no package of it, and it makes no certificates.`,
  programs: new Map([
    ['curl', 'curl'],
    ['wrk', 'wrk'],
  ]),
  settings: [
    {
      contenders: [renderer],
      scenarios: [
        rendering('the same certificate in all', { certificates: 'one', machines: MACHINES }, 5_000),
        rendering(
          'a new certificate in each (ECDSA P-256)',
          { certificates: 'ecdsa', machines: MACHINES },
          1_000,
        ),
        rendering('a new certificate in each (RSA 2048)', { certificates: 'rsa', machines: RSA_MACHINES }),
        overHttp(),
      ],
    },
  ],
};

/** Documents per second in each format; then how long packets and leases waited, in the format where it was longest. */
function rendering(what: string, load: Pick<Order, 'certificates' | 'machines'>, goal?: number): Scenario {
  return {
    title: `Documents of ${load.machines.toLocaleString('en')} machines, ${what}`,
    metrics: [
      { name: 'cloud-config/s', digits: 0 },
      { name: 'ignition/s', digits: 0 },
      { name: 'cloud-init/s', digits: 0 },
      { name: 'loop p99 ms', digits: 1, better: 'less' },
      { name: 'lease p99 ms', digits: 1, better: 'less' },
    ],
    goals: goal === undefined ? [] : [{ metric: 'cloud-config/s', value: goal }],
    async measure(trial) {
      const machines = trial.quick ? Math.min(load.machines, QUICK_MACHINES) : load.machines;
      const cloudConfig = await order({ ...load, machines, format: 'cloud-config' }, trial);
      const ignition = await order({ ...load, machines, format: 'ignition' }, trial);
      const cloudInit = await order({ ...load, machines, format: 'cloud-init' }, trial);
      const all = [cloudConfig, ignition, cloudInit];
      return [
        ...all.map(({ documentsPerSecond }) => documentsPerSecond),
        Math.max(...all.map(({ loopDelay }) => loopDelay)),
        Math.max(...all.map(({ leaseDelay }) => leaseDelay)),
      ];
    },
  };
}

/** What machines see: each asks for its iPXE script, whose token is on disk before, and then for its cloud-config. */
function overHttp(): Scenario {
  return {
    title: `Script and cloud-config over HTTP to ${MACHINES.toLocaleString('en')} machines, a new certificate for each`,
    metrics: [
      { name: 'machines/s', digits: 0 },
      { name: 'p99 ms', digits: 1, better: 'less' },
      { name: 'CPU ms/machine', digits: 2, better: 'less' },
    ],
    async measure({ clients, address, server, quick, signal }) {
      const load = { url: `http://${address}`, connections: AT_ONCE, seconds: quick ? 3 : 10 };
      const before = usageOf(server).cpuSeconds;
      const { rate, p99 } = await wrkBoots(clients, load, signal);
      const used = usageOf(server).cpuSeconds - before;
      return [rate, p99, (used * 1000) / (rate * load.seconds)];
    },
  };
}

/** Has the renderer write documents, and waits until it has. */
async function order(what: Order, { clients, address, signal }: Trial): Promise<Rendered> {
  const query = new URLSearchParams({ ...what, machines: String(what.machines) });
  const curl = [
    'curl',
    '--silent',
    '--show-error',
    '--fail-with-body',
    `http://${address}:${ORDER_PORT}/?${query}`,
  ];
  return JSON.parse(await runChecked(clients.command(curl), { signal, timeout: TIMEOUT })) as Rendered;
}
