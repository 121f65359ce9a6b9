import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { AS_FIRMWARE, curl, documentUrl, lease } from '../support/machine.ts';
import { connect, namespaceFor, rackFor } from '../support/netns.ts';
import { startFor } from '../support/process.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const FLOOD = new URL('../support/clients/flood.mjs', import.meta.url).pathname;
const SERVER = '192.168.0.254';
const COUNT = 100_000;
/** DISCOVERs a second. */
const RATE = 5_000;
const MIB = 1024 * 1024;
/** Most of it is what V8 leaves for its garbage collection; the machines that are remembered are a tenth. */
const MEMORY = 250 * MIB;
const DISK = 64 * MIB;
const LOG = 4 * MIB;

test('a flood of 100,000 made-up machines fills neither memory nor disk, and known machines boot during it', async (t) => {
  t.timeout(180_000);
  const { server, clients, macs } = await rackFor(t, 2);
  const [worker, stranger] = clients;
  const [mac = '', strangerMac = ''] = macs as Mac[];
  if (!worker || !stranger) return t.fail('the rack has two machines');
  const relay = await namespaceFor(t);
  await connect({ namespace: server, interface: 'relay' }, { namespace: relay, interface: 'eth0' });
  await server.ip('link set relay master rack0');
  await relay.ip('address add 192.168.0.253/24 dev eth0');
  const service = await serviceFor(t, server, {
    top: { unknown_machines: 'hold' },
    machines: [{ mac, hostname: 'worker-01' }],
  });
  await lease(service, stranger, strangerMac);
  const script = () => curl(stranger, `http://${SERVER}/ipxe?mac=${strangerMac}`);
  t.regex((await script()).body, /is waiting for approval/);
  const before = await memory(service, 'VmRSS');

  const flood = await startFor(
    t,
    relay.command([process.execPath, FLOOD, SERVER, '192.168.0.253', `${RATE}`]),
  );
  await until(async () => (await discovers(service)) > COUNT / 4);
  const began = performance.now();
  await lease(service, worker, mac, AS_FIRMWARE);
  t.is((await curl(worker, await documentUrl(worker, mac))).status, 200);
  const took = performance.now() - began;
  t.true(took < 10_000, `${took} ms`);
  await until(async () => (await discovers(service)) >= COUNT);
  await flood.stop();

  const grown = (await memory(service, 'VmHWM')) - before;
  t.true(grown < MEMORY, `memory grew by ${grown / MIB} MiB at most`);
  const stored = await size(join(service.directory, 'store'));
  t.true(stored < DISK, `the store has ${stored / MIB} MiB`);
  const logged = service.child.output().length;
  t.true(logged < LOG, `${logged / MIB} MiB were logged`);
  t.regex(service.child.output(), /a flood of machines that nobody knows/);
  const { total } = await service.get<{ total: number }>('/v1/machines?limit=1');
  t.true(total < 5_000, `${total} machines are remembered`);

  t.is((await service.api.machine(strangerMac as Mac)).state, 'discovered', 'who waited before still waits');
  await service.api.change(strangerMac as Mac, 'approve');
  t.regex((await script()).body, /boots lab/);
});

async function discovers(service: TestService): Promise<number> {
  const of = 'request="DISCOVER"';
  return (
    (await service.metric('rackseed_dhcp_replies_total', of)) +
    (await service.metric('rackseed_dhcp_silent_total', of))
  );
}

/** A figure of a process's memory in bytes: what it has (VmRSS), or the most that it ever had (VmHWM). */
async function memory({ child }: TestService, name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1]) * 1024;
}

/** Bytes on disk. */
async function size(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(directory, file))).blocks * 512),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(250);
}
