import test from 'ava';
import fc from 'fast-check';
import {
  decodeOption,
  describeOption,
  encodeDomainList,
  encodeOption,
  encodeRoutes,
  NAMED_OPTIONS,
  OPTION,
  type OptionType,
} from '../../src/dhcp/options.ts';
import { type Ipv4, parseCidr, parseIpv4 } from '../../src/net/ipv4.ts';

const ip = (text: string) => parseIpv4(text) as Ipv4;
const subnet = (text: string) => {
  const cidr = parseCidr(text);
  if (!cidr) throw new Error(`${text} is not a subnet`);
  return cidr.subnet;
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const VALUES: readonly [type: OptionType, value: unknown, wire: string][] = [
  ['ipv4', ip('192.168.0.254'), 'c0a800fe'],
  ['ipv4_list', [ip('10.0.0.1'), ip('10.0.0.2')], '0a0000010a000002'],
  ['uint8', 255, 'ff'],
  ['uint16', 1500, '05dc'],
  ['uint32', 4294967295, 'ffffffff'],
  ['int32', -3600, 'fffff1f0'],
  ['boolean', true, '01'],
  ['boolean', false, '00'],
  ['string', 'Zürich', '5ac3bc72696368'],
  ['domain_list', ['eng.example', 'a.b'], '03656e67076578616d706c6500' + '0161016200'],
  [
    'classless_routes',
    [
      { destination: subnet('0.0.0.0/0'), router: ip('10.0.0.1') },
      { destination: subnet('10.17.0.0/16'), router: ip('10.0.0.2') },
      { destination: subnet('10.27.129.0/25'), router: ip('10.0.0.3') },
      { destination: subnet('10.198.122.47/32'), router: ip('10.0.0.4') },
    ],
    '000a000001' + '100a110a000002' + '190a1b81000a000003' + '200ac67a2f0a000004',
  ],
  ['hex', 'deadbeef', 'deadbeef'],
];

for (const [type, value, wire] of VALUES) {
  test(`${type} ${JSON.stringify(value).slice(0, 40)} is ${wire} on the wire, and back`, (t) => {
    t.is(hex(encodeOption(type, value as never)), wire);
    t.deepEqual(decodeOption(type, bytes(wire)) as unknown, value);
  });
}

const MALFORMED: readonly [type: OptionType, wire: string, why: string][] = [
  ['ipv4', '0a0000', 'three bytes'],
  ['ipv4_list', '', 'no address'],
  ['ipv4_list', '0a00000100', 'five bytes'],
  ['uint16', '00', 'one byte'],
  ['boolean', '02', 'neither 0 nor 1'],
  ['string', 'ff', 'not UTF-8'],
  ['domain_list', '', 'nothing'],
  ['domain_list', '00', 'an empty name'],
  ['domain_list', '0361', 'a label cut short'],
  ['domain_list', '016101', 'a name without an end'],
  ['domain_list', '0161c000', 'a pointer to itself'],
  ['domain_list', 'c000', 'a pointer to its own place'],
  ['domain_list', '016100c005', 'a pointer forward'],
  ['domain_list', '0161c0', 'half a pointer'],
  ['domain_list', '01612e', 'bytes after the label that are none'],
  ['classless_routes', '210a0000010a000001', 'a prefix of 33 bits'],
  ['classless_routes', '180a00', 'a route cut short'],
];

for (const [type, wire, why] of MALFORMED) {
  test(`${why} is not read as ${type}`, (t) => {
    t.is(decodeOption(type, bytes(wire)), undefined);
  });
}

test('compressed domain names are read (RFC 3397 §2, RFC 1035 §4.1.4)', (t) => {
  // eng.apple.com, then marketing followed by a pointer to apple.com
  const wire = bytes('03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004');
  t.deepEqual(decodeOption('domain_list', wire), ['eng.apple.com', 'marketing.apple.com']);
});

test('a text is read without the NULs that end it', (t) => {
  t.is(decodeOption('string', bytes('61620000')), 'ab');
});

test('host bits beyond the prefix of a route never reach the wire', (t) => {
  const route = {
    destination: { ...subnet('10.0.0.0/8'), network: ip('10.255.255.255') },
    router: ip('10.0.0.1'),
  };
  t.is(hex(encodeRoutes([route])), '080a0a000001');
});

test('a domain may end in a dot', (t) => {
  t.is(hex(encodeDomainList(['a.b.'])), '0161016200');
});

for (const [what, encode] of [
  ['an empty list of addresses', () => encodeOption('ipv4_list', [])],
  ['256 in one byte', () => encodeOption('uint8', 256)],
  ['a fraction', () => encodeOption('uint16', 1.5)],
  ['a negative count', () => encodeOption('uint32', -1)],
  ['2³¹ in a signed option', () => encodeOption('int32', 2 ** 31)],
  ['an odd number of digits', () => encodeOption('hex', 'abc')],
  ['colons at odd places', () => encodeOption('hex', 'ab:c:de')],
  ['no domain', () => encodeDomainList([])],
  ['an empty label', () => encodeDomainList(['a..b'])],
  ['a label of 64 characters', () => encodeDomainList(['a'.repeat(64)])],
  ['a name of more than 255 bytes', () => encodeDomainList([Array(50).fill('label').join('.')])],
  ['a domain beyond ASCII', () => encodeDomainList(['zürich.ch'])],
  ['no route', () => encodeRoutes([])],
] as const) {
  test(`${what} has no encoding`, (t) => {
    t.throws(encode, { instanceOf: RangeError });
  });
}

test('no bytes make a decoder throw, and what it reads encodes to something that reads the same', (t) => {
  const types = [...new Set(VALUES.map(([type]) => type))];
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 }), (type, wire) => {
      const value = decodeOption(type, wire);
      if (value === undefined) return;
      const again = decodeOption(type, encodeOption(type, value as never));
      t.deepEqual(again, value);
    }),
    { numRuns: 2000 },
  );
});

test('options have the codes of the registry', (t) => {
  t.like(OPTION, {
    pad: 0,
    subnetMask: 1,
    ntpServers: 42,
    messageType: 53,
    clientUuid: 97,
    domainSearch: 119,
    end: 255,
  });
});

test('names in configuration files are snake_case, in the plural where several servers fit', (t) => {
  t.deepEqual(NAMED_OPTIONS.get('log_servers'), { code: 7, type: 'ipv4_list' });
  t.deepEqual(NAMED_OPTIONS.get('tftp_server_name'), { code: 66, type: 'string' });
  t.deepEqual(NAMED_OPTIONS.get('default_ip_ttl'), { code: 23, type: 'uint8' });
  t.false(NAMED_OPTIONS.has('pad'));
});

test('a message names an option by its name and code', (t) => {
  t.is(describeOption(OPTION.domainSearch), 'domain_search (119)');
  t.is(describeOption(224), 'option 224');
});
