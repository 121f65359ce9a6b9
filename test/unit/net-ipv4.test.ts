import test from 'ava';
import {
  contains,
  formatIpv4,
  formatRange,
  ipv4FromBytes,
  parseCidr,
  parseIpv4,
  parseRange,
  subnetOf,
} from '../../src/net/ipv4.ts';

function ip(text: string) {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
}

for (const [text, value] of [
  ['0.0.0.0', 0],
  ['1.2.3.4', 0x01020304],
  ['192.168.0.254', 0xc0a800fe],
  ['255.255.255.255', 0xffffffff],
] as const) {
  test(`${text} is ${value} on the wire, and reads back the same`, (t) => {
    t.is<number, number>(ip(text), value);
    t.is(formatIpv4(ip(text)), text);
  });
}

for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '256.0.0.1',
  '01.2.3.4',
  '1.2.3.4 ',
  '1.2.3.x',
  '::1',
  '1.2.3.4/24',
]) {
  test(`${JSON.stringify(text)} is no IPv4 address`, (t) => {
    t.is(parseIpv4(text), undefined);
  });
}

test('an address is read from four bytes in network byte order', (t) => {
  t.is(ipv4FromBytes(Uint8Array.of(9, 192, 168, 0, 1), 1), ip('192.168.0.1'));
});

for (const [cidr, network, mask, broadcast] of [
  ['192.168.0.254/24', '192.168.0.0', '255.255.255.0', '192.168.0.255'],
  ['10.1.2.3/8', '10.0.0.0', '255.0.0.0', '10.255.255.255'],
  ['10.1.2.3/30', '10.1.2.0', '255.255.255.252', '10.1.2.3'],
  ['10.1.2.3/32', '10.1.2.3', '255.255.255.255', '10.1.2.3'],
  ['200.1.2.3/0', '0.0.0.0', '0.0.0.0', '255.255.255.255'],
] as const) {
  test(`${cidr} lies in ${network} with mask ${mask}`, (t) => {
    const parsed = parseCidr(cidr);
    t.is(parsed?.address, ip(cidr.split('/')[0] ?? ''));
    t.deepEqual(parsed?.subnet, {
      network: ip(network),
      prefix: Number(cidr.split('/')[1]),
      mask: ip(mask),
      broadcast: ip(broadcast),
    });
  });
}

for (const text of ['10.0.0.1', '10.0.0.1/', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/24/8', '10.0.0/24']) {
  test(`${text} is no address with a prefix length`, (t) => {
    t.is(parseCidr(text), undefined);
  });
}

test('a subnet contains its first and last address and nothing beside them', (t) => {
  const subnet = subnetOf(ip('192.168.1.77'), 26);
  const inside = ['192.168.1.64', '192.168.1.127'].map((text) => contains(subnet, ip(text)));
  const outside = ['192.168.1.63', '192.168.1.128', '10.0.0.1'].map((text) => contains(subnet, ip(text)));
  t.deepEqual(inside, [true, true]);
  t.deepEqual(outside, [false, false, false]);
});

test('a range is read with or without spaces and written without', (t) => {
  const range = parseRange('192.168.0.1 - 192.168.0.100');
  t.deepEqual(range, { first: ip('192.168.0.1'), last: ip('192.168.0.100') });
  t.is(range && formatRange(range), '192.168.0.1-192.168.0.100');
});

for (const text of ['192.168.0.1', '192.168.0.9-192.168.0.1', '1.1.1.1-2.2.2.2-3.3.3.3', '1.1.1.1-', '-']) {
  test(`${text} is no range`, (t) => {
    t.is(parseRange(text), undefined);
  });
}
