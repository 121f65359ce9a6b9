import test from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { magicPacket } from '../../src/net/wake-on-lan.ts';
import { AS_FIRMWARE, lease } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { runChecked, startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { relayFor, remoteWireFor } from '../support/relay.ts';
import { serviceFor } from '../support/service.ts';

const LISTENER = new URL('../support/clients/hear-datagrams.mjs', import.meta.url).pathname;

test('rackseed wake sends a magic packet through the provisioning network, to a machine that was approved before it was seen', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const mac = macs[0] as Mac;
  const service = await serviceFor(t, server);
  await service.api.change(mac, 'approve', { hostname: 'worker-01' });
  const card = await startFor(t, client?.command([process.execPath, LISTENER, '9']) ?? []);
  await card.waitFor(/listening/);
  const config = ['--config', `${service.directory}/config`];
  const told = await runChecked([...PROGRAM, 'wake', 'worker-01', ...config], { timeout: 60_000 });
  t.is(told, `worker-01 (${mac}): a magic packet was sent; its first DHCP message shows that it woke\n`);
  const [heard] = await card.waitFor(/ff[0-9a-f]{100,}/);
  t.is(heard, Buffer.from(magicPacket(mac)).toString('hex'));
});

test('a magic packet that cannot leave is refused with the reason', async (t) => {
  const { server, macs } = await rackFor(t);
  const mac = macs[0] as Mac;
  const service = await serviceFor(t, server);
  await service.api.change(mac, 'approve');
  await server.ip('link set rack0 down');
  await t.throwsAsync(service.api.change(mac, 'wake'), {
    message: /the magic packet could not be sent through rack0: /,
  });
});

test('a machine behind a relay agent is woken through a router that forwards directed broadcasts', async (t) => {
  const rack = await rackFor(t, 0);
  const wire = await remoteWireFor(t, rack);
  const [client] = wire.clients;
  const mac = wire.macs[0] as Mac;
  const relayed = [{ subnet: '10.1.0.0/24', range: '10.1.0.100-10.1.0.200', router: '10.1.0.1' }];
  const service = await serviceFor(t, rack.server, {
    dhcp: { conflict_check: false },
    network: { relayed },
    machines: [{ mac, hostname: 'far-01' }],
  });
  await relayFor(t, wire, 'dhcrelay');
  await lease(service, client ?? rack.server, mac, AS_FIRMWARE);
  const card = await startFor(t, client?.command([process.execPath, LISTENER, '9']) ?? []);
  await card.waitFor(/listening/);
  const forward = ['all', 'up0'].map((name) => `net.ipv4.conf.${name}.bc_forwarding=1`);
  await runChecked(wire.router.command(['sysctl', '-qw', ...forward]));
  await service.api.change(mac, 'wake');
  const [heard] = await card.waitFor(/ff[0-9a-f]{100,}/);
  t.is(heard, Buffer.from(magicPacket(mac)).toString('hex'));
});
