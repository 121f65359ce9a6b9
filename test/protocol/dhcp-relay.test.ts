import { join } from 'node:path';
import test from 'ava';
import type { ShownMachine } from '../../src/api-client/types.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { decoded, requestBytes } from '../support/dhcp.ts';
import { rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { RELAYS, type RemoteWire, relayFor, remoteWireFor } from '../support/relay.ts';
import { serviceFor } from '../support/service.ts';

const DHCPCD = new URL('../support/clients/dhcpcd.sh', import.meta.url).pathname;

interface Leases {
  readonly leases: readonly { readonly address: string; readonly mac?: string }[];
}

const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s'];
/** As firmware asks: with its architecture (option 93). */
const FIRMWARE = ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007'];
const FAR = {
  network: {
    relayed: [
      { subnet: '10.1.0.0/24', range: '10.1.0.100-10.1.0.200', router: '10.1.0.1', domain: 'far.local' },
    ],
  },
};

/** Asks for an address on the far wire; gives what a DHCP client's script is told. */
async function askFrom(
  { clients }: RemoteWire,
  index: number,
  folder: string,
  options: readonly string[] = [],
) {
  const script = join(folder, 'print-options');
  await runChecked([
    'sh',
    '-c',
    `printf '#!/bin/sh\\n[ "$1" = bound ] && env\\nexit 0\\n' > ${script}; chmod +x ${script}`,
  ]);
  const { stdout, stderr } = await run(clients[index]?.command([...udhcpc, script, ...options]) ?? [], {
    timeout: 20_000,
  });
  const told = stdout
    .split('\n')
    .map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? ''] as const);
  return { told: new Map(told), output: stdout + stderr };
}

for (const relay of Object.keys(RELAYS) as (keyof typeof RELAYS)[]) {
  test.serial(
    `a machine behind ${relay} gets an address, the router and the domain of its own wire`,
    async (t) => {
      const rack = await rackFor(t, 0);
      const wire = await remoteWireFor(t, rack);
      const service = await serviceFor(t, rack.server, FAR);
      await relayFor(t, wire, relay);
      const { told, output } = await askFrom(wire, 0, service.directory);
      t.regex(told.get('ip') ?? '', /^10\.1\.0\.1\d\d$/, output);
      t.is(told.get('router'), '10.1.0.1');
      t.is(told.get('domain'), 'far.local');
      t.is(told.get('mask'), '24');
      const { leases } = await service.get<Leases>('/v1/leases');
      t.like(leases, [{ address: told.get('ip'), mac: wire.macs[0] }]);
    },
  );
}

test.serial('a relay agent on a port of its own gets its reply there (RFC 8357)', async (t) => {
  const rack = await rackFor(t, 0);
  const { router } = await remoteWireFor(t, rack);
  const service = await serviceFor(t, rack.server, { ...FAR, dhcp: { conflict_check: false } });
  const relay = new URL('../support/clients/relay-from-port.mjs', import.meta.url).pathname;
  const packet = requestBytes({
    type: 'discover',
    giaddr: '10.1.0.1',
    options: [[OPTION.relayAgentInformation, Uint8Array.of(1, 2, 104, 105, 19, 0)]],
  });
  const argv = [process.execPath, relay, '40067', '192.168.0.254', packet.toString('hex')];
  const { stdout } = await run(router.command(argv), { timeout: 20_000 });
  const reply = decoded(Buffer.from(stdout.trim(), 'hex'));
  t.regex(formatIpv4(reply.yiaddr), /^10\.1\.0\.1\d\d$/);
  t.deepEqual(
    [...(reply.options.get(OPTION.relayAgentInformation) ?? [])],
    [1, 2, 104, 105, 19, 0],
    'option 82 came back as it was',
  );
  t.is(await service.metric('rackseed_dhcp_replies_total', 'OFFER'), 1);
});

test.serial('dhclient behind a relay agent renews its lease past it', async (t) => {
  const rack = await rackFor(t, 0);
  const wire = await remoteWireFor(t, rack);
  const service = await serviceFor(t, rack.server, { ...FAR, dhcp: { lease: '10s', renew: '2s' } });
  await relayFor(t, wire, 'dhcrelay');
  const file = (name: string) => join(service.directory, name);
  const script = `#!/bin/sh\n[ -n "$new_ip_address" ] && ip address replace "$new_ip_address/24" dev eth0 && ip route replace default via 10.1.0.1\nexit 0\n`;
  await runChecked(
    [
      'sh',
      '-c',
      `cat > ${file('script')}; chmod +x ${file('script')}; : > ${file('conf')}; : > ${file('leases')}`,
    ],
    { input: script },
  );
  const dhclient = [
    'dhclient',
    '-4',
    '-d',
    '-cf',
    file('conf'),
    '-lf',
    file('leases'),
    '-pf',
    file('pid'),
    '-sf',
    file('script'),
    'eth0',
  ];
  const client = await startFor(t, wire.clients[0]?.command(dhclient) ?? []);
  await client.waitFor(
    /bound to 10\.1\.0\.[\s\S]*DHCPREQUEST[^\n]* to 192\.168\.0\.254[\s\S]*bound to 10\.1\.0\./,
    20_000,
  );
  t.true((await service.metric('rackseed_dhcp_replies_total', 'RENEWING')) >= 1);
});

test.serial('whatever machine is at a port gets its name and address, also after a swap', async (t) => {
  const rack = await rackFor(t, 0);
  const wire = await remoteWireFor(t, rack, 2);
  const port = {
    port: { circuit: 'down0' },
    hostname: 'port-12',
    address: '10.1.0.12',
    dhcp: { options: { root_path: '/own' } },
  };
  const service = await serviceFor(t, rack.server, { ...FAR, machines: [port] });
  await relayFor(t, wire, 'dhcrelay');
  const wanted = [...FIRMWARE, '-O', 'hostname', '-O', 'rootpath'];
  for (const index of [0, 1]) {
    const { told, output } = await askFrom(wire, index, service.directory, wanted);
    t.is(told.get('ip'), '10.1.0.12', output);
    t.is(told.get('hostname'), 'port-12');
    t.is(told.get('rootpath'), '/own');
    const machine = await service.get<ShownMachine>(`/v1/machines/${wire.macs[index]}`);
    t.is(machine.hostname, 'port-12');
  }
  const { leases } = await service.get<Leases>('/v1/leases');
  t.like(leases, [{ address: '10.1.0.12', mac: wire.macs[1] }]);
  const before = await service.get<ShownMachine>(`/v1/machines/${wire.macs[0]}`);
  t.not(before.hostname, 'port-12');
});

test.serial('an address that somebody uses on our own wire or a far one is not offered', async (t) => {
  const rack = await rackFor(t, 2);
  const wire = await remoteWireFor(t, rack, 2);
  const relayed = [{ subnet: '10.1.0.0/24', range: '10.1.0.100-10.1.0.101', router: '10.1.0.1' }];
  const service = await serviceFor(t, rack.server, {
    dhcp: { range: '192.168.0.2-192.168.0.3' },
    network: { relayed },
  });
  await relayFor(t, wire, 'dnsmasq');
  await rack.clients[1]?.ip('address add 192.168.0.2/24 dev eth0', 'address add 192.168.0.3/24 dev lo');
  await rack.clients[1]?.ip('address del 192.168.0.3/24 dev lo');
  await wire.clients[1]?.ip('address add 10.1.0.100/24 dev eth0', 'route add default via 10.1.0.1');
  for (const [client, free] of [
    [rack.clients[0], '192.168.0.3'],
    [wire.clients[0], '10.1.0.101'],
  ] as const) {
    const { stderr } = await run(client?.command([...udhcpc, '/bin/true']) ?? [], { timeout: 20_000 });
    t.regex(stderr, new RegExp(`lease of ${free} obtained`), stderr);
  }
  const conflicts = await service.metric('rackseed_dhcp_conflicts_total');
  t.true(conflicts >= 1 && conflicts <= 2, String(conflicts));
});

test.serial('only the first offer to a new machine waits, half a second at most', async (t) => {
  const { server, clients } = await rackFor(t, 1);
  const service = await serviceFor(t, server);
  const took = async () => {
    const start = performance.now();
    await run(clients[0]?.command([...udhcpc, '/bin/true']) ?? [], { timeout: 20_000 });
    return performance.now() - start;
  };
  const [first, second] = [await took(), await took()];
  t.true(first - second > 200 && first - second < 600, `${first} ms, then ${second} ms`);
  t.is(await service.metric('rackseed_dhcp_conflicts_total'), 0);
});

test("a machine that uses its address already is in nobody else's way", async (t) => {
  const { server, clients } = await rackFor(t, 1);
  const service = await serviceFor(t, server, { dhcp: { range: '192.168.0.2-192.168.0.2' } });
  await clients[0]?.ip('address add 192.168.0.2/24 dev eth0');
  const { stderr } = await run(clients[0]?.command([...udhcpc, '/bin/true']) ?? [], { timeout: 20_000 });
  t.regex(stderr, /lease of 192\.168\.0\.2 obtained/);
  t.is(await service.metric('rackseed_dhcp_conflicts_total'), 0);
});

test.serial('dhcpcd gets its address in two messages with rapid commit', async (t) => {
  const { server, clients } = await rackFor(t, 1);
  const service = await serviceFor(t, server, { dhcp: { rapid_commit: true, conflict_check: false } });
  const config = join(service.directory, 'dhcpcd.conf');
  await runChecked(['sh', '-c', `printf 'option rapid_commit\\nnoarp\\nnodelay\\nnoipv4ll\\n' > ${config}`]);
  const dhcpcd = [DHCPCD, '-4', '-1', '-B', '-f', config, '-c', '/bin/true', 'eth0'];
  const { stderr, stdout } = await run(clients[0]?.command(dhcpcd) ?? [], { timeout: 30_000 });
  t.regex(stdout + stderr, /leased 192\.168\.0\./);
  t.is(await service.metric('rackseed_dhcp_replies_total', 'request="DISCOVER",reply="ACK"'), 1);
  t.is(await service.metric('rackseed_dhcp_replies_total', 'SELECTING'), 0);
});
