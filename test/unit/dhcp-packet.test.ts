import test from 'ava';
import { OPTION } from '../../src/dhcp/options.ts';
import { type DhcpReply, decodePacket, encodeReply, type Malformed } from '../../src/dhcp/packet.ts';
import { formatIpv4, UNSPECIFIED } from '../../src/net/ipv4.ts';
import { decoded, ip, machine, request, requestBytes } from '../support/dhcp.ts';

const reply = (changes: Partial<DhcpReply> = {}): DhcpReply => ({
  request: request({ type: 'discover' }),
  ciaddr: UNSPECIFIED,
  yiaddr: ip('192.168.0.7'),
  siaddr: ip('192.168.0.254'),
  flags: 0,
  file: '',
  options: new Map(),
  maximumLength: 548,
  ...changes,
});

test('a request is read field by field', (t) => {
  const packet = request({
    chaddr: machine(7),
    xid: 0xdeadbeef,
    secs: 12,
    flags: 0x8000,
    ciaddr: '10.0.0.1',
    giaddr: '10.0.0.2',
    type: 'request',
  });
  t.is(packet.chaddr, machine(7));
  t.is(packet.xid, 0xdeadbeef);
  t.is(packet.secs, 12);
  t.is(packet.flags, 0x8000);
  t.is(formatIpv4(packet.ciaddr), '10.0.0.1');
  t.is(formatIpv4(packet.giaddr), '10.0.0.2');
  t.deepEqual([...(packet.options.get(OPTION.messageType) ?? [])], [3]);
});

const malformed: readonly [string, Uint8Array, Malformed][] = [
  ['an empty datagram', Buffer.alloc(0), 'short'],
  ['a header cut off', requestBytes().subarray(0, 235), 'short'],
  ['an unknown op', requestBytes({ op: 3 }), 'op'],
  ['a hardware type that is not Ethernet', requestBytes({ hardwareType: 32 }), 'hardware-type'],
  [
    'an option that runs past the end',
    Buffer.concat([requestBytes().subarray(0, 240), Buffer.of(12, 200, 65)]),
    'options',
  ],
  ['an option without a length', Buffer.concat([requestBytes().subarray(0, 240), Buffer.of(12)]), 'options'],
  ['a group address as sender', withChaddr('01005e000001'), 'chaddr'],
  ['no sender', withChaddr('000000000000'), 'chaddr'],
  [
    'relay agent information that is longer than one option',
    requestBytes({
      options: [200, 56].map((length) => [OPTION.relayAgentInformation, Buffer.alloc(length)]),
    }),
    'relay-information',
  ],
];

for (const [what, bytes, reason] of malformed) {
  test(`${what} is refused as "${reason}"`, (t) => t.is(decodePacket(bytes), reason));
}

function withChaddr(hex: string): Buffer {
  const bytes = requestBytes();
  bytes.set(Buffer.from(hex, 'hex'), 28);
  return bytes;
}

test('a BOOTP request without a magic cookie has no options', (t) => {
  const bytes = requestBytes().subarray(0, 240);
  bytes.writeUInt32BE(0, 236);
  t.is(decoded(bytes).options.size, 0);
});

test('options in several pieces are joined (RFC 3396)', (t) => {
  const packet = request({
    options: [
      [OPTION.userClass, Buffer.from('iP')],
      [OPTION.userClass, Buffer.from('XE')],
    ],
  });
  t.is(Buffer.from(packet.options.get(OPTION.userClass) ?? []).toString(), 'iPXE');
});

test('options overloaded into file and sname are read after the others (RFC 2131 §4.1)', (t) => {
  const bytes = requestBytes({ options: [[OPTION.overload, Uint8Array.of(3)]] });
  bytes.set([OPTION.hostName, 2, 0x68, 0x69, 255], 108);
  bytes.set([OPTION.vendorClass, 1, 0x76, 255], 44);
  const packet = decoded(bytes);
  t.is(Buffer.from(packet.options.get(OPTION.hostName) ?? []).toString(), 'hi');
  t.is(Buffer.from(packet.options.get(OPTION.vendorClass) ?? []).toString(), 'v');
  t.is(packet.file, '');
  t.is(packet.sname, '');
});

test('a reply is at least 300 bytes long, since old ROMs drop shorter ones', (t) => {
  t.is(encodeReply(reply()).length, 300);
});

test('a reply carries the addresses and the file in its header', (t) => {
  const packet = decoded(encodeReply(reply({ file: 'undionly.kpxe' })));
  t.is(packet.op, 2);
  t.is(formatIpv4(packet.yiaddr), '192.168.0.7');
  t.is(formatIpv4(packet.siaddr), '192.168.0.254');
  t.is(packet.file, 'undionly.kpxe');
  t.is(packet.chaddr, machine(1));
});

test('a file name that does not fit the header with its NUL is left out there', (t) => {
  t.is(decoded(encodeReply(reply({ file: 'x'.repeat(127) }))).file.length, 127);
  t.is(decoded(encodeReply(reply({ file: 'x'.repeat(128) }))).file, '');
});

test('a value over 255 bytes is split (RFC 3396)', (t) => {
  const value = Buffer.alloc(300, 7);
  const bytes = encodeReply(
    reply({ options: new Map([[OPTION.vendorSpecific, value]]), maximumLength: 1472 }),
  );
  t.deepEqual(decoded(bytes).options.get(OPTION.vendorSpecific), value);
});

test('what exceeds the client’s maximum length is left out, the rest stays', (t) => {
  const options = new Map([
    [OPTION.router, Buffer.alloc(4, 1)],
    [OPTION.vendorSpecific, Buffer.alloc(250)],
    [OPTION.rootPath, Buffer.alloc(200, 65)],
    [OPTION.domainNameServer, Buffer.alloc(4, 2)],
  ]);
  const bytes = encodeReply(reply({ options, maximumLength: 548 }));
  t.true(bytes.length <= 548);
  t.deepEqual(
    [...decoded(bytes).options.keys()],
    [OPTION.router, OPTION.vendorSpecific, OPTION.domainNameServer],
  );
});

test('relay agent information is copied verbatim and comes last (RFC 3046 §2.2)', (t) => {
  const information = Buffer.from('0106000400010203', 'hex');
  const asked = request({ giaddr: '192.168.0.253', options: [[OPTION.relayAgentInformation, information]] });
  const bytes = encodeReply(reply({ request: asked, options: new Map([[OPTION.router, Buffer.alloc(4)]]) }));
  const packet = decoded(bytes);
  t.deepEqual([...packet.options.keys()], [OPTION.router, OPTION.relayAgentInformation]);
  t.deepEqual(Buffer.from(packet.options.get(OPTION.relayAgentInformation) ?? []), information);
  t.is(formatIpv4(packet.giaddr), '192.168.0.253');
});

test('relay agent information leaves the client as much room as it has without', (t) => {
  const router = Buffer.alloc(4);
  const length = (options: readonly (readonly [number, Uint8Array])[]) => {
    const sent = new Map([
      [OPTION.router, router],
      [OPTION.rootPath, Buffer.alloc(250)],
    ]);
    return encodeReply(reply({ request: request({ options }), options: sent, maximumLength: 548 })).length;
  };
  t.is(length([[OPTION.relayAgentInformation, Buffer.alloc(255)]]) - length([]), 257);
});
