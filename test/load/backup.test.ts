import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { bigRack, readAcks, readLeases } from '../support/perfdhcp.ts';
import { runChecked, startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';

test('a backup taken under load restores to a service that knows every machine and lease acknowledged before it began', async (t) => {
  t.timeout(240_000);
  const { service, inClient, perfdhcp } = await bigRack(t);
  const { directory } = service;
  const rackseed = (...args: string[]) => runChecked([...PROGRAM, ...args], { timeout: 120_000 });
  const file = join(directory, 'backup.tar.gz');
  const capture = join(directory, 'client.pcap');
  const tcpdump = await startFor(
    t,
    inClient(['tcpdump', '-i', 'eth0', '-U', '-B', '65536', '-w', capture, 'udp src port 67']),
  );
  await tcpdump.waitFor(/listening on/);
  // Fewer machines than the service remembers of those that never get as far as a script.
  const load = await startFor(t, perfdhcp('-r', '1000', '-R', '3500', '-p', '120'));
  const acks = () => service.metric('rackseed_dhcp_replies_total', 'ACK');
  while ((await acks()) < 2000) await pause(20);

  const began = Date.now();
  const acksBefore = await acks();
  const told = await rackseed('backup', '--config', join(directory, 'config'), file);
  const acksAfter = await acks();
  // Leases went on being made while it was written.
  t.true(acksAfter > acksBefore + 100, `${acksBefore} before, ${acksAfter} after`);
  t.regex(told, /^wrote \S+ \(\d+ bytes\): \d+ files, \d+ machines and \d+ leases/m);
  await t.throwsAsync(rackseed('restore', '--force', file), { message: /is in use by process \d+ \(node\)/ });
  await load.stop();
  await tcpdump.stop();
  await service.child.stop();

  await rm(join(directory, 'config'), { recursive: true });
  await rm(join(directory, 'store'), { recursive: true });
  await rackseed('restore', file);
  await service.restart();

  const acknowledged = await readAcks(capture, began);
  t.true(acknowledged.size >= 1900, `${acknowledged.size} acknowledged`);
  const held = await readLeases(service);
  t.deepEqual(
    [...acknowledged].filter(([mac, address]) => held.get(mac) !== address),
    [],
  );
  const known = new Set((await service.api.machines()).map(({ mac }) => mac));
  t.deepEqual(
    [...acknowledged.keys()].filter((mac) => !known.has(mac)),
    [],
  );
});
