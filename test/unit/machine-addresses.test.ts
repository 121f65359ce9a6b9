import test from 'ava';
import { createMachineAddresses } from '../../src/machine-addresses.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import { subnetOf } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { neighbourAt } from '../../src/net/neighbours.ts';
import { ip, machine, SERVER } from '../support/dhcp.ts';

/** Machine 1 is known, and was last seen at `last`; `neighbours` is what the kernel knows. */
function setUp(isProxy: boolean, last: string | undefined, neighbours: Readonly<Record<string, Mac>> = {}) {
  const registry = new MachineRegistry({
    machines: [],
    isKept: () => true,
    capacity: 10,
    strangers: 10,
    onForgotten: () => {},
  });
  registry.see(machine(1), 'kubernetes1', 0, last === undefined ? {} : { address: ip(last) });
  const byAddress = new Map(Object.entries(neighbours).map(([text, mac]) => [ip(text), mac]));
  const addresses = createMachineAddresses({
    network: 'kubernetes1',
    subnet: subnetOf(SERVER, 24),
    registry,
    leaseOf: (mac) => (mac === machine(1) ? { mac, address: ip('192.168.0.5'), expires: 1 } : undefined),
    holder: () => machine(5),
    isProxy: () => isProxy,
    neighbour: (address) => byAddress.get(address),
    now: () => 7,
  });
  return { registry, addresses };
}

test('without another server a machine is where it has its lease, whoever asks from where', (t) => {
  const { addresses } = setUp(false, '192.168.0.9', { '192.168.0.8': machine(1) });
  t.is(addresses.addressOf(machine(1), '192.168.0.8'), '192.168.0.5');
  t.is(addresses.addressOf(machine(2), '192.168.0.8'), undefined);
  t.is(addresses.lastOf(machine(1)), ip('192.168.0.5'));
  t.is(addresses.holder(ip('192.168.0.9'), 0), machine(5));
});

const cases: readonly [
  what: string,
  last: string | undefined,
  neighbours: Readonly<Record<string, Mac>>,
  from: string,
  expected: string | undefined,
][] = [
  ['is where the kernel sees it', undefined, { '192.168.0.8': machine(1) }, '192.168.0.8', '192.168.0.8'],
  [
    'has moved when the kernel sees it elsewhere',
    '192.168.0.7',
    { '192.168.0.8': machine(1) },
    '192.168.0.8',
    '192.168.0.8',
  ],
  [
    'isn’t where the kernel sees another one',
    '192.168.0.8',
    { '192.168.0.8': machine(2) },
    '192.168.0.8',
    undefined,
  ],
  [
    'stays where it was when another one asks in its name',
    '192.168.0.7',
    { '192.168.0.8': machine(2) },
    '192.168.0.8',
    '192.168.0.7',
  ],
  ['isn’t where the kernel sees nobody', '192.168.0.8', {}, '192.168.0.8', undefined],
  ['beyond a router is where it told DHCP', '10.0.0.8', {}, '10.0.0.8', '10.0.0.8'],
  ['beyond a router is nowhere else', '10.0.0.8', {}, '10.0.0.9', '10.0.0.8'],
  ['beyond a router is nowhere when it told nothing', undefined, {}, '10.0.0.9', undefined],
];

for (const [what, last, neighbours, from, expected] of cases) {
  test(`beside another server a machine ${what}`, (t) => {
    const { addresses, registry } = setUp(true, last, neighbours);
    t.is(addresses.addressOf(machine(1), from), expected);
    if (expected === from) t.is(registry.at(ip(from))?.mac, machine(1));
  });
}

test('beside another server an address nobody told of is looked up when something comes from it', (t) => {
  const { addresses, registry } = setUp(true, undefined, {
    '192.168.0.8': machine(1),
    '192.168.0.6': machine(6),
  });
  for (const from of ['192.168.0.8', '192.168.0.6', '192.168.0.4', 'nonsense']) addresses.learn(from);
  t.is(registry.at(ip('192.168.0.8'))?.mac, machine(1));
  t.is(registry.at(ip('192.168.0.6')), undefined, 'nobody knows that machine');
  t.is(addresses.holder(ip('192.168.0.8'), 0), machine(1));
});

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
192.168.0.1      0x1         0x2         52:54:00:00:00:01     *        eth1
192.168.0.2      0x1         0x0         00:00:00:00:00:00     *        eth1
192.168.0.3      0x1         0x6         52:54:00:00:00:03     *        eth1
192.168.0.1      0x1         0x2         52:54:00:00:00:09     *        eth2
`;

test('the neighbour table is read by interface and address; what has no answer yet is nobody', (t) => {
  const at = (device: string, text: string) => neighbourAt(device, ip(text), () => TABLE);
  t.is(at('eth1', '192.168.0.1'), machine(1));
  t.is(at('eth2', '192.168.0.1'), machine(9));
  t.is(at('eth1', '192.168.0.2'), undefined);
  t.is(at('eth1', '192.168.0.3'), machine(3), 'a permanent entry');
  t.is(at('eth1', '192.168.0.4'), undefined);
  t.is(
    neighbourAt('eth1', ip('192.168.0.1'), () => ''),
    undefined,
  );
});
