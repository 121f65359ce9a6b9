import test, { type ExecutionContext } from 'ava';
import { OPTION } from '../../src/dhcp/options.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { decoded } from '../support/dhcp.ts';
import { curl, documentUrl } from '../support/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { OTHER_DHCP, type OtherDhcp, otherDhcpFor } from '../support/other-dhcp.ts';
import { run, startFor } from '../support/process.ts';
import { type ServiceSettings, serviceFor } from '../support/service.ts';

const FIRMWARE = { firmware: { directory: '/usr/lib/ipxe' } };
const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
const LEASE = /lease of (\S+) obtained from (\S+?),/;

/** A rack beside another DHCP server, and the service in a mode. */
async function besideFor(t: ExecutionContext, kind: OtherDhcp, settings: ServiceSettings = {}) {
  const rack = await rackFor(t, 2);
  const other = await otherDhcpFor(t, kind, { namespace: rack.server, bridge: 'rack0' });
  const service = await serviceFor(t, rack.server, {
    top: FIRMWARE,
    ...settings,
    dhcp: { mode: 'proxy', range: undefined, ...settings.dhcp },
  });
  const [machine, neighbour] = rack.clients;
  const [mac = '', neighbourMac = ''] = rack.macs;
  if (!machine || !neighbour) throw new Error('the rack has two machines');
  return { server: rack.server, other, service, machine, neighbour, mac, neighbourMac };
}

/** Boots a double of firmware in a namespace; gives the replies it got. */
async function firmware(t: ExecutionContext, machine: Namespace, fixture: string, mac: string) {
  const script = new URL('../support/clients/pxe-firmware.ts', import.meta.url).pathname;
  const command = machine.command([process.execPath, '--import', 'tsx', script, fixture, mac]);
  const { stdout, stderr, code } = await run(command, { timeout: 60_000 });
  t.is(code, 0, stderr);
  const replies = JSON.parse(stdout) as Readonly<Record<'offer' | 'proxy' | 'ack' | 'bootServer', string>>;
  const read = (name: keyof typeof replies) => decoded(Buffer.from(replies[name], 'hex'));
  return {
    ...{ offer: read('offer'), proxy: read('proxy'), ack: read('ack'), bootServer: read('bootServer') },
  };
}

const cases: readonly [kind: OtherDhcp, fixture: string, file: string, vendorClass: string][] = [
  ['dnsmasq', 'ovmf-pxe', 'snponly.efi', 'PXEClient'],
  ['dnsmasq', 'ipxe-rom-bios', 'http://192.168.0.254/boot.ipxe', 'PXEClient'],
  ['kea', 'ovmf-http', 'http://192.168.0.254/firmware/snponly.efi', 'HTTPClient'],
  ['kea', 'ovmf-pxe', 'snponly.efi', 'PXEClient'],
];

for (const [kind, fixture, file, vendorClass] of cases) {
  test(`beside ${kind}, ${fixture} gets its address from there and ${file} from the proxy`, async (t) => {
    const { service, machine, mac } = await besideFor(t, kind);
    const { offer, proxy, ack, bootServer } = await firmware(t, machine, fixture, mac);
    t.is(offer.file, '');
    t.is(ack.yiaddr, offer.yiaddr);
    for (const reply of [proxy, bootServer]) {
      t.is(reply.file, file);
      t.is(formatIpv4(reply.siaddr), '192.168.0.254');
      t.is(Buffer.from(reply.options.get(OPTION.vendorClass) ?? []).toString(), vendorClass);
      t.false(reply.options.has(OPTION.vendorSpecific));
    }
    t.is(bootServer.yiaddr, ack.yiaddr);
    const seen = await service.api.machine(mac as never);
    t.is(seen.address, formatIpv4(ack.yiaddr), 'the address that the other server gave is known');
    t.is(await service.metric('rackseed_dhcp_replies_total', 'request="DISCOVER",reply="OFFER"'), 1);
    t.is(await service.metric('rackseed_dhcp_replies_total', 'request="BOOT-SERVER",reply="ACK"'), 1);
  });
}

test('beside dnsmasq, udhcpc and dhclient hear nothing of the proxy', async (t) => {
  const { service, machine, neighbour } = await besideFor(t, 'dnsmasq');
  const { stderr } = await run(machine.command(udhcpc), { timeout: 20_000 });
  t.is(LEASE.exec(stderr)?.[2], OTHER_DHCP.address, stderr);
  const dhclient = ['dhclient', '-1', '-d', '-4', '-sf', '/bin/true', '-lf', '/dev/null', '-pf', '/dev/null'];
  const child = await startFor(t, neighbour.command([...dhclient, 'eth0']));
  await child.waitFor(/DHCPACK of 192\.168\.0\.1\d\d from 192\.168\.0\.9/, 20_000);
  t.is(await service.metric('rackseed_dhcp_replies_total'), 0);
});

test.serial(
  'a boot token is the machine’s that asked for its script, wherever the other server puts it',
  async (t) => {
    const { machine, neighbour, mac, service } = await besideFor(t, 'dnsmasq', {
      machines: [{ mac: '52:54:00:00:00:01', hostname: 'worker-01' }],
      profile: {
        boot: { image: 'lab', document: 'cloud-config' },
        cloud_config: { users: [{ name: 'core', passwd: '$6$rounds=5000$planted$PlantedPasswordHash' }] },
      },
    });
    await firmware(t, machine, 'ipxe-rom-bios', mac);
    await neighbour.ip('address add 192.168.0.120/24 dev eth0');
    const asked = `http://192.168.0.254/ipxe?mac=${mac}`;

    const foreign = await curl(neighbour, asked);
    t.is(foreign.status, 200);
    t.notRegex(foreign.body, /token=/, 'another card behind that address: no token');

    const script = await curl(machine, asked);
    t.regex(script.body, /token=/);
    const url = await documentUrl(machine, mac);
    t.is((await curl(neighbour, url)).status, 403, 'the token alone is not enough');
    t.is((await curl(machine, url)).status, 200);

    // What runs next on the machine may have another client identifier, and so another address.
    await machine.ip('address flush dev eth0', 'address add 192.168.0.130/24 dev eth0');
    t.is((await curl(machine, url)).status, 200, 'the same card at another address');
    t.is((await service.api.machine(mac as never)).address, '192.168.0.130');
  },
);

test.serial('auto leaves the addresses to a Kea that is there, and says so once', async (t) => {
  const { service, machine, mac } = await besideFor(t, 'kea', {
    dhcp: { mode: 'auto', range: '192.168.0.1-192.168.0.100' },
  });
  await service.child.waitFor(/the DHCP server 192\.168\.0\.9 gives the addresses here/, 10_000);
  const { stderr } = await run(machine.command(udhcpc), { timeout: 20_000 });
  t.is(LEASE.exec(stderr)?.[2], OTHER_DHCP.address, stderr);
  const { proxy } = await firmware(t, machine, 'ipxe-rom-bios', mac);
  t.is(proxy.file, 'http://192.168.0.254/boot.ipxe');
  t.is(service.child.output().match(/gives the addresses here/g)?.length, 1);
  const { networks } = await service.get<{ networks: unknown[] }>('/v1/networks');
  t.like(networks, [{ dhcp: { mode: 'auto', role: 'proxy', otherServer: OTHER_DHCP.address } }]);
  t.is(await service.metric('rackseed_dhcp_authoritative', 'network="kubernetes1"'), 0);
  t.is(await service.metric('rackseed_dhcp_role_changes_total', 'role="proxy"'), 1);
});

test.serial('auto gives addresses when nobody else does, until it hears another server', async (t) => {
  const rack = await rackFor(t, 2);
  const service = await serviceFor(t, rack.server, { dhcp: { mode: 'auto' }, top: FIRMWARE });
  const [machine, neighbour] = rack.clients;
  if (!machine || !neighbour) return t.fail();
  await service.child.waitFor(/no other DHCP server answers, so rackseed gives the addresses/, 15_000);
  const first = await run(machine.command(udhcpc), { timeout: 20_000 });
  t.is(LEASE.exec(first.stderr)?.[2], '192.168.0.254', first.stderr);

  await otherDhcpFor(t, 'dnsmasq', { namespace: rack.server, bridge: 'rack0' });
  // With the broadcast flag, so that the other server's OFFER is there for all to hear.
  await run(neighbour.command([...udhcpc, '-B']), { timeout: 20_000 });
  await service.child.waitFor(/the DHCP server 192\.168\.0\.9 gives the addresses here/, 10_000);
  const next = await run(neighbour.command(udhcpc), { timeout: 20_000 });
  t.is(LEASE.exec(next.stderr)?.[2], OTHER_DHCP.address, next.stderr);
});
