import test from 'ava';
import { answerBoot } from '../../src/boot/answer.ts';
import { recognise } from '../../src/boot/firmware.ts';
import type { PxeReply } from '../../src/boot/reply-style.ts';
import type { BootFile } from '../../src/dhcp/compose.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { BROADCAST_FLAG, type DhcpPacket, decodePacket } from '../../src/dhcp/packet.ts';
import { isAboutOwnLease, type ProxyPlace, ProxyResponder } from '../../src/dhcp/proxy.ts';
import { formatIpv4, UNSPECIFIED } from '../../src/net/ipv4.ts';
import { address, decoded, ip, machine, request, SERVER, text } from '../support/dhcp.ts';
import { allRecorded, mutate, recorded, seededRandom } from '../support/recorded.ts';

const OTHER = '192.168.0.9';
const PEER = { address: ip('192.168.0.30'), port: 68 };
const SCRIPT = 'http://192.168.0.254/boot.ipxe';

/** A proxy that decides as the service does, with every loader at hand. */
function proxy(pxeReply?: PxeReply, always: ReadonlyMap<number, Uint8Array> = new Map()) {
  return new ProxyResponder(
    { address: SERVER, options: always },
    {
      answer(client, place: ProxyPlace) {
        const booter = recognise(client);
        const boot =
          booter &&
          answerBoot(booter, client.vendorClass !== undefined, {
            server: SERVER,
            baseUrl: 'http://192.168.0.254',
            isAvailable: () => true,
            place,
            ...(pxeReply && { pxeReply }),
          });
        return typeof boot === 'object' ? { boot: boot as BootFile } : {};
      },
    },
  );
}

/** What a reply says, as far as a boot ROM looks at it. */
function shown(bytes: Uint8Array) {
  const reply = decoded(bytes);
  const { options } = reply;
  const latin = (code: number) => Buffer.from(options.get(code) ?? []).toString('latin1');
  return {
    type: options.get(OPTION.messageType)?.[0],
    yiaddr: formatIpv4(reply.yiaddr),
    siaddr: formatIpv4(reply.siaddr),
    file: reply.file,
    bootFileName: latin(OPTION.bootFileName),
    vendorClass: latin(OPTION.vendorClass),
    vendor: Buffer.from(options.get(OPTION.vendorSpecific) ?? []).toString('hex'),
    server: Buffer.from(options.get(OPTION.serverIdentifier) ?? []).toString('hex'),
    hasLease: options.has(OPTION.leaseTime) || options.has(OPTION.subnetMask),
  };
}

function offerTo(packet: DhcpPacket, responder = proxy()) {
  const outcome = responder.handle(packet, false);
  if (outcome.type !== 'reply') throw new Error(JSON.stringify(outcome));
  return { outcome, offer: shown(outcome.datagram.bytes) };
}

const pxe = (arch: number, more: readonly (readonly [number, Uint8Array])[] = []) =>
  request({
    type: 'discover',
    options: [
      text(OPTION.vendorClass, `PXEClient:Arch:${String(arch).padStart(5, '0')}:UNDI:003001`),
      [OPTION.clientArchitecture, Uint8Array.of(arch >> 8, arch & 0xff)],
      ...more,
    ],
  });

const DISCOVERS: Readonly<Record<string, DhcpPacket | undefined>> = {
  'a BIOS ROM': pxe(0),
  'UEFI x64 (a recorded OVMF)': recorded('ovmf-pxe').map(decoded)[0],
  'UEFI IA32': pxe(6),
  'UEFI x64, code 9': pxe(9),
  'UEFI arm64': pxe(11),
  'UEFI HTTP Boot (a recorded OVMF)': recorded('ovmf-http').map(decoded)[0],
  'iPXE as a ROM (recorded)': recorded('ipxe-rom-bios').map(decoded)[0],
  'iPXE as snponly.efi (recorded)': recorded('ipxe-snponly').map(decoded)[0],
  'an iPXE without HTTP': pxe(0, [text(OPTION.userClass, 'iPXE'), [175, Uint8Array.of(0x18, 1, 1)]]),
};

const offers: readonly [who: string, file: string, vendorClass: string, vendor: string][] = [
  ['a BIOS ROM', 'undionly.kpxe', 'PXEClient', '060108ff'],
  ['UEFI x64 (a recorded OVMF)', 'snponly.efi', 'PXEClient', ''],
  ['UEFI IA32', 'snponly-i386.efi', 'PXEClient', ''],
  ['UEFI x64, code 9', 'snponly.efi', 'PXEClient', ''],
  ['UEFI arm64', 'snponly-arm64.efi', 'PXEClient', ''],
  ['UEFI HTTP Boot (a recorded OVMF)', 'http://192.168.0.254/firmware/snponly.efi', 'HTTPClient', ''],
  ['iPXE as a ROM (recorded)', SCRIPT, 'PXEClient', ''],
  ['iPXE as snponly.efi (recorded)', SCRIPT, 'PXEClient', ''],
  ['an iPXE without HTTP', 'undionly.kpxe', 'PXEClient', '060108ff'],
];

for (const [who, file, vendorClass, vendor] of offers) {
  test(`a proxy offers ${who} ${file} without an address, option 43 ${vendor || 'left out'}`, (t) => {
    const packet = DISCOVERS[who];
    if (!packet) return t.fail();
    const { outcome, offer } = offerTo(packet);
    t.like(outcome, { request: 'DISCOVER', reply: 'OFFER', address: 0 });
    t.like(outcome.datagram, { address: ip('255.255.255.255'), port: 68 });
    t.deepEqual(offer, {
      type: 2,
      yiaddr: '0.0.0.0',
      siaddr: '192.168.0.254',
      file,
      bootFileName: `${file}\0`,
      vendorClass,
      vendor,
      server: 'c0a800fe',
      hasLease: false,
    });
    const reply = decoded(outcome.datagram.bytes);
    t.deepEqual(reply.options.get(OPTION.clientUuid), packet.options.get(OPTION.clientUuid));
    t.is(reply.xid, packet.xid);
    t.false(reply.options.has(OPTION.ipxeEncapsulated), 'iPXE is not told that no proxy will come');
  });
}

const atBootServer: readonly [who: string, asked: string, file: string, vendor: string][] = [
  ['UEFI x64, code 9', '', 'snponly.efi', ''],
  ['UEFI x64, code 9', '4704000000' + '00', 'snponly.efi', '470400000000ff'],
  ['UEFI arm64', '470400010000', 'snponly-arm64.efi', '470400010000ff'],
  ['a BIOS ROM', '', 'undionly.kpxe', '060108ff'],
  ['a BIOS ROM', '0001ff470400000000', 'undionly.kpxe', '060108ff'],
  ['a BIOS ROM', '0a0200504704800f0000ff', 'undionly.kpxe', '4704800f0000060108ff'],
];

for (const [who, asked, file, vendor] of atBootServer) {
  test(`the boot server tells ${who}, which asks for ${asked || 'nothing'} in option 43, of ${file}`, (t) => {
    const discover = DISCOVERS[who];
    if (!discover) return t.fail();
    const options = new Map(discover.options);
    if (asked) options.set(OPTION.vendorSpecific, Buffer.from(asked, 'hex'));
    options.set(OPTION.messageType, Uint8Array.of(3));
    const outcome = proxy().bootServer({ ...discover, ciaddr: PEER.address, options }, PEER);
    if (outcome.type !== 'reply') return t.fail(JSON.stringify(outcome));
    t.like(outcome, { request: 'BOOT-SERVER', reply: 'ACK', address: PEER.address });
    t.like(outcome.datagram, PEER);
    t.like(shown(outcome.datagram.bytes), {
      type: 5,
      yiaddr: '192.168.0.30',
      siaddr: '192.168.0.254',
      file,
      vendorClass: 'PXEClient',
      vendor,
    });
    t.is(decoded(outcome.datagram.bytes).ciaddr, UNSPECIFIED);
  });
}

test('a recorded OVMF is answered where it asked from, port 4011, with the options it needs', (t) => {
  const [packet] = recorded('ovmf-boot-server').map(decoded);
  if (!packet) return t.fail();
  const peer = { address: packet.ciaddr, port: 4011 };
  const outcome = proxy().bootServer(packet, peer);
  if (outcome.type !== 'reply') return t.fail(JSON.stringify(outcome));
  t.like(outcome.datagram, peer);
  t.like(shown(outcome.datagram.bytes), {
    type: 5,
    yiaddr: '192.168.0.185',
    siaddr: '192.168.0.254',
    file: 'snponly.efi',
    vendorClass: 'PXEClient',
    vendor: '',
  });
});

test('a boot server has no credentials for firmware that wants them (BIS)', (t) => {
  const packet = pxe(0, [[OPTION.vendorSpecific, Uint8Array.of(71, 4, 0, 0, 0x80, 0)]]);
  packet.options.get(OPTION.messageType)?.set([3]);
  t.like(proxy().bootServer(packet, PEER), { type: 'silent', reason: 'not-served' });
});

test('a boot server answers REQUEST and INFORM, nothing else', (t) => {
  for (const [type, expected] of [
    ['request', 'reply'],
    ['inform', 'reply'],
    ['discover', 'dropped'],
    ['release', 'dropped'],
    [undefined, 'dropped'],
  ] as const) {
    const packet = request({
      ...(type && { type }),
      ciaddr: '192.168.0.30',
      options: [text(OPTION.vendorClass, 'PXEClient:Arch:00007:UNDI:003001')],
    });
    t.is(proxy().bootServer(packet, PEER).type, expected, type);
  }
});

test('a proxy leaves all that is about addresses to the other server, and says what it heard', (t) => {
  const cases: readonly [DhcpPacket, object][] = [
    [
      request({ type: 'request', options: [address(50, '192.168.0.30'), address(54, OTHER)] }),
      { request: 'SELECTING', server: ip(OTHER), address: ip('192.168.0.30') },
    ],
    [
      request({ type: 'request', options: [address(50, '192.168.0.31')] }),
      { request: 'INIT-REBOOT', address: ip('192.168.0.31') },
    ],
    [
      request({ type: 'request', ciaddr: '192.168.0.32' }),
      { request: 'REBINDING', address: ip('192.168.0.32') },
    ],
    [request({ type: 'inform', ciaddr: '192.168.0.33' }), { request: 'INFORM', address: ip('192.168.0.33') }],
    [request({ type: 'discover' }), { request: 'DISCOVER' }],
    [request({}), { request: 'BOOTP' }],
    [request({ type: 'decline', options: [address(50, '192.168.0.30')] }), { request: 'DECLINE' }],
  ];
  for (const [packet, heard] of cases) {
    t.like(proxy().handle(packet, false), { type: 'silent', reason: 'address-not-ours', ...heard });
  }
});

test('a machine’s own reply style wins: plain, with option 43, or by port 4011', (t) => {
  const uefi = pxe(7);
  t.like(offerTo(uefi, proxy('option_43')).offer, { vendorClass: 'PXEClient', vendor: '060108ff' });
  t.like(offerTo(uefi, proxy('plain')).offer, { vendorClass: '', vendor: '', file: 'snponly.efi' });
  t.like(offerTo(pxe(0), proxy('port_4011')).offer, { vendorClass: 'PXEClient', vendor: '' });
  const http = DISCOVERS['UEFI HTTP Boot (a recorded OVMF)'];
  if (http) t.like(offerTo(http, proxy('option_43')).offer, { vendorClass: 'HTTPClient', vendor: '' });
  const ipxe = recorded('ipxe-rom-bios').map(decoded)[0];
  if (ipxe) t.like(offerTo(ipxe, proxy('plain')).offer, { vendorClass: 'PXEClient', file: SCRIPT });
});

test('an offer through a relay goes back to it, to be broadcast: there is no address to send it to', (t) => {
  for (const flags of [0, BROADCAST_FLAG]) {
    const { outcome } = offerTo({ ...pxe(7), giaddr: ip('10.0.0.1'), flags });
    t.like(outcome.datagram, { address: ip('10.0.0.1'), port: 67 });
    t.like(decoded(outcome.datagram.bytes), { giaddr: ip('10.0.0.1'), flags: BROADCAST_FLAG });
  }
});

test('options of the network go along, but for 43 and 60, which say how an offer is meant', (t) => {
  const always = new Map([
    [7, Uint8Array.of(192, 168, 0, 254)],
    [43, Uint8Array.of(1, 0, 255)],
    [60, Buffer.from('other')],
  ]);
  const { outcome, offer } = offerTo(pxe(7), proxy(undefined, always));
  t.like(offer, { vendorClass: 'PXEClient', vendor: '' });
  t.deepEqual([...(decoded(outcome.datagram.bytes).options.get(7) ?? [])], [192, 168, 0, 254]);
});

test('a lease that was given before can be renewed and returned by the machine that has it', (t) => {
  const holder = () => machine(1);
  const renewing = request({ type: 'request', ciaddr: '192.168.0.5' });
  t.true(isAboutOwnLease(renewing, true, holder));
  t.true(isAboutOwnLease(request({ type: 'release', ciaddr: '192.168.0.5' }), true, holder));
  t.false(isAboutOwnLease(renewing, false, holder), 'REBINDING asks anybody');
  t.false(isAboutOwnLease(renewing, true, () => machine(2)));
  t.false(isAboutOwnLease(renewing, true, () => undefined));
  t.false(isAboutOwnLease(request({ type: 'discover' }), true, holder));
});

test('no damaged packet throws, or makes a proxy give an address', (t) => {
  const random = seededRandom(20261122);
  const responder = proxy();
  const packets = allRecorded();
  let replies = 0;
  for (let n = 0; n < 20_000; n += 1) {
    const packet = decodePacket(mutate(packets[n % packets.length] ?? Buffer.alloc(0), random));
    if (typeof packet === 'string') continue;
    const onPort67 = random() < 0.5;
    const outcome = onPort67 ? responder.handle(packet, random() < 0.5) : responder.bootServer(packet, PEER);
    if (outcome.type !== 'reply') continue;
    replies += 1;
    const reply = decoded(outcome.datagram.bytes);
    if (reply.yiaddr !== (onPort67 ? 0 : packet.ciaddr) || outcome.datagram.bytes.length > 1472) t.fail();
  }
  t.true(replies > 1000, `${replies} were still good enough for a reply`);
});
