import { join } from 'node:path';
import test from 'ava';
import { enlargeReceiveBuffer } from '../../bench/clients/receive-buffer.ts';
import { bigRack, readAcks, readLeases } from '../support/perfdhcp.ts';
import { startFor } from '../support/process.ts';

test('2,000 exchanges a second of perfdhcp are answered for ten seconds', async (t) => {
  const { service, perfdhcp } = await bigRack(t);
  const load = await startFor(t, perfdhcp('-r', '2000', '-R', '10000', '-p', '10', '-W', '2000000'));
  // ACKs come in bursts, a group of leases at a time, and perfdhcp's own queue must not be what drops them.
  await enlargeReceiveBuffer(load.pid, 'perfdhcp', 16 * 1024 * 1024);
  const { stdout } = await load.exited;
  const [discovers = 0, requests = 0] = [...stdout.matchAll(/^sent packets: (\d+)/gm)].map(([, sent]) =>
    Number(sent),
  );
  t.true(discovers > 15_000 && requests > 15_000, stdout);
  // What is answered is counted here: on a busy host it is perfdhcp, or the cable's queue, that loses answers.
  const answered = (reply: string) => service.metric('rackseed_dhcp_replies_total', `reply="${reply}"`);
  t.true((await answered('OFFER')) >= discovers * 0.999, stdout);
  t.true((await answered('ACK')) >= requests * 0.999, stdout);
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
