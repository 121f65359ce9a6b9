import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { load } from 'js-yaml';
import { labImage } from '../../src/lab/image.ts';
import { tapCommands } from '../../src/lab/namespace.ts';
import { packageRoot } from '../../src/lab/package-root.ts';
import { machineFiles, powerOn } from '../../src/lab/virtual-machine.ts';
import {
  type Benchmark,
  type Contender,
  type Goal,
  type Scenario,
  type Site,
  serverOf,
} from '../benchmark.ts';
import { logRequests, type SeenRequest } from '../clients/request-log.ts';
import { dnsmasqNginx } from '../peers/dnsmasq-nginx.ts';
import { launchRackseed } from '../peers/rackseed.ts';

const MAC = '52:54:00:00:00:01';
const HOSTNAME = 'worker-01';
const BRIDGE = 'rack';
const TAP = 'vm1';
/** MiB. */
const MEMORY = 1024;
/** From power-on, milliseconds. */
const BOOT_TIMEOUT = 300_000;
const LOADERS = ['undionly.kpxe', 'snponly.efi'];
/** Where Debian's package of iPXE has them. */
const LOADER_FOLDER = '/usr/lib/ipxe';
/** Where the image is, below the files that are served, as the lab's profile names it. */
const IMAGE = 'lab/current';
const PROFILE = join(packageRoot, 'lab/config/profiles/lab.yaml');
const FILLED: Readonly<Record<string, string>> = { hostname: HOSTNAME, mac: MAC };

const profile = await readFile(PROFILE, 'utf8');

/** rackseed with the lab's own profile. */
const rackseed: Contender = {
  name: 'rackseed',
  async start(site) {
    await putFiles(site);
    const machines = [{ mac: MAC, hostname: HOSTNAME }];
    return serverOf(await launchRackseed(site, { profiles: { lab: load(profile) as object }, machines }));
  },
};

/** The same image, and the same document written for this one machine. */
const written = dnsmasqNginx({
  kernel: `${IMAGE}/vmlinuz`,
  initrd: `${IMAGE}/initrd.img`,
  args: 'console=ttyS0,115200n8',
  cloudConfig: `#cloud-config\n${documentOf(profile)}`,
});
const peer: Contender = {
  name: written.name,
  async start(site) {
    await putFiles(site);
    return written.start(site);
  },
};

/** A machine's whole way, with the firmware and the iPXE that real ones have. */
export const boot: Benchmark = {
  name: 'boot',
  summary:
    'seconds from power-on to script, kernel, document and up in QEMU, BIOS and UEFI, against dnsmasq and nginx',
  programs: new Map([
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['tcpdump', 'tcpdump'],
    ['dnsmasq', 'dnsmasq-base'],
    ['nginx', 'nginx-light'],
  ]),
  note: `The processor is emulated, so that what firmware and kernel compute takes many times as long as it would.
The times are those of the requests on the wire: for the first script, the kernel and the document, and the report that it is up.`,
  settings: [
    {
      contenders: [rackseed, peer],
      rounds: 5,
      scenarios: [
        bootOf('bios', 'BIOS', [{ metric: 'script s', value: 0.4, peer: peer.name }]),
        bootOf('uefi', 'UEFI'),
      ],
    },
  ],
};

function bootOf(firmware: 'bios' | 'uefi', name: string, goals: readonly Goal[] = []): Scenario {
  const less = (name: string) => ({ name, digits: 1, better: 'less' }) as const;
  return {
    title: `Boot of a ${name} machine in QEMU`,
    metrics: [less('script s'), less('kernel s'), less('document s'), less('up s')],
    goals,
    async measure({ clients, site, signal }) {
      await clients.ip(
        `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
        `link set ${BRIDGE} up`,
        `link set clients master ${BRIDGE}`,
        ...tapCommands(TAP, BRIDGE),
      );
      try {
        const log = await logRequests(clients, BRIDGE);
        const where = { directory: site.scratch, namespace: clients, tap: TAP };
        const what = { name: firmware, firmware, accelerator: 'tcg', mac: MAC, memory: MEMORY } as const;
        const machine = await powerOn({ ...where, ...what });
        try {
          await untilUp(machineFiles(site.scratch, firmware).consoleLog, signal);
        } finally {
          await machine.process.stop();
        }
        return stagesOf(await log.end()).map((at) => (at - machine.poweredOn) / 1000);
      } finally {
        await clients.ip(`link delete ${TAP}`, `link delete ${BRIDGE}`);
      }
    },
  };
}

/** Waits until the guest says on its console that it has told so. */
async function untilUp(consoleLog: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + BOOT_TIMEOUT;
  for (;;) {
    const text = await readFile(consoleLog, 'utf8').catch(() => '');
    if (/^lab: up after/m.test(text)) return;
    if (/^lab: FAILED/m.test(text) || Date.now() > deadline) {
      throw new Error(`the machine did not come up:\n${text.slice(-2000)}`);
    }
    await pause(200, undefined, { signal });
  }
}

/** When the first script, the kernel and the document were asked for, and when the last report was made. */
function stagesOf(requests: readonly SeenRequest[]): readonly number[] {
  const first = (pattern: RegExp) => requests.find(({ path }) => pattern.test(path))?.at ?? Number.NaN;
  const reports = requests.filter(({ method }) => method === 'POST');
  return [first(/boot\.ipxe$/), first(/vmlinuz$/), first(/cloud-config/), reports.at(-1)?.at ?? Number.NaN];
}

/** Puts the loaders and the image where servers find them. */
async function putFiles({ files }: Site): Promise<void> {
  const say = (step: string) => void process.stderr.write(`  ${step}\n`);
  const { directory } = await labImage('small', join(packageRoot, '.cache/lab'), say);
  await mkdir(join(files, IMAGE), { recursive: true });
  for (const name of ['vmlinuz', 'initrd.img'])
    await copyFile(join(directory, name), join(files, IMAGE, name));
  for (const name of LOADERS) await copyFile(join(LOADER_FOLDER, name), join(files, name));
}

/** The document in a profile, with its placeholders filled in for the one machine; JSON is YAML too. */
function documentOf(text: string): string {
  const filled = text.replace(/\{\{ machine\.(\w+) \}\}/g, (_, key: string) => FILLED[key] ?? '');
  return `${JSON.stringify((load(filled) as { readonly cloud_config: object }).cloud_config)}\n`;
}
