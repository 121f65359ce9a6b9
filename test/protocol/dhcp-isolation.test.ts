import { join } from 'node:path';
import test from 'ava';
import { connect, namespaceFor, rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];

test('a second interface never sees a reply, and requests on it are not heard', async (t) => {
  const { server, clients } = await rackFor(t);
  const stranger = await namespaceFor(t);
  await connect({ namespace: server, interface: 'office0' }, { namespace: stranger, interface: 'eth0' });
  await server.ip('address add 10.1.0.1/24 dev office0');
  const service = await serviceFor(t, server);
  const capture = join(service.directory, 'office.pcap');
  const tcpdump = await startFor(
    t,
    stranger.command(['tcpdump', '-i', 'eth0', '-U', '-w', capture, 'udp port 67 or udp port 68']),
  );
  await tcpdump.waitFor(/listening on/);

  const unheard = await run(stranger.command([...udhcpc, '-t', '3', '-T', '1']), { timeout: 20_000 });
  const heard = await run(clients[0]?.command(udhcpc) ?? [], { timeout: 20_000 });
  t.regex(heard.stderr, /lease of \S+ obtained/);
  t.notRegex(unheard.stderr, /lease of/);
  await tcpdump.stop();

  const packets = await runChecked(['tcpdump', '-n', '-r', capture]);
  t.regex(packets, /0\.0\.0\.0\.68 > 255\.255\.255\.255\.67/, 'the capture works: it shows the requests');
  t.notRegex(packets, /\.67 > /, 'no server port ever sent anything');
  t.is(await service.metric('rackseed_dhcp_replies_total'), 2);
});

const impossible: readonly [what: string, settings: Parameters<typeof serviceFor>[2], complaint: RegExp][] = [
  [
    'no such interface',
    { interface: 'eth7' },
    /no network interface "eth7" on this host \(there are: .*rack0/,
  ],
  [
    'an address the interface does not have',
    { address: '192.168.0.253/24' },
    /rack0 does not have the address 192\.168\.0\.253 \(it has 192\.168\.0\.254\)/,
  ],
];

for (const [what, settings, complaint] of impossible) {
  test(`with ${what} the service says so and does not start`, async (t) => {
    const { server } = await rackFor(t);
    await t.throwsAsync(serviceFor(t, server, settings), { message: complaint });
  });
}

test('when another process holds port 67, the service names it and does not start', async (t) => {
  const { server } = await rackFor(t);
  const holder = await startFor(
    t,
    server.command([
      'dnsmasq',
      '-k',
      '-p',
      '0',
      '-F',
      '192.168.0.1,192.168.0.9',
      '--log-facility=-',
      '--leasefile-ro',
      '--user=root',
    ]),
  );
  await holder.waitFor(/DHCP, IP range/);
  await t.throwsAsync(serviceFor(t, server), {
    message: /UDP port 67 on rack0 .*: dnsmasq \(pid \d+\) already does; stop it first/,
  });
});
