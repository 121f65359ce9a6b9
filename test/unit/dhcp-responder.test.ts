import test from 'ava';
import type { DhcpAnswer } from '../../src/dhcp/compose.ts';
import type { DropReason, ReplyName, SilenceReason } from '../../src/dhcp/events.ts';
import type { Lease } from '../../src/dhcp/leases.ts';
import type { DhcpNetwork } from '../../src/dhcp/network.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { messageType } from '../../src/dhcp/packet.ts';
import { DhcpResponder } from '../../src/dhcp/responder.ts';
import { formatIpv4, parseCidr, type Subnet } from '../../src/net/ipv4.ts';
import {
  address,
  decoded,
  ip,
  machine,
  type RequestFields,
  request,
  SERVER,
  testNetwork,
  text,
} from '../support/dhcp.ts';

const NOW = 1_700_000_000_000;
const OURS = address(OPTION.serverIdentifier, '192.168.0.254');
const want = (wish: string) => address(OPTION.requestedAddress, wish);

interface Setup {
  readonly network?: Partial<DhcpNetwork>;
  readonly answer?: DhcpAnswer | undefined;
  readonly leases?: readonly Lease[];
}

/** A responder, and a function that puts one request to it and tells what came of it. */
function server({ network, answer = {}, leases = [] }: Setup = {}) {
  const responder = new DhcpResponder(testNetwork(network), { answer: () => answer }, leases);
  const ask = (fields: RequestFields, { unicast = false, now = NOW } = {}) => {
    const outcome = responder.handle(request(fields), unicast, now);
    if (outcome.type !== 'reply') return { outcome, reason: outcome.reason };
    const { datagram } = outcome;
    const packet = decoded(datagram.bytes);
    return {
      outcome,
      reply: outcome.reply,
      packet,
      option: (code: number) => Buffer.from(packet.options.get(code) ?? []),
      yiaddr: formatIpv4(packet.yiaddr),
      to: `${formatIpv4(datagram.address)}:${datagram.port}`,
    };
  };
  /** DISCOVER and SELECTING; gives the address. */
  const boot = (n = 1, now = NOW) => {
    const offer = ask({ type: 'discover', chaddr: machine(n) }, { now });
    ask({ type: 'request', chaddr: machine(n), options: [OURS, want(offer.yiaddr ?? '')] }, { now });
    return offer.yiaddr ?? '';
  };
  return { responder, ask, boot };
}

test('DISCOVER is answered with an OFFER that names us, the lease and its times', (t) => {
  const { ask } = server();
  const { reply, option, packet } = ask({ type: 'discover' });
  t.is(reply, 'OFFER');
  t.is(packet && messageType(packet), 2);
  t.is(option?.(OPTION.serverIdentifier).readUInt32BE(0), SERVER);
  t.is(option?.(OPTION.leaseTime).readUInt32BE(0), 3600);
  t.is(option?.(OPTION.renewalTime).readUInt32BE(0), 1800);
  t.is(option?.(OPTION.rebindingTime).readUInt32BE(0), 3150);
});

test('an OFFER changes no lease', (t) => {
  const { ask } = server();
  const { outcome } = ask({ type: 'discover' });
  t.false('change' in outcome);
});

test('SELECTING us gets an ACK for the offered address and a lease to be written down', (t) => {
  const { ask } = server();
  const offer = ask({ type: 'discover' });
  const ack = ask({ type: 'request', options: [OURS, want(offer.yiaddr ?? '')] });
  t.is(ack.reply, 'ACK');
  t.is(ack.yiaddr, offer.yiaddr);
  t.like(ack.outcome, {
    request: 'SELECTING',
    change: { lease: { mac: machine(1), expires: NOW + 3_600_000 }, renewal: false },
  });
});

test('SELECTING another server is met with silence, and the offered address is free again', (t) => {
  const { ask } = server({
    network: {
      plan: { ranges: [{ first: ip('192.168.0.9'), last: ip('192.168.0.9') }], reservations: new Map() },
    },
  });
  ask({ type: 'discover' });
  const other = address(OPTION.serverIdentifier, '192.168.0.253');
  const { outcome } = ask({ type: 'request', options: [other, want('192.168.0.9')] });
  t.like(outcome, { reason: 'other-server-chosen', server: ip('192.168.0.253') });
  t.is(ask({ type: 'discover', chaddr: machine(2) }).yiaddr, '192.168.0.9');
});

test('SELECTING an address that was offered before a restart is acknowledged if it is free', (t) => {
  const { ask } = server();
  t.is(ask({ type: 'request', options: [OURS, want('192.168.0.33')] }).yiaddr, '192.168.0.33');
});

test('SELECTING an address that another machine has gets a NAK', (t) => {
  const { ask, boot } = server();
  const taken = boot(1);
  const nak = ask({ type: 'request', chaddr: machine(2), options: [OURS, want(taken)] });
  t.is(nak.reply, 'NAK');
  t.is(nak.option?.(OPTION.message).toString(), `${taken} is not available to this machine`);
});

// RFC 2131 §4.3.2: who may have what, by state and by what we know.
const returning: readonly [
  what: string,
  fields: RequestFields,
  unicast: boolean,
  known: boolean,
  expected: ReplyName | SilenceReason,
][] = [
  ['INIT-REBOOT with the address on record', { options: [want('192.168.0.40')] }, false, true, 'ACK'],
  ['INIT-REBOOT with another address', { options: [want('192.168.0.41')] }, false, true, 'NAK'],
  ['INIT-REBOOT with an address of another network', { options: [want('10.0.0.5')] }, false, false, 'NAK'],
  ['INIT-REBOOT of a machine we do not know', { options: [want('192.168.0.41')] }, false, false, 'no-record'],
  ['RENEWING with the address on record', { ciaddr: '192.168.0.40' }, true, true, 'ACK'],
  [
    'RENEWING with another, free address, of a machine whose record was lost',
    { ciaddr: '192.168.0.41' },
    true,
    false,
    'ACK',
  ],
  ['RENEWING with an address of another network', { ciaddr: '10.0.0.5' }, true, false, 'NAK'],
  ['RENEWING with an address outside the ranges', { ciaddr: '192.168.0.200' }, true, false, 'NAK'],
  ['REBINDING with the address on record', { ciaddr: '192.168.0.40' }, false, true, 'ACK'],
  ['REBINDING with another address', { ciaddr: '192.168.0.41' }, false, true, 'NAK'],
  ['REBINDING of a machine we do not know', { ciaddr: '192.168.0.41' }, false, false, 'no-record'],
];

for (const [what, fields, unicast, known, expected] of returning) {
  test(`${what}: ${expected}`, (t) => {
    const lease: Lease = { address: ip('192.168.0.40'), mac: machine(1), expires: NOW + 1000 };
    const { ask } = server({ leases: known ? [lease] : [] });
    const { reply, reason } = ask({ type: 'request', ...fields }, { unicast });
    t.is(reply ?? reason, expected);
  });
}

test('a client that answers our OFFER without naming us, or even the address, gets what it was offered', (t) => {
  for (const named of [true, false]) {
    const { ask } = server();
    const { yiaddr = '' } = ask({ type: 'discover' });
    t.like(ask({ type: 'request', options: named ? [want(yiaddr)] : [] }), { reply: 'ACK', yiaddr });
  }
});

test('RENEWING an address that was reserved for another machine meanwhile gets a NAK', (t) => {
  const { ask, boot, responder } = server();
  const taken = boot(1);
  const { plan } = testNetwork();
  responder.reconfigure(testNetwork({ plan: { ...plan, reservations: new Map([[machine(2), ip(taken)]]) } }));
  t.is(ask({ type: 'request', ciaddr: taken }, { unicast: true }).reply, 'NAK');
});

test('a machine keeps its address through firmware, iPXE and OS with their different client identifiers', (t) => {
  const { ask } = server();
  const identifiers = ['00aabbcc', '01525400000001', 'ff00112233445566'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  const offers = identifiers.map((id) => ask({ type: 'discover', options: [[OPTION.clientIdentifier, id]] }));
  t.is(new Set(offers.map((offer) => offer.yiaddr)).size, 1);
  t.deepEqual(
    offers.map((offer) => offer.option?.(OPTION.clientIdentifier)),
    identifiers,
  );
});

test('a DECLINE puts the address aside for ten minutes', (t) => {
  const { ask, boot } = server();
  const taken = boot(1);
  const declined = ask({ type: 'decline', options: [OURS, want(taken)] });
  t.like(declined.outcome, {
    reason: 'no-reply-expected',
    change: { lease: { address: ip(taken), mac: undefined, expires: NOW + 600_000 } },
  });
  t.not(ask({ type: 'discover' }).yiaddr, taken);
});

test('a RELEASE ends the lease now', (t) => {
  const { ask, boot } = server();
  const taken = boot(1);
  t.like(ask({ type: 'release', ciaddr: taken, options: [OURS] }).outcome, {
    reason: 'no-reply-expected',
    change: { lease: { expires: NOW } },
  });
});

test('a RELEASE or DECLINE of what a machine does not have changes nothing', (t) => {
  const { ask, boot } = server();
  const taken = boot(1);
  for (const outcome of [
    ask({ type: 'release', chaddr: machine(2), ciaddr: taken }).outcome,
    ask({ type: 'decline', chaddr: machine(2), options: [want(taken)] }).outcome,
  ]) {
    t.like(outcome, { type: 'silent', reason: 'nothing-held' });
    t.false('change' in outcome);
  }
});

test('an INFORM is answered with options, but without an address or a lease', (t) => {
  const { ask } = server();
  const ack = ask({ type: 'inform', ciaddr: '192.168.0.77' });
  t.is(ack.reply, 'ACK');
  t.is(ack.yiaddr, '0.0.0.0');
  t.is(ack.to, '192.168.0.77:68');
  t.false(ack.packet?.options.has(OPTION.leaseTime));
  t.is(ack.option?.(OPTION.domainName).toString(), 'kubernetes.local');
});

test('a BOOTP request is dropped unless the configuration wants it answered', (t) => {
  t.is(server().ask({}).reason, 'not-served');
});

test('a BOOTP request is answered in 300 bytes, without DHCP options, for ever', (t) => {
  const boot = { server: SERVER, file: 'undionly.kpxe', options: new Map() };
  const { ask } = server({ network: { bootp: 'answer' }, answer: { boot, hostname: 'old' } });
  const { outcome, reply, packet } = ask({});
  t.is(reply, 'BOOTREPLY');
  t.is(packet?.file, 'undionly.kpxe');
  t.false(packet?.options.has(OPTION.messageType));
  t.true(packet?.options.has(OPTION.subnetMask));
  t.like(outcome, { change: { lease: { expires: Number.POSITIVE_INFINITY } } });
  t.is(outcome.type === 'reply' && outcome.datagram.bytes.length, 300);
});

test('a machine that is not served gets no reply', (t) => {
  const responder = new DhcpResponder(testNetwork(), { answer: () => undefined }, []);
  t.like(responder.handle(request({ type: 'discover' }), false, NOW), {
    type: 'silent',
    reason: 'not-served',
  });
});

test('a DISCOVER without an address left is met with silence and the reason', (t) => {
  const { ask } = server({ network: { plan: { ranges: [], reservations: new Map() } } });
  t.is(ask({ type: 'discover' }).reason, 'pool-exhausted');
});

const dropped: readonly [string, RequestFields, DropReason][] = [
  ['a reply', { op: 2, type: 'offer' }, 'not-a-request'],
  ['a message only servers send', { type: 'ack' }, 'message-type'],
  ['an INFORM without an address', { type: 'inform' }, 'message-type'],
  [
    'a request relayed from a network that is not ours',
    { type: 'discover', giaddr: '10.0.0.1' },
    'unknown-relay',
  ],
];

for (const [what, fields, reason] of dropped) {
  test(`${what} is dropped as "${reason}"`, (t) => t.is(server().ask(fields).reason, reason));
}

const destinations: readonly [string, RequestFields, boolean, string][] = [
  ['a client without an address: broadcast', { type: 'discover' }, false, '255.255.255.255:68'],
  [
    'a client that fills ciaddr wrongly in a DISCOVER: broadcast',
    { type: 'discover', ciaddr: '192.168.0.9' },
    false,
    '255.255.255.255:68',
  ],
  ['a RENEWING client: its address', { type: 'request', ciaddr: '192.168.0.9' }, true, '192.168.0.9:68'],
  ['a relay agent: its server port', { type: 'discover', giaddr: '192.168.0.253' }, true, '192.168.0.253:67'],
  [
    'a client with a wrong address: broadcast NAK',
    { type: 'request', ciaddr: '10.0.0.9' },
    true,
    '255.255.255.255:68',
  ],
];

for (const [what, fields, unicast, to] of destinations) {
  test(`a reply goes to ${what}`, (t) => t.is(server().ask(fields, { unicast }).to, to));
}

test('a NAK through a relay agent asks it to broadcast (RFC 2131 §4.3.2)', (t) => {
  const { packet, to } = server().ask({
    type: 'request',
    giaddr: '192.168.0.253',
    options: [want('10.0.0.9')],
  });
  t.is(packet?.flags, 0x8000);
  t.is(to, '192.168.0.253:67');
});

test('options come in the order the client asks for them, and only those', (t) => {
  const list: readonly [number, Uint8Array] = [OPTION.parameterRequestList, Uint8Array.of(15, 3, 42)];
  const { packet } = server().ask({ type: 'discover', options: [list] });
  t.deepEqual([...(packet?.options.keys() ?? [])], [53, 54, 51, 58, 59, 15, 3]);
});

test('a client that asks for nothing gets mask, router, DNS, domain, broadcast and its name', (t) => {
  const { packet, option } = server({ answer: { hostname: 'worker-01' } }).ask({ type: 'discover' });
  for (const code of [1, 3, 6, 15, 28]) t.true(packet?.options.has(code), `option ${code}`);
  t.is(option?.(OPTION.hostName).toString(), 'worker-01');
});

test('every configured network option reaches a client that asks for it', (t) => {
  const network = {
    ntp: [ip('192.168.0.1')],
    search: ['a.example', 'b.example'],
    routes: [{ destination: parseCidr('10.0.0.0/8')?.subnet as Subnet, router: ip('192.168.0.1') }],
  };
  const list: readonly [number, Uint8Array] = [
    OPTION.parameterRequestList,
    Uint8Array.of(1, 3, 6, 15, 28, 42, 119, 121),
  ];
  const { option } = server({ network }).ask({ type: 'discover', options: [list] });
  t.is(option?.(1).toString('hex'), 'ffffff00');
  t.is(option?.(28).toString('hex'), 'c0a800ff');
  t.is(option?.(42).toString('hex'), 'c0a80001');
  t.is(option?.(119).toString('latin1'), '\x01a\x07example\x00\x01b\x07example\x00');
  t.is(option?.(121).toString('hex'), '080ac0a80001');
});

test('an option set by number is sent without being asked for', (t) => {
  const options = new Map([[150, Uint8Array.of(1, 2, 3, 4)]]);
  const list: readonly [number, Uint8Array] = [OPTION.parameterRequestList, Uint8Array.of(1)];
  const { option } = server({ network: { options } }).ask({ type: 'discover', options: [list] });
  t.is(option?.(150).toString('hex'), '01020304');
});

test('the boot file is in the header and, NUL-terminated, in options 66 and 67', (t) => {
  const boot = {
    server: SERVER,
    file: 'snponly.efi',
    options: new Map([[OPTION.vendorClass, Buffer.from('PXEClient')]]),
  };
  const { packet, option } = server({ answer: { boot } }).ask({ type: 'discover' });
  t.is(packet?.file, 'snponly.efi');
  t.is(packet?.siaddr, SERVER);
  t.is(option?.(OPTION.bootFileName).toString('latin1'), 'snponly.efi\0');
  t.is(option?.(OPTION.tftpServerName).toString('latin1'), '192.168.0.254\0');
  t.is(option?.(OPTION.vendorClass).toString(), 'PXEClient');
});

test('the machine identifier of option 97 is echoed', (t) => {
  const uuid = Buffer.alloc(17, 9);
  t.deepEqual(
    server()
      .ask({ type: 'discover', options: [[OPTION.clientUuid, uuid]] })
      .option?.(OPTION.clientUuid),
    uuid,
  );
});

const sizes: readonly [string, Uint8Array | undefined, number][] = [
  ['no option 57', undefined, 548],
  ['a tiny option 57', Uint8Array.of(0, 64), 548],
  ['option 57 of 1472', Uint8Array.of(5, 0xc0), 1444],
  ['an absurd option 57', Uint8Array.of(255, 255), 1472],
];

for (const [what, value, most] of sizes) {
  test(`with ${what} a reply is at most ${most} bytes long`, (t) => {
    const options = new Map([...Array(20).keys()].map((n) => [200 + n, Buffer.alloc(100)] as const));
    const asked = value ? [[OPTION.maxMessageSize, value] as const] : [];
    const { outcome } = server({ network: { options } }).ask({ type: 'discover', options: asked });
    const length = outcome.type === 'reply' ? outcome.datagram.bytes.length : 0;
    t.true(length <= most && length > most - 102, `${length} bytes`);
  });
}

test('a lease that a machine is given for a shorter time is told to it', (t) => {
  const { option } = server({ answer: { lease: 60 } }).ask({
    type: 'discover',
    options: [text(OPTION.hostName, 'x')],
  });
  t.is(option?.(OPTION.leaseTime).readUInt32BE(0), 60);
});
