import test, { type ExecutionContext } from 'ava';
import { connect, type Namespace, namespaceFor } from '../support/netns.ts';
import { otherDhcpFor } from '../support/other-dhcp.ts';
import { run, startFor } from '../support/process.ts';
import { serviceFor } from '../support/service.ts';

const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
const LEASE = /lease of (\S+) obtained from (\S+?),/;
const FIRMWARE = new URL('../support/clients/pxe-firmware.ts', import.meta.url).pathname;
const MACS = { 10: '52:54:00:00:00:0a', 20: '52:54:00:00:00:14' } as const;

const ENDS = ['169.254.9.1', '169.254.9.2'] as const;

/**
 * How a subinterface of a trunk is made: of IEEE 802.1Q, or by VXLAN where the kernel lacks it, which is the same to whoever
 * uses the subinterface.
 */
async function subinterfaces(t: ExecutionContext): Promise<(id: number, end: 0 | 1) => string> {
  const { code } = await run(['ip', '-n', (await namespaceFor(t)).name, ...TRIAL]);
  t.log(code === 0 ? 'by IEEE 802.1Q' : 'by VXLAN: this kernel lacks IEEE 802.1Q');
  if (code === 0) return (id) => `type vlan id ${id}`;
  return (id, end) => `type vxlan id ${id} dstport 4789 local ${ENDS[end]} remote ${ENDS[1 - end]}`;
}
const TRIAL = ['link', 'add', 'link', 'lo', 'name', 'trial', 'type', 'vlan', 'id', '9'];

/** A switch with one machine each in VLAN 10 and 20, cabled to the server by one trunk that carries both. */
async function trunkFor(t: ExecutionContext) {
  const server = await namespaceFor(t);
  const fabric = await namespaceFor(t);
  await connect({ namespace: server, interface: 'trunk0' }, { namespace: fabric, interface: 'trunk0' });
  await server.ip(`address add ${ENDS[0]}/30 dev trunk0`);
  await fabric.ip(`address add ${ENDS[1]}/30 dev trunk0`);
  const kind = await subinterfaces(t);
  const machines = new Map<number, Namespace>();
  for (const id of [10, 20] as const) {
    const machine = await namespaceFor(t);
    const bridge = `vlan${id}`;
    await server.ip(
      `link add link trunk0 name rack${id} ${kind(id, 0)}`,
      `address add ${id === 10 ? '192.168.10.254' : '192.168.0.254'}/24 brd + dev rack${id}`,
      `link set rack${id} up`,
    );
    await fabric.ip(
      `link add ${bridge} type bridge mcast_snooping 0`,
      `link set ${bridge} up`,
      `link add link trunk0 name up${id} ${kind(id, 1)}`,
      `link set up${id} master ${bridge} up`,
    );
    const port = { namespace: fabric, interface: `port${id}` };
    await connect(port, { namespace: machine, interface: 'eth0', mac: MACS[id] });
    await fabric.ip(`link set port${id} master ${bridge}`);
    machines.set(id, machine);
  }
  const machineIn = (id: number) => machines.get(id) ?? server;
  return { server, fabric, machineIn };
}

test('two VLANs of one card are two networks, authoritative and proxy, and neither hears of the other', async (t) => {
  const { server, fabric, machineIn } = await trunkFor(t);
  await otherDhcpFor(t, 'dnsmasq', { namespace: fabric, bridge: 'vlan20' });
  const range = '192.168.10.1-192.168.10.100';
  const networks = [
    {
      name: 'ten',
      interface: 'rack10',
      address: '192.168.10.254/24',
      dhcp: { mode: 'authoritative', range, conflict_check: false },
    },
    { name: 'twenty', interface: 'rack20', address: '192.168.0.254/24', dhcp: { mode: 'proxy' } },
  ];
  const service = await serviceFor(t, server, {
    top: { networks, firmware: { directory: '/usr/lib/ipxe' } },
  });
  const listen = async (name: string) => {
    const filter = ['-n', '-l', '--immediate-mode', 'udp src port 67'];
    const child = await startFor(t, server.command(['tcpdump', '-i', name, ...filter]));
    await child.waitFor(/listening on/);
    return child;
  };
  const [onTen, onTwenty] = [await listen('rack10'), await listen('rack20')];

  const ten = await run(machineIn(10).command(udhcpc), { timeout: 20_000 });
  const [, address = '', giver] = LEASE.exec(ten.stderr) ?? [];
  t.regex(address, /^192\.168\.10\.\d+$/, ten.stderr);
  t.is(giver, '192.168.10.254');

  const twenty = await run(machineIn(20).command(udhcpc), { timeout: 20_000 });
  t.is(LEASE.exec(twenty.stderr)?.[2], '192.168.0.9', twenty.stderr);
  const firmware = [process.execPath, '--import', 'tsx', FIRMWARE, 'ovmf-pxe', MACS[20]];
  const booted = await run(machineIn(20).command(firmware), { timeout: 60_000 });
  t.is(booted.code, 0, booted.stderr);

  const { leases } = await service.get<{ leases: unknown[] }>('/v1/leases');
  t.like(leases, [{ network: 'ten', address, mac: MACS[10] }]);
  t.is(leases.length, 1);
  t.is((await service.api.machine(MACS[10] as never)).network, 'ten');
  t.is((await service.api.machine(MACS[20] as never)).network, 'twenty');

  await onTen.waitFor(/(?:IP 192\.168\.10\.254\.67 > [\s\S]*){2}/);
  await onTwenty.waitFor(/IP 192\.168\.0\.254\.67 > /);
  t.deepEqual(serversIn(onTen.output()), ['192.168.10.254']);
  t.deepEqual(serversIn(onTwenty.output()), ['192.168.0.254', '192.168.0.9']);
});

/** The DHCP servers whose replies tcpdump has printed. */
function serversIn(output: string): string[] {
  return [...new Set([...output.matchAll(/IP (\S+)\.67 > /g)].map(([, server = '']) => server))].sort();
}
