import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Child, start } from '../../src/lab/process.ts';
import {
  type Benchmark,
  type Contender,
  type Goal,
  type Scenario,
  type Setting,
  serverOf,
  type Trial,
} from '../benchmark.ts';
import { hardwareAddress, macText } from '../machines/dhcp-message.ts';
import { STAGES, type StormOrder, type StormReport } from '../machines/order.ts';
import { dnsmasqNginx } from '../peers/dnsmasq-nginx.ts';
import { launchRackseed } from '../peers/rackseed.ts';
import { percentile } from '../summary.ts';
import { usageOf } from '../usage.ts';

/** Bytes: a small loader, and an image small enough that ten thousand of them go through this machine. */
const SIZES = { loader: 300_000, kernel: 2_000_000, initrd: 8_000_000 };
const IMAGE = { kernel: 'bench/vmlinuz', initrd: 'bench/initrd.img' };
/** All machines are switched on within this time, milliseconds. */
const SPREAD = 1000;
/** From the start of the generators until the first machine is switched on, milliseconds. */
const LEAD = 5000;
/** Machines that aren't up so long after the first was switched on have failed, milliseconds. */
const LIMIT = 900_000;
/** 1 GB beyond the 1 GiB of memory for images that rackseed is given here, MB. */
const MOST_MEMORY = 1000 + 1024 ** 3 / 1e6;

const CLOUD_CONFIG = {
  hostname: '{{ machine.hostname }}',
  ssh_authorized_keys: [
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBenchmarkBenchmarkBenchmarkBenchmarkBenchma admin',
  ],
  write_files: [
    { path: '/etc/motd', permissions: '0644', content: 'A machine of the benchmark.\n'.repeat(40) },
  ],
};

const peer = dnsmasqNginx({
  ...IMAGE,
  args: 'console=ttyS0',
  cloudConfig: `#cloud-config\n${JSON.stringify(CLOUD_CONFIG)}\n`,
});

/** rackseed that knows so many machines. */
function rackseedFor(machines: number): Contender {
  return {
    name: 'rackseed',
    start: async (site) => {
      const { subnet, range, router } = site.remote;
      const settings = {
        network: { relayed: [{ subnet, range: `${range.first}-${range.last}`, router }] },
        profiles: {
          worker: {
            boot: { image: 'bench', kernel: 'vmlinuz', initrd: 'initrd.img', args: ['console=ttyS0'] },
            cloud_config: CLOUD_CONFIG,
          },
        },
        machines: Array.from({ length: machines }, (_, index) => ({
          mac: macText(hardwareAddress(index)),
          hostname: `worker-${index}`,
        })),
      };
      return serverOf(await launchRackseed(site, settings));
    },
  };
}

/** A rack that comes back after a power cut: every machine at once, from DHCP to its report that it is up. */
export const storm: Benchmark = {
  name: 'storm',
  summary: 'simulated machines that are all switched on at once, against dnsmasq and nginx',
  programs: new Map([
    ['dnsmasq', 'dnsmasq-base'],
    ['nginx', 'nginx-light'],
  ]),
  note: `Each machine: PXE DHCP, the loader's size and the loader (300 kB) by TFTP, iPXE DHCP, scripts, kernel (2 MB), initrd (8 MB),
document, report. All are switched on within a second, behind a relay agent. The generators share the cores with the server.
A machine that gives up, as firmware and iPXE do, is a failure; then not all are up, ever, and the last one up is the last of the others.`,
  settings: [
    ofMachines(100),
    ofMachines(1_000, [{ metric: 'all up s', value: 1, peer: peer.name }]),
    { ...ofMachines(10_000, [{ metric: 'peak MB', value: Math.floor(MOST_MEMORY) }]), rounds: 1, long: true },
  ],
};

function ofMachines(machines: number, goals: readonly Goal[] = []): Setting {
  return {
    contenders: [rackseedFor(machines), peer],
    files: () =>
      new Map([
        ['snponly.efi', SIZES.loader],
        [IMAGE.kernel, SIZES.kernel],
        [IMAGE.initrd, SIZES.initrd],
      ]),
    scenarios: [stormOf(machines, [{ metric: 'failures', value: 0 }, ...goals])],
  };
}

function stormOf(machines: number, goals: readonly Goal[]): Scenario {
  const less = (name: string, digits: number) => ({ name, digits, better: 'less' }) as const;
  return {
    title: `Storm of ${machines.toLocaleString('en')} machines`,
    metrics: [
      less('all up s', 1),
      less('failures', 0),
      less('last up s', 1),
      less('retries', 0),
      ...STAGES.map((stage) => less(`${stage} p99 s`, 2)),
      less('CPU s', 1),
      less('peak MB', 0),
      less('generator CPU s', 1),
    ],
    goals,
    async measure(trial) {
      const before = usageOf(trial.server).cpuSeconds;
      const reports = await runGenerators(machines, trial);
      const { cpuSeconds, peakBytes } = usageOf(trial.server);
      const sum = (of: (report: StormReport) => number) =>
        reports.reduce((total, report) => total + of(report), 0);
      const up = sum((report) => report.up);
      const lastUp = Math.max(...reports.map((report) => report.lastUp)) / 1000;
      return [
        up === machines ? lastUp : Number.POSITIVE_INFINITY,
        machines - up,
        lastUp,
        sum(({ retries }) => retries),
        ...STAGES.map(
          (stage) =>
            percentile(
              reports.flatMap(({ stages }) => stages[stage]),
              0.99,
            ) / 1000,
        ),
        cpuSeconds - before,
        peakBytes / 1e6,
        sum((report) => report.cpuSeconds),
      ];
    },
  };
}

const GENERATOR = fileURLToPath(new URL('../machines/storm.ts', import.meta.url));

/** Divides the machines among as many processes as there are cores; gives their reports. */
async function runGenerators(machines: number, { clients, address, signal }: Trial): Promise<StormReport[]> {
  const processes = Math.min(availableParallelism(), Math.ceil(machines / 100));
  const begins = Date.now() + LEAD;
  const children: Child[] = [];
  const kill = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill);
  try {
    for (let index = 0; index < processes; index += 1) {
      const first = Math.round((machines * index) / processes);
      const order: StormOrder = {
        server: address,
        giaddr: `10.78.255.${index + 1}`,
        first,
        machines: Math.round((machines * (index + 1)) / processes) - first,
        begins,
        spread: SPREAD,
        limit: LIMIT,
        sizes: SIZES,
      };
      const node = [process.execPath, ...process.execArgv, GENERATOR];
      children.push(await start(clients.command([...node, JSON.stringify(order)])));
    }
    const finished = await Promise.all(children.map(({ exited }) => exited));
    signal.throwIfAborted();
    return finished.map(({ code, stdout, stderr }) => {
      if (code !== 0) throw new Error(`a generator of the storm failed: ${(stderr || stdout).trim()}`);
      const report = JSON.parse(stdout) as StormReport;
      const failures = Object.entries(report.failures).map(([reason, count]) => `${count} × ${reason}`);
      if (failures.length > 0) process.stderr.write(`  machines failed: ${failures.join(', ')}\n`);
      return report;
    });
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}
