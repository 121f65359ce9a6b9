import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { rackFor } from '../support/netns.ts';
import { networkdFor } from '../support/networkd.ts';
import { run, runChecked } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const DHCPCD = new URL('../support/clients/dhcpcd.sh', import.meta.url).pathname;

interface Leases {
  readonly leases: readonly { readonly address: string; readonly mac?: string; readonly expires?: string }[];
}

test.serial('dhcpcd configures a card with its address, router and domain', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const service = await serviceFor(t, server);
  const config = join(service.directory, 'dhcpcd.conf');
  const script = join(service.directory, 'print-options');
  await writeFile(config, 'option routers, domain_name\nnoarp\nnodelay\nnoipv4ll\n');
  await writeFile(script, '#!/bin/sh\n[ "$reason" = BOUND ] && env\nexit 0\n', { mode: 0o755 });
  const dhcpcd = [DHCPCD, '-4', '-1', '-B', '-f', config, '-c', script, 'eth0'];
  const { stdout, stderr } = await run(clients[0]?.command(dhcpcd) ?? [], { timeout: 30_000 });
  const told = stdout.split('\n');
  const [lease] = (await service.get<Leases>('/v1/leases')).leases;
  t.is(lease?.mac, macs[0], stderr);
  for (const line of [
    `new_ip_address=${lease?.address}`,
    'new_routers=192.168.0.254',
    'new_domain_name=kubernetes.local',
  ]) {
    t.true(told.includes(line), `${line} in\n${stdout}${stderr}`);
  }
});

for (const [identifier, settings] of [
  ['its hardware address', 'ClientIdentifier=mac'],
  ['an identifier of RFC 4361', 'ClientIdentifier=duid\nDUIDType=link-layer'],
] as const) {
  test.serial(
    `systemd-networkd with ${identifier} configures its card, and returns the address when it ends`,
    async (t) => {
      const { server, clients, macs } = await rackFor(t);
      const [machine] = clients;
      if (!machine) return t.fail();
      const service = await serviceFor(t, server, {
        machines: [{ mac: macs[0], hostname: 'worker-01', address: '192.168.0.200' }],
      });
      const networkd = await networkdFor(t, machine, service.directory, settings);
      await networkd.waitFor(/eth0: State changed: configuring -> configured/, 30_000);
      t.regex(
        networkd.output(),
        /DHCPv4 address 192\.168\.0\.200\/24, gateway 192\.168\.0\.254 acquired from 192\.168\.0\.254/,
      );
      const routes = await runChecked(machine.command(['ip', 'route']));
      t.regex(routes, /default via 192\.168\.0\.254 dev eth0 proto dhcp src 192\.168\.0\.200/);

      await networkd.stop();
      t.regex(networkd.output(), /DHCPv4 client: RELEASE/);
      const [lease] = (await service.get<Leases>('/v1/leases')).leases;
      t.like(lease, { address: '192.168.0.200', mac: macs[0] });
      t.true(new Date(lease?.expires ?? 0).getTime() <= Date.now(), 'the lease has ended');
    },
  );
}

test.serial('nmap finds the server by its offer, and leaves no lease behind', async (t) => {
  const { server, clients } = await rackFor(t);
  const service = await serviceFor(t, server);
  // Without an address it sends nothing.
  await clients[0]?.ip('address add 192.168.0.250/24 dev eth0');
  const nmap = ['nmap', '-e', 'eth0', '--script', 'broadcast-dhcp-discover', '--script-timeout', '15'];
  const { stdout } = await run(clients[0]?.command(nmap) ?? [], { timeout: 40_000 });
  for (const line of [
    /Response 1 of 1:/,
    /IP Offered: 192\.168\.0\.\d+/,
    /DHCP Message Type: DHCPOFFER/,
    /Server Identifier: 192\.168\.0\.254/,
    /IP Address Lease Time: 1h00m00s/,
    /Subnet Mask: 255\.255\.255\.0/,
    /Router: 192\.168\.0\.254/,
    /Domain Name: kubernetes\.local/,
  ]) {
    t.regex(stdout, line);
  }
  t.deepEqual((await service.get<Leases>('/v1/leases')).leases, []);
});
