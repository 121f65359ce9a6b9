import test from 'ava';
import type { DhcpAnswer } from '../../src/dhcp/compose.ts';
import { answerFqdn } from '../../src/dhcp/fqdn.ts';
import type { DhcpNetwork } from '../../src/dhcp/network.ts';
import { encodeOption, OPTION } from '../../src/dhcp/options.ts';
import { decodePacket } from '../../src/dhcp/packet.ts';
import { DhcpResponder } from '../../src/dhcp/responder.ts';
import { parseCidr, parseRange, type Subnet } from '../../src/net/ipv4.ts';
import {
  address,
  decoded,
  ip,
  machine,
  type RequestFields,
  request,
  requestBytes,
  testNetwork,
  text,
} from '../support/dhcp.ts';
import { fastest } from '../support/fastest.ts';

const NOW = 1_700_000_000_000;

function ask(fields: RequestFields, network: Partial<DhcpNetwork> = {}, answer: DhcpAnswer = {}) {
  const responder = new DhcpResponder(testNetwork(network), { answer: () => answer }, []);
  const outcome = responder.handle(request(fields), false, NOW);
  if (outcome.type !== 'reply') throw new Error(`no reply: ${outcome.reason}`);
  const { options } = decoded(outcome.datagram.bytes);
  return {
    outcome,
    codes: [...options.keys()],
    bytes: outcome.datagram.bytes,
    option: (code: number) => Buffer.from(options.get(code) ?? []).toString('hex'),
  };
}

const list = (...codes: number[]) => [OPTION.parameterRequestList, Uint8Array.from(codes)] as const;
const discover = (...options: (readonly [number, Uint8Array])[]): RequestFields => ({
  type: 'discover',
  options,
});

test('options come in the order in which they are asked for', (t) => {
  const wanted = [OPTION.domainName, OPTION.ntpServers, OPTION.domainNameServer, OPTION.router];
  const network = { ntp: [ip('192.168.0.1')], options: new Map([[OPTION.rootPath, Uint8Array.of(65)]]) };
  const { codes } = ask(discover(list(...wanted)), network);
  t.deepEqual(
    codes.filter((code) => wanted.includes(code as 15)),
    wanted,
  );
  t.is(codes.at(-1), OPTION.rootPath, 'what is sent in any case comes last');
});

test('the subnet mask stands before the router, whatever the order asked for (RFC 2132 §3.3)', (t) => {
  const { codes } = ask(discover(list(OPTION.router, OPTION.domainName, OPTION.subnetMask)));
  t.true(codes.indexOf(OPTION.subnetMask) < codes.indexOf(OPTION.router));
});

test('what does not fit into the largest message of a client is what it wants least', (t) => {
  const search = Array.from({ length: 20 }, (_, n) => `rack-${n}.kubernetes.local`);
  const { codes, bytes } = ask(discover(list(OPTION.router, OPTION.domainSearch, OPTION.domainName)), {
    search,
  });
  t.true(codes.includes(OPTION.router) && codes.includes(OPTION.domainName));
  t.false(codes.includes(OPTION.domainSearch));
  t.true(bytes.length <= 576 - 28);
  const roomy = ask(
    discover([OPTION.maxMessageSize, Uint8Array.of(5, 220)], list(OPTION.domainSearch, OPTION.domainName)),
    { search },
  );
  t.true(roomy.codes.includes(OPTION.domainSearch));
  t.is(roomy.option(OPTION.domainSearch), Buffer.from(encodeOption('domain_list', search)).toString('hex'));
});

const TIMES: readonly [what: string, network: Partial<DhcpNetwork>, answer: DhcpAnswer, times: number[]][] = [
  ['half and seven eighths of the lease', {}, {}, [1800, 3150]],
  ['those of the subnet', { renewal: 300, rebinding: 900 }, {}, [300, 900]],
  ['one of them', { renewal: 300 }, {}, [300, 3150]],
  [
    'the usual fractions of a lease that is too short for them',
    { renewal: 300, rebinding: 900 },
    { lease: 120 },
    [60, 105],
  ],
];
for (const [what, network, answer, times] of TIMES) {
  test(`a machine renews and rebinds at ${what}`, (t) => {
    const { option } = ask(discover(), network, answer);
    t.deepEqual(
      [OPTION.renewalTime, OPTION.rebindingTime].map((code) => Number.parseInt(option(code), 16)),
      times,
    );
  });
}

test("a machine's own options go before the network's, asked for or not", (t) => {
  const answer = {
    options: new Map([
      [OPTION.domainName, Buffer.from('own')],
      [224, Uint8Array.of(7)],
    ]),
  };
  const { option } = ask(
    discover(list(OPTION.router)),
    { options: new Map([[224, Uint8Array.of(1)]]) },
    answer,
  );
  t.is(option(OPTION.domainName), Buffer.from('own').toString('hex'));
  t.is(option(224), '07');
});

test('a vendor gets its own options, unless the machine boots from the network', (t) => {
  const vendorOptions = [
    { matches: (name: string) => name.startsWith('Acme'), value: Uint8Array.of(1, 1, 9, 255) },
    { matches: () => true, value: Uint8Array.of(255) },
  ];
  const acme = discover(text(OPTION.vendorClass, 'Acme switch'));
  t.is(ask(acme, { vendorOptions }).option(OPTION.vendorSpecific), '010109ff');
  t.is(ask(discover(), { vendorOptions }).option(OPTION.vendorSpecific), '');
  const boot = {
    server: ip('192.168.0.254'),
    file: 'f',
    options: new Map([[43, Uint8Array.of(6, 1, 8, 255)]]),
  };
  t.is(ask(acme, { vendorOptions }, { boot }).option(OPTION.vendorSpecific), '060108ff');
});

const rapid = discover([OPTION.rapidCommit, new Uint8Array()]);

test('with rapid commit, a system that asks for it has its address at once (RFC 4039)', (t) => {
  const { outcome, codes } = ask(rapid, { rapidCommit: true });
  t.like(outcome, { request: 'DISCOVER', reply: 'ACK', change: { lease: { mac: machine(1) } } });
  t.true(codes.includes(OPTION.rapidCommit));
});

test('without rapid commit, or for a system that does not ask for it, it takes four messages', (t) => {
  for (const { outcome, codes } of [ask(rapid), ask(discover(), { rapidCommit: true })]) {
    t.is(outcome.reply, 'OFFER');
    t.false(codes.includes(OPTION.rapidCommit));
  }
});

test('an address that is to be looked at first is not given by rapid commit', (t) => {
  t.like(ask(rapid, { rapidCommit: true, conflictCheck: true }).outcome, {
    reply: 'OFFER',
    lookFirst: 'arp',
  });
});

const NAMES: readonly [what: string, sent: string, name: [string?, string?], answer: string | undefined][] = [
  [
    'in DNS labels, when it sent them',
    '040000 0161 00',
    ['worker-01', 'a.b'],
    '0cffff 09776f726b65722d3031 0161 0162 00',
  ],
  ['unended without a domain', '040000', ['worker-01'], '0cffff 09776f726b65722d3031'],
  ['as text, when it sent text', '000000 6162', ['worker-01', 'a.b'], '08ffff 776f726b65722d30312e612e62'],
  ['told that nobody updates the DNS for it', '050000 0161 00', ['w'], '0effff 0177'],
  ['its own, when we have none for it', '040000 0161 00', [], '0cffff 0161 00'],
  ['not at all, when its option is malformed', '0400', ['w'], undefined],
];
for (const [what, sent, [hostname, domain], answer] of NAMES) {
  test(`a client that sends its full name (option 81) gets its name: ${what}`, (t) => {
    const bytes = answerFqdn(Buffer.from(sent.replaceAll(' ', ''), 'hex'), hostname, domain);
    t.is(bytes && Buffer.from(bytes).toString('hex'), answer?.replaceAll(' ', ''));
  });
}

test('a client that sends no full name gets none', (t) => {
  const named = { hostname: 'worker-01' };
  t.false(ask(discover(list(OPTION.clientFqdn)), {}, named).codes.includes(OPTION.clientFqdn));
  const asking = discover([OPTION.clientFqdn, Uint8Array.of(0, 0, 0, 65)]);
  t.is(
    ask(asking, {}, named).option(OPTION.clientFqdn),
    `08ffff${Buffer.from('worker-01.kubernetes.local').toString('hex')}`,
  );
});

test('a value of more than 255 bytes is sent in pieces that make it whole again (RFC 3396)', (t) => {
  const routes = Array.from({ length: 40 }, (_, n) => ({
    destination: parseCidr(`10.${n}.0.0/24`)?.subnet as Subnet,
    router: ip('192.168.0.1'),
  }));
  const size = [OPTION.maxMessageSize, Uint8Array.of(5, 220)] as const;
  const { option } = ask(discover(size, list(OPTION.classlessStaticRoute)), { routes });
  t.is(
    option(OPTION.classlessStaticRoute),
    Buffer.from(encodeOption('classless_routes', routes)).toString('hex'),
  );
});

test('a datagram of nothing but pieces of one option is read in no time', (t) => {
  const pieces = Array.from({ length: 20_000 }, () => text(OPTION.hostName, 'a'));
  const bytes = requestBytes({ type: 'discover', options: pieces });
  t.true(fastest(() => decodePacket(bytes)) < 50);
  const packet = decodePacket(bytes);
  t.is(typeof packet === 'string' ? 0 : packet.options.get(OPTION.hostName)?.length, 20_000);
});

const ONE = parseRange('192.168.0.9-192.168.0.9');
const oneAddress = { ranges: ONE ? [ONE] : [], reservations: new Map() };

test('an offer is looked at first only when the machine did not have the address', (t) => {
  const plan = { ...oneAddress, reservations: new Map([[machine(2), ip('192.168.0.200')]]) };
  const lease = { address: ip('192.168.0.9'), mac: machine(1), expires: NOW - 1 };
  const lookFirst = (n: number, leases: (typeof lease)[], changes: Partial<DhcpNetwork> = {}) => {
    const network = testNetwork({ plan, conflictCheck: true, ...changes });
    const responder = new DhcpResponder(network, { answer: () => ({}) }, leases);
    const outcome = responder.handle(request({ ...discover(), chaddr: machine(n) }), false, NOW);
    return outcome.type === 'reply' ? outcome.lookFirst : outcome.reason;
  };
  t.is(lookFirst(1, []), 'arp', 'a new machine');
  t.is(lookFirst(1, [lease]), undefined, 'a machine that had it');
  t.is(lookFirst(3, [lease]), 'arp', 'another machine');
  t.is(lookFirst(2, []), undefined, 'a machine with a reservation');
  t.is(lookFirst(1, [], { conflictCheck: false }), undefined, 'switched off');
});

test('an address found in use is put aside for a while, and another offered', (t) => {
  const responder = new DhcpResponder(testNetwork({ plan: oneAddress }), { answer: () => ({}) }, []);
  const offered = () => responder.handle(request(discover()), false, NOW).type;
  t.is(offered(), 'reply');
  t.deepEqual(responder.conflict(ip('192.168.0.9'), NOW)?.lease, {
    address: ip('192.168.0.9'),
    mac: undefined,
    expires: NOW + 600_000,
  });
  t.is(offered(), 'silent');
});

test("a place's address goes to whatever machine is there, unless the one before is found there still", (t) => {
  const place = ip('192.168.0.200');
  const network = testNetwork({ plan: { ...oneAddress, places: new Set([place]) }, conflictCheck: true });
  const responder = new DhcpResponder(network, { answer: () => ({ place }) }, []);
  const say = (n: number, type: 'discover' | 'request', ...options: (readonly [number, Uint8Array])[]) =>
    responder.handle(request({ type, chaddr: machine(n), options }), false, NOW);
  const ours = address(OPTION.serverIdentifier, '192.168.0.254');
  const take = (n: number, wish: string) => say(n, 'request', ours, address(OPTION.requestedAddress, wish));
  t.like(say(1, 'discover'), { address: place });
  t.like(take(1, '192.168.0.200'), { reply: 'ACK' });

  t.like(say(2, 'discover'), { address: place, lookFirst: 'arp' });
  t.is(responder.conflict(place, NOW), undefined, 'nothing changes for the machine that has it');
  t.like(say(2, 'discover'), { address: ip('192.168.0.9') });
  t.like(take(2, '192.168.0.9'), { reply: 'ACK' });
  t.is(responder.links.holder(place, NOW), machine(1));

  t.like(say(1, 'discover'), { address: place });
});

test("a place's address goes to the next machine there when nobody answers at it", (t) => {
  const place = ip('192.168.0.200');
  const network = testNetwork({ plan: { ...oneAddress, places: new Set([place]) } });
  const lease = { address: place, mac: machine(1), expires: NOW + 1000 };
  const responder = new DhcpResponder(network, { answer: () => ({ place }) }, [lease]);
  const options = [
    address(OPTION.serverIdentifier, '192.168.0.254'),
    address(OPTION.requestedAddress, '192.168.0.200'),
  ];
  t.like(responder.handle(request({ ...discover(), chaddr: machine(2) }), false, NOW), { address: place });
  t.like(responder.handle(request({ type: 'request', chaddr: machine(2), options }), false, NOW), {
    reply: 'ACK',
  });
  t.is(responder.links.holder(place, NOW), machine(2));
  t.is(responder.links.leaseOf(machine(1)), undefined);
});
