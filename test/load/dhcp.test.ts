import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { enlargeReceiveBuffer } from '../../bench/clients/receive-buffer.ts';
import { rackFor } from '../support/netns.ts';
import { runChecked, startFor } from '../support/process.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const NETWORK = { address: '10.64.0.1/16', dhcp: { range: '10.64.1.0-10.64.200.255', router: '10.64.0.1' } };

/** A rack on 10.64.0.0/16, with a service and a machine that has an address for perfdhcp to relay from. */
async function bigRack(t: ExecutionContext) {
  const { server, clients } = await rackFor(t);
  await server.ip('address replace 10.64.0.1/16 dev rack0');
  await clients[0]?.ip('address add 10.64.0.2/16 dev eth0');
  const service = await serviceFor(t, server, NETWORK);
  const inClient = (argv: string[]) => clients[0]?.command(argv) ?? [];
  const perfdhcp = (...options: string[]) =>
    inClient(['perfdhcp', '-4', '-l', '10.64.0.2', ...options, '10.64.0.1']);
  return { service, inClient, perfdhcp };
}

test('perfdhcp completes 2,000 exchanges a second for ten seconds without a drop', async (t) => {
  const { service, perfdhcp } = await bigRack(t);
  const load = await startFor(t, perfdhcp('-r', '2000', '-R', '10000', '-p', '10', '-W', '2000000'));
  // ACKs come in bursts, a group of leases at a time, and perfdhcp's own queue must not be what drops them.
  await enlargeReceiveBuffer(load.pid, 'perfdhcp', 16 * 1024 * 1024);
  const { code, stdout } = await load.exited;
  t.is(code, 0, stdout);
  const drops = [...stdout.matchAll(/^drops: (\d+)/gm)].map((match) => Number(match[1]));
  t.deepEqual(drops, [0, 0], stdout);
  const acks = await service.metric('rackseed_dhcp_replies_total', 'ACK');
  t.true(acks > 15_000, `${acks} exchanges`);
});

test('an avalanche of 1,000 machines that all ask at once ends with an address for each of them', async (t) => {
  const { service, perfdhcp } = await bigRack(t);
  const load = await startFor(t, perfdhcp('--scenario', 'avalanche', '-R', '1000'));
  await enlargeReceiveBuffer(load.pid, 'perfdhcp', 16 * 1024 * 1024);
  const { stdout } = await load.exited;
  const received = [...stdout.matchAll(/^received(?: packets)?: (\d+)/gm)].map((match) => Number(match[1]));
  t.deepEqual(received, [1000, 1000], stdout);
  const held = await readLeases(service);
  t.is(held.size, 1000);
  t.is(new Set(held.values()).size, 1000);
});

test('after kill -9 under load, every acknowledged lease is still held by the machine that got it', async (t) => {
  const { service, inClient, perfdhcp } = await bigRack(t);
  const capture = join(service.directory, 'client.pcap');
  const tcpdump = await startFor(
    t,
    inClient(['tcpdump', '-i', 'eth0', '-U', '-B', '65536', '-w', capture, 'udp src port 67']),
  );
  await tcpdump.waitFor(/listening on/);
  await startFor(t, perfdhcp('-r', '2000', '-R', '20000', '-p', '30'));
  while ((await service.metric('rackseed_dhcp_replies_total', 'ACK')) < 3000) {
    // The answer itself takes a while, so this doesn't spin.
  }
  service.child.kill('SIGKILL');
  await service.restart();
  await tcpdump.stop();

  const acknowledged = await readAcks(capture);
  const held = await readLeases(service);
  t.true(acknowledged.size >= 3000, `${acknowledged.size} acknowledged`);
  const lost = [...acknowledged].filter(([mac, address]) => held.get(mac) !== address);
  t.deepEqual(lost, []);
});

/** What the clients were told, from the ACKs that reached their card: the last address of each machine. */
async function readAcks(capture: string): Promise<Map<string, string>> {
  const fields = ['dhcp.hw.mac_addr', 'dhcp.ip.your'].flatMap((field) => ['-e', field]);
  const lines = await runChecked([
    'tshark',
    '-r',
    capture,
    '-Y',
    'dhcp.option.dhcp == 5',
    '-T',
    'fields',
    '-E',
    'occurrence=f',
    ...fields,
  ]);
  return new Map(
    lines
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  );
}

async function readLeases(service: TestService): Promise<Map<string, string>> {
  const leases = await service.api.leases();
  return new Map(leases.map(({ mac = '', address }) => [mac, address]));
}
