import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
/** What iPXE says besides: user class "iPXE", and in its own option that it can do HTTP and load Linux. */
const asIpxe = [...udhcpc, '-V', 'PXEClient', '-x', '0x4d:69505845', '-x', '0xaf:130101180101'];
const LEASED = /lease of \S+ obtained/;

test('iPXE that gets an address is told at once that there is no IPv6 router; nobody else hears of it', async (t) => {
  const { server, clients } = await rackFor(t, 2);
  const [plain, ipxe] = clients;
  if (!plain || !ipxe) return t.fail();
  await serviceFor(t, server);
  await Promise.all([settled(server, 'rack0'), settled(ipxe, 'eth0')]);
  const argv = ['tcpdump', '-i', 'rack0', '-n', '-l', '-v', '--immediate-mode', 'icmp6 and ip6[40] == 134'];
  const capture = await startFor(t, server.command(argv));
  await capture.waitFor(/listening on/);

  t.regex((await run(plain.command(udhcpc), { timeout: 20_000 })).stderr, LEASED);
  t.regex((await run(ipxe.command(asIpxe), { timeout: 20_000 })).stderr, LEASED);
  await capture.waitFor(/router advertisement/);
  const received = async () =>
    counter(await runChecked(ipxe.command(['cat', '/proc/net/snmp6'])), 'Icmp6InRouterAdvertisements');
  while ((await received()) === 0) await pause(20);

  const { stdout: seen } = await capture.stop();
  t.deepEqual(
    [...new Set(seen.match(/fe80::\S+ > [^:]\S+(?=: )/g))],
    ['fe80::5054:ff:feff:fe > fe80::5054:ff:fe00:2'],
  );
  t.regex(seen, /hlim 255,/);
  t.regex(seen, /\[icmp6 sum ok\] ICMP6, router advertisement, length 16/);
  t.regex(
    seen,
    /hop limit 0, Flags \[none\], pref medium, router lifetime 0s, reachable time 0ms, retrans timer 0ms/,
  );
  t.is(
    await runChecked(ipxe.command(['ip', '-6', 'route', 'show', 'default'])),
    '',
    'nobody routes by way of us',
  );
});

test('without IPv6 on the interface iPXE gets its address all the same, and the log says that it will wait', async (t) => {
  const { server, clients } = await rackFor(t);
  await runChecked(server.command(['sysctl', '-w', 'net.ipv6.conf.rack0.disable_ipv6=1']));
  const { child } = await serviceFor(t, server);
  t.regex((await run(clients[0]?.command(asIpxe) ?? [], { timeout: 20_000 })).stderr, LEASED);
  await child.waitFor(/an IPv6 router/);
  t.regex(
    child.output(),
    /iPXE will wait some 15 s for an IPv6 router at each boot on kubernetes1.*: rack0 has no IPv6 link-local address/,
  );
});

/** Waits until the kernel has made sure that nobody else has the interface's own address (RFC 4862 §5.4). */
async function settled(namespace: Namespace, name: string): Promise<void> {
  const addresses = (which: string) =>
    runChecked(namespace.command(['ip', '-6', 'address', 'show', 'dev', name, 'scope', 'link', which]));
  while ((await addresses('-tentative')) === '') await pause(20);
}

/** A value in a table of `name value` lines. */
function counter(table: string, name: string): number {
  return Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(table)?.[1]);
}
