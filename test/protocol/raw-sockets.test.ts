import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { OPENER } from '../support/program.ts';
import { configurationFor, serveCommand } from '../support/service.ts';

const STORE = new URL('../support/clients/descriptor-store.py', import.meta.url).pathname;
const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
/** What iPXE says besides: user class "iPXE", and in its own option that it can do HTTP and load Linux. */
const asIpxe = [...udhcpc, '-V', 'PXEClient', '-x', '0x4d:69505845', '-x', '0xaf:130101180101'];

/** Starts the service without CAP_NET_RAW, with the raw sockets of these interfaces handed over by the double of systemd. */
async function serviceWith(t: ExecutionContext, server: Namespace, interfaces: readonly string[]) {
  const directory = await configurationFor(t, { dhcp: { range: '192.168.0.1-192.168.0.2' } });
  const opener = [...OPENER, ...interfaces];
  const argv = ['python3', STORE, join(directory, 'notify'), ...opener, '--', ...serveCommand({ directory })];
  const service = await startFor(t, server.command(argv));
  await service.waitFor(/"msg":"ready: /, 60_000);
  return service;
}

test('without CAP_NET_RAW the service uses the raw sockets that it is handed: for a look at addresses, and for iPXE', async (t) => {
  const { server, clients } = await rackFor(t, 2);
  const [occupant, machine] = clients;
  if (!occupant || !machine) return t.fail();
  await occupant.ip('address add 192.168.0.1/24 dev eth0');
  const service = await serviceWith(t, server, ['rack0']);
  t.deepEqual(
    service.output().match(/^FDSTORE\w*=.*$/gm),
    ['arp', 'icmp', 'icmpv6'].flatMap((kind) => [
      `FDSTOREREMOVE=1 FDNAME=${kind}-rack0`,
      `FDSTORE=1 FDPOLL=0 FDNAME=${kind}-rack0`,
    ]),
  );
  const { stderr } = await run(machine.command(asIpxe), { timeout: 20_000 });
  t.regex(stderr, /lease of 192\.168\.0\.2 obtained/, 'the first address of the range is in use');
  const counters = () => runChecked(machine.command(['cat', '/proc/net/snmp6']));
  while (/^Icmp6InRouterAdvertisements\s+0$/m.test(await counters()))
    await new Promise((resolve) => setTimeout(resolve, 20));
  t.notRegex(service.output(), /CAP_NET_RAW/);
  const ends = await runChecked(['cat', `/proc/${service.pid}/status`]);
  t.is(Number(`0x${/^CapEff:\t(\w+)$/m.exec(ends)?.[1]}`) & (1 << 13), 0, 'it could not open one itself');
});

test('an interface whose sockets were not handed over is served without them, and the log says what is missing', async (t) => {
  const { server, clients } = await rackFor(t);
  await server.ip('link add other0 type bridge', 'link set other0 up');
  const service = await serviceWith(t, server, ['other0', 'missing0']);
  t.regex(service.output(), /^arp-missing0 can't be opened for the service: if_nametoindex: ENODEV$/m);
  t.regex(
    (await run(clients[0]?.command(udhcpc) ?? [], { timeout: 20_000 })).stderr,
    /lease of \S+ obtained/,
  );
  for (const what of ['an IPv6 router', 'addresses are given without a look']) {
    const line = service.output().match(new RegExp(`.*${what}.*`))?.[0] ?? '';
    t.regex(line, /no permission \(CAP_NET_RAW\); a service that \\"rackseed install\\" made is handed/);
  }
});
