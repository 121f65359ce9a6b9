import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { eventually } from '../support/cluster.ts';
import { AS_FIRMWARE, curl, documentUrl, lease } from '../support/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { runChecked, startFor } from '../support/process.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const SERVER = '192.168.0.254';
const MIB = 1024 * 1024;
const ASSET = Buffer.alloc(32 * MIB, 'asset');
const LOADER = Buffer.alloc(4 * MIB, 'loader');
/** What a service may grow by, whatever somebody does to it. */
const MEMORY = 200 * MIB;

const client = (name: string) => new URL(`../support/clients/${name}.mjs`, import.meta.url).pathname;

/** A service with a large file, a machine that boots, and somebody with many addresses from 192.168.0.200 on. */
async function siege(t: ExecutionContext, addresses: number) {
  const { server, clients, macs } = await rackFor(t, 2);
  const [worker, attacker] = clients as [Namespace, Namespace];
  const [mac] = macs as [Mac];
  const service = await serviceFor(t, server, { machines: [{ mac, hostname: 'worker-01' }] });
  await writeFile(join(service.directory, 'assets/lab/image'), ASSET);
  await writeFile(join(service.directory, 'firmware/loader.bin'), LOADER);
  const own = Array.from({ length: addresses }, (_, number) => `192.168.0.${200 + number}`);
  await attacker.ip(...own.map((address) => `address add ${address}/24 dev eth0`));
  /** A boot from DHCP to the image; gives its milliseconds. */
  const boot = async () => {
    const began = performance.now();
    await worker.ip('address flush dev eth0');
    await lease(service, worker, mac, AS_FIRMWARE);
    t.is((await curl(worker, await documentUrl(worker, mac))).status, 200);
    const image = [
      'curl',
      '-sS',
      '-f',
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
      `http://${SERVER}/assets/lab/image`,
    ];
    t.is(await runChecked(worker.command(image)), `${ASSET.length}`);
    return performance.now() - began;
  };
  const attack = (script: string, ...args: string[]) =>
    startFor(t, attacker.command([process.execPath, client(script), ...args]));
  return { service, worker, attacker, own, boot, attack };
}

/** A figure of a process's memory in bytes: what it has (VmRSS), or the most that it ever had (VmHWM). */
async function memory({ child }: TestService, name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1]) * 1024;
}

test('500 clients that send and 500 that read a byte at a time: most are refused, the others cut off, and machines boot', async (t) => {
  t.timeout(120_000);
  const { service, attacker, own, boot, attack } = await siege(t, 2);
  await boot();
  const before = await memory(service, 'VmRSS');
  const [sending = '', reading = ''] = own;
  const sends = await attack('slow-http', SERVER, '/boot.ipxe', sending, '500', 'sends');
  await attack('slow-http', SERVER, '/assets/lab/image', reading, '500', 'reads');
  const refused = (status: number) =>
    service.metric('rackseed_http_refused_total', `route="connection",status="${status}"`);
  await eventually(async () => (await refused(503)) >= 2 * (500 - 128));
  const took = await boot();
  t.true(took < 20_000, `${took} ms`);
  t.is(await refused(503), 2 * (500 - 128), 'of each address 128 connections are taken');

  await sends.waitFor(/open 500 closed 500/, 40_000);
  t.is(await refused(408), 128, 'a request has to arrive within seconds');
  t.is(
    (await curl(attacker, '--interface', sending, `http://${SERVER}/boot.ipxe`)).status,
    200,
    'and may come again',
  );
  const grown = (await memory(service, 'VmHWM')) - before;
  t.true(grown < MEMORY, `memory grew by ${grown / MIB} MiB at most`);
  const lines = service.child
    .output()
    .split('\n')
    .filter((line) => line.includes('connections open, and gets no more'));
  t.is(lines.length, 2, 'each address is told of once');
});

test('2,000 TFTP transfers that nobody acknowledges: bounded for each address, and gone after a quarter of one', async (t) => {
  t.timeout(120_000);
  const { service, worker, own, boot, attack } = await siege(t, 36);
  await boot();
  const before = await memory(service, 'VmRSS');
  const running = () => service.metric('rackseed_tftp_transfers');
  // From one address more than it may have, from the others as many as they like.
  const [greedy = '', ...others] = own;
  const one = await attack('half-open-tftp', SERVER, 'loader.bin', '300', greedy);
  await one.waitFor(/sent 300/);
  await eventually(async () => (await running()) === 64);
  const busy = () => service.metric('rackseed_tftp_dropped_packets_total', 'reason="client-busy"');
  await eventually(async () => (await busy()) === 300 - 64);
  const many = await attack('half-open-tftp', SERVER, 'loader.bin', '56', ...others);
  await many.waitFor(/sent 1960/, 30_000);
  await eventually(async () => (await running()) > 1_960);
  t.is(await busy(), 300 - 64);

  const got = join(service.directory, 'got');
  const tftp = [
    'curl',
    '-sS',
    '--tftp-blksize',
    '1468',
    '-o',
    got,
    '-w',
    '%{speed_download}',
    `tftp://${SERVER}/loader.bin`,
  ];
  const speed = Number(await runChecked(worker.command(tftp)));
  t.true(speed > 2 * MIB, `${speed / MIB} MiB/s`);
  t.true(LOADER.equals(await readFile(got)));
  await boot();

  await eventually(async () => (await running()) === 0, 60_000);
  t.is(await service.metric('rackseed_tftp_requests_total', 'reason="timeout"'), 64 + 1_960);
  const grown = (await memory(service, 'VmHWM')) - before;
  t.true(grown < MEMORY, `memory grew by ${grown / MIB} MiB at most`);
  const lines = service.child
    .output()
    .split('\n')
    .filter((line) => /TFTP (refused|to .* (broke off|has to wait))/.test(line));
  t.true(lines.length <= 4, `said in a few words: ${lines.length}`);
});
