import test from 'ava';
import { subnetsOf } from '../../src/config/subnets.ts';
import { dhcpNetwork } from '../../src/dhcp-network.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { good, problems, RACKSEED } from '../support/config.ts';
import { machine } from '../support/dhcp.ts';

/** The short rackseed.yaml with more in its network, and in the network's dhcp section. */
const rackseed = (network: string, dhcp = '') =>
  RACKSEED.replace('default_profile', `${network}default_profile`).replace(
    '      range:',
    `${dhcp}      range:`,
  );

const FURTHER = rackseed(
  `    shared: [{ subnet: 192.168.1.0/24, range: 192.168.1.1-192.168.1.9 }]
    relayed:
      - { subnet: 10.1.0.0/24, range: [10.1.0.9-10.1.0.19, 10.1.0.50-10.1.0.59], router: 10.1.0.1, lease: 10m, dns: [10.1.0.2], options: { "224": { type: uint8, value: 2 } } }
      - subnet: 10.2.0.0/24
        range: 10.2.0.9-10.2.0.19
        relays: [10.255.0.1]
        shared: [{ subnet: 10.3.0.0/24, range: 10.3.0.9-10.3.0.19 }]
`,
  '      router: 192.168.0.254\n      renew: 20m\n      dns: [192.168.0.9]\n      domain: a.b\n      options: { "224": { type: uint8, value: 1 }, "225": { type: uint8, value: 1 } }\n',
);

test('a further subnet is told what the network is told, but for what it says itself, the router and the routes', (t) => {
  const [network] = good({ 'rackseed.yaml': FURTHER }).networks;
  const [shared, relayed] = [network?.shared[0], network?.relayed[0]];
  t.like(shared, { lease: 3600, renewal: 1200, domain: 'a.b' });
  t.false('router' in (shared ?? {}));
  t.deepEqual(shared?.dns.map(formatIpv4), ['192.168.0.9']);
  t.like(relayed, { lease: 600, domain: 'a.b', relays: [] });
  t.false('renewal' in (relayed ?? {}), 'a time that belongs to another lease');
  t.deepEqual(relayed?.dns.map(formatIpv4), ['10.1.0.2']);
  t.deepEqual(Object.fromEntries(relayed?.options ?? []), { 224: Uint8Array.of(2), 225: Uint8Array.of(1) });
  t.is(network && subnetsOf(network).length, 5);
});

test('a reservation counts on the wire that has its subnet, and so does the address of a port', (t) => {
  const config = good({
    'rackseed.yaml': FURTHER,
    'machines/a.yaml': `machines:
      - { mac: "${machine(1)}", address: 10.3.0.200 }
      - { mac: "${machine(2)}", address: 192.168.1.200 }
      - { port: { circuit: p1 }, address: 10.1.0.200 }`,
  });
  const [network] = config.networks;
  const plans = network && dhcpNetwork(network, config);
  t.deepEqual([...(plans?.plan.reservations.keys() ?? [])], [machine(2)]);
  t.deepEqual([...(plans?.relayed?.[0]?.plan.places ?? [])].map(formatIpv4), ['10.1.0.200']);
  t.deepEqual([...(plans?.relayed?.[1]?.plan.reservations.keys() ?? [])], [machine(1)]);
  t.is(plans?.relayed?.[1]?.plan.ranges.length, 2);
});

const at = 'config/rackseed.yaml';
const one = (more: string) => `    relayed: [{ subnet: 10.1.0.0/24, range: 10.1.0.9-10.1.0.19, ${more} }]\n`;
const WRONG: readonly [what: string, network: string, dhcp: string, expected: string][] = [
  [
    'a subnet that overlaps that of the interface',
    '    relayed: [{ subnet: 192.168.0.0/16, range: 192.168.9.1-192.168.9.9 }]\n',
    '',
    `${at}:8: networks[0].relayed[0].subnet: 192.168.0.0/16 overlaps 192.168.0.0/24 of networks[0].address (expected subnets that share no address)`,
  ],
  [
    'a range outside its subnet',
    '    shared: [{ subnet: 10.1.0.0/24, range: 10.2.0.1-10.2.0.9 }]\n',
    '',
    `${at}:8: networks[0].shared[0].range: 10.2.0.1-10.2.0.9 is outside 10.1.0.0/24 (expected addresses in 10.1.0.1-10.1.0.254)`,
  ],
  [
    'a range with the router in it',
    one('router: 10.1.0.9'),
    '',
    `${at}:8: networks[0].relayed[0].range: 10.1.0.9-10.1.0.19 holds the router, 10.1.0.9 (expected a range without it)`,
  ],
  [
    'a router elsewhere',
    one('router: 10.9.0.1'),
    '',
    `${at}:8: networks[0].relayed[0].router: 10.9.0.1 is outside 10.1.0.0/24 (expected one of 10.1.0.1-10.1.0.254)`,
  ],
  [
    'a subnet that is an address',
    '    relayed: [{ subnet: 10.1.0.5/24, range: 10.1.0.9-10.1.0.19 }]\n',
    '',
    `${at}:8: networks[0].relayed[0].subnet: "10.1.0.5/24" is not a network with its prefix length (expected for example 10.0.0.0/8)`,
  ],
  [
    'an option set twice',
    one('dns: [10.1.0.1], options: { domain_name_servers: [10.1.0.1] }'),
    '',
    `${at}:8: networks[0].relayed[0].options.domain_name_servers: domain_name_servers (6) is already set by dhcp.dns`,
  ],
  [
    'a renewal after the lease has ended',
    '',
    '      lease: 10m\n      renew: 20m\n',
    `${at}:8: networks[0].dhcp.renew: 1200 s is not before rebind (expected less than 525 s)`,
  ],
  [
    'a rebinding after the lease has ended',
    '',
    '      lease: 10m\n      rebind: 20m\n',
    `${at}:8: networks[0].dhcp.rebind: 1200 s is not before the lease ends (expected less than the 600 s of the lease)`,
  ],
  [
    'vendor options that are too long together',
    '',
    `      vendor_options: [{ class: Acme, options: { "1": { type: string, value: ${'a'.repeat(253)} } } }]\n`,
    `${at}:7: networks[0].dhcp.vendor_options[0].options: are 256 bytes long together, more than the 255 that option 43 carries`,
  ],
];
for (const [what, network, dhcp, expected] of WRONG) {
  test(`${what} is refused with its place`, (t) => {
    t.deepEqual(problems({ 'rackseed.yaml': rackseed(network, dhcp) }), [expected]);
  });
}

test("a vendor's options are encapsulated in option 43", (t) => {
  const dhcp =
    '      vendor_options: [{ class: Acme*, options: { "1": { type: ipv4, value: 10.0.0.1 } } }]\n';
  const config = good({ 'rackseed.yaml': rackseed('', dhcp) });
  const [network] = config.networks;
  const [vendor] = (network && dhcpNetwork(network, config).vendorOptions) ?? [];
  t.is(Buffer.from(vendor?.value ?? []).toString('hex'), '01040a000001ff');
  t.true(vendor?.matches('Acme Switch'));
  t.false(vendor?.matches('Other'));
});

test('machines and profiles have DHCP options of their own', (t) => {
  const { machines, profiles } = good({
    'profiles/worker.yaml': 'extends: base\ndhcp: { options: { root_path: /w } }\n',
    'profiles/base.yaml':
      'boot: { image: flatcar/1 }\ndhcp: { options: { root_path: /b, "224": { type: uint8, value: 1 } } }\n',
    'machines/a.yaml': `machines: [{ mac: "${machine(1)}", dhcp: { options: { "224": { type: uint8, value: 2 } } } }]`,
  });
  t.deepEqual(Object.fromEntries(profiles.get('worker')?.dhcpOptions ?? []), {
    17: new TextEncoder().encode('/w'),
    224: Uint8Array.of(1),
  });
  t.deepEqual(Object.fromEntries(machines.get(machine(1))?.options ?? []), { 224: Uint8Array.of(2) });
});

const MACHINES: readonly [what: string, entry: string, expected: string][] = [
  ['neither mac nor port', 'hostname: a', 'machines[0].mac: is missing (expected a MAC address, or a port)'],
  [
    'both',
    `mac: "${machine(1)}", port: { circuit: a }`,
    'machines[0].mac: has no meaning beside port (expected one of them)',
  ],
  [
    "an option that is the server's own",
    `mac: "${machine(1)}", dhcp: { options: { host_name: a } }`,
    "machines[0].dhcp.options.host_name: host_name (12) can't be set here: it is each machine's hostname, set in machines/",
  ],
];
for (const [what, entry, expected] of MACHINES) {
  test(`an entry of machines/ with ${what} is refused`, (t) => {
    t.true(problems({ 'machines/a.yaml': `machines: [{ ${entry} }]` })[0]?.includes(expected));
  });
}

test('a port is given once', (t) => {
  const text = 'machines: [{ port: { circuit: a, remote: b } }, { port: { remote: b, circuit: a } }]';
  t.regex(problems({ 'machines/a.yaml': text })[0] ?? '', /machines\[1\]\.port: the port is given twice/);
});
