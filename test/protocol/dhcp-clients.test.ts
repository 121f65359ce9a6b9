import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { eventually } from '../support/cluster.ts';
import { rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

interface Leases {
  readonly leases: readonly { readonly address: string; readonly mac?: string; readonly expires?: string }[];
}

const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
const LEASE = /lease of (\S+) obtained from 192\.168\.0\.254/;

test('busybox udhcpc gets a lease, and the same address again', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server);
  const command = clients[0]?.command(udhcpc) ?? [];
  const first = await run(command, { timeout: 20_000 });
  const address = LEASE.exec(first.stderr)?.[1];
  t.truthy(address, first.stderr);
  t.is(LEASE.exec((await run(command, { timeout: 20_000 })).stderr)?.[1], address);
  const { leases } = await service.get<Leases>('/v1/leases');
  t.like(leases, [{ address, mac: macs[0] }]);
});

test('a reserved address goes to its machine, with the hostname and the options it asks for', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, {
    dhcp: { ntp: ['192.168.0.1'], options: { '150': { type: 'ipv4', value: '192.168.0.9' } } },
    machines: [{ mac: macs[0], hostname: 'worker-01', address: '192.168.0.200' }],
  });
  const script = join(service.directory, 'print-options');
  await writeFile(script, '#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n', { mode: 0o755 });
  const asking = [...udhcpc.slice(0, -1), script, '-O', 'ntpsrv', '-O', 'hostname', '-O', '150'];
  const { stdout } = await run(clients[0]?.command(asking) ?? [], { timeout: 20_000 });
  for (const line of [
    'ip=192.168.0.200',
    'hostname=worker-01',
    'ntpsrv=192.168.0.1',
    'router=192.168.0.254',
    'opt150=c0a80009',
  ]) {
    t.true(stdout.split('\n').includes(line), `${line} in\n${stdout}`);
  }
});

test('dhclient gets, renews and releases a lease', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server, { dhcp: { lease: '10s' } });
  const machine = clients[0];
  if (!machine) return t.fail();
  const dhclient = await dhclientIn(service.directory);
  // It goes into the background once it is bound, and renews from there.
  await runChecked(machine.command(dhclient()), { timeout: 20_000 });
  const leased = (await service.get<Leases>('/v1/leases')).leases[0];
  t.is(leased?.mac, macs[0]);

  const renewals = () => service.metric('rackseed_dhcp_replies_total', 'RENEWING');
  const deadline = Date.now() + 15_000;
  while ((await renewals()) === 0 && Date.now() < deadline) await service.get('/v1/leases');
  t.true((await renewals()) > 0, 'a RENEWING request came by unicast and was acknowledged');

  await runChecked(machine.command(dhclient('-r')), { timeout: 20_000 });
  // It ends when its message is sent; the service counts it when the end of the lease is written down.
  await eventually(async () => (await service.metric('rackseed_dhcp_silent_total', 'RELEASE')) === 1);
  const released = (await service.get<Leases>('/v1/leases')).leases[0];
  t.is(released?.address, leased?.address);
  t.true(new Date(released?.expires ?? 0).getTime() <= Date.now());
});

test('two client identifiers on one card get one address', async (t) => {
  const { server, clients } = await rackFor(t);
  const service = await serviceFor(t, server);
  const addresses: (string | undefined)[] = [];
  for (const identifier of ['01:52:54:00:00:00:01', 'ff:00:11:22:33:44:55']) {
    const dhclient = await dhclientIn(service.directory, `send dhcp-client-identifier ${identifier};`);
    await runChecked(clients[0]?.command(dhclient('-1')) ?? [], { timeout: 20_000 });
    const leases = await readFile(join(service.directory, 'dhclient.leases'), 'utf8');
    addresses.push(/.*fixed-address (\S+);/s.exec(leases)?.[1]);
    await runChecked(clients[0]?.command(dhclient('-x')) ?? [], { timeout: 20_000 });
  }
  t.truthy(addresses[0]);
  t.is(addresses[0], addresses[1]);
  t.is((await service.get<Leases>('/v1/leases')).leases.length, 1);
});

/** A dhclient that keeps its files in `directory`: gives its command line with `options` added. */
async function dhclientIn(directory: string, configuration = '') {
  const file = (name: string) => join(directory, name);
  await writeFile(file('dhclient.conf'), configuration);
  await writeFile(file('dhclient.leases'), '');
  const script = file('dhclient-script');
  // Sets the address, so that a renewal can leave from it by unicast.
  await writeFile(
    script,
    '#!/bin/sh\n[ -n "$new_ip_address" ] && ip address replace "$new_ip_address/24" dev "$interface"\nexit 0\n',
    { mode: 0o755 },
  );
  const fixed = [
    '-4',
    '-cf',
    file('dhclient.conf'),
    '-lf',
    file('dhclient.leases'),
    '-pf',
    file('dhclient.pid'),
    '-sf',
    script,
  ];
  return (...options: string[]) => ['dhclient', ...options, ...fixed, 'eth0'];
}

test('the npm package "dhcp" gets a lease', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server);
  // It sends to 255.255.255.255 from a plain socket, which needs a route.
  await clients[0]?.ip('route add 255.255.255.255/32 dev eth0');
  const script = new URL('../support/clients/dhcp-package.cjs', import.meta.url).pathname;
  const client = [process.execPath, script, macs[0] ?? ''];
  const { stdout, stderr } = await run(clients[0]?.command(client) ?? [], { timeout: 20_000 });
  t.is(stderr, '');
  const [lease] = (await service.get<Leases>('/v1/leases')).leases;
  t.like(JSON.parse(stdout), { state: 'BOUND', address: lease?.address, leasePeriod: 3600 });
});

test('a machine that finds its address in use declines it and gets another', async (t) => {
  const { server, clients } = await rackFor(t, 2);
  // Without a look of our own before the offer.
  const dhcp = { range: '192.168.0.1-192.168.0.2', conflict_check: false };
  const service = await serviceFor(t, server, { dhcp });
  // What the machine is offered first follows from its hardware address.
  await clients[1]?.ip('address add 192.168.0.1/24 dev eth0');
  const probing = [...udhcpc, '-a', '-t', '10', '-A', '1'];
  const { stderr } = await run(clients[0]?.command(probing) ?? [], { timeout: 40_000 });
  const obtained = [...stderr.matchAll(new RegExp(LEASE, 'g'))].map((match) => match[1]);
  t.deepEqual(obtained, ['192.168.0.1', '192.168.0.2'], stderr);
  t.is(await service.metric('rackseed_dhcp_silent_total', 'DECLINE'), 1);
  const { leases } = await service.get<Leases>('/v1/leases');
  t.false('mac' in (leases.find(({ address }) => address === '192.168.0.1') ?? {}));
});
