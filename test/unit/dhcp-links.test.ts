import test from 'ava';
import type { DhcpLink, DhcpNetwork, DhcpSubnet } from '../../src/dhcp/network.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { wantsSourcePort } from '../../src/dhcp/relay.ts';
import { DhcpResponder } from '../../src/dhcp/responder.ts';
import { formatIpv4, parseCidr, parseRange, type Subnet } from '../../src/net/ipv4.ts';
import { address, decoded, ip, machine, type RequestFields, request, testNetwork } from '../support/dhcp.ts';

const NOW = 1_700_000_000_000;
const OURS = address(OPTION.serverIdentifier, '192.168.0.254');
const want = (wish: string) => address(OPTION.requestedAddress, wish);
const bytes = (text: string) => [...Buffer.from(text, 'latin1')];
const quad = (text: string) => text.split('.').map(Number);

/** Option 82 of the sub-options given. */
const relayInformation = (...subOptions: readonly (readonly [code: number, value: readonly number[]])[]) =>
  [
    OPTION.relayAgentInformation,
    Uint8Array.from(subOptions.flatMap(([code, value]) => [code, value.length, ...value])),
  ] as const;

function subnet(cidr: string, changes: Partial<DhcpSubnet> = {}): DhcpSubnet {
  return { ...testNetwork(), subnet: parseCidr(cidr)?.subnet as Subnet, ...changes };
}

function link(range: string, subnets: readonly DhcpSubnet[], relays: readonly string[] = []): DhcpLink {
  const ranges = range.split(' ').flatMap((text) => parseRange(text) ?? []);
  return { subnets, plan: { ranges, reservations: new Map() }, relays: relays.map(ip) };
}

const RELAYED: Partial<DhcpNetwork> = {
  relayed: [
    link('10.1.0.10-10.1.0.10 10.1.1.10-10.1.1.10', [
      subnet('10.1.0.0/24', { router: ip('10.1.0.1') }),
      subnet('10.1.1.0/24', { router: ip('10.1.1.1'), lease: 600 }),
    ]),
    link('10.2.0.10-10.2.0.99', [subnet('10.2.0.0/24')], ['10.255.0.1', '10.2.0.1']),
    link('10.3.0.10-10.3.0.99', [subnet('10.3.0.0/24')], ['10.255.0.1']),
    link('10.4.0.10-10.4.0.99', [subnet('10.4.0.0/24')], ['10.255.0.4']),
  ],
};

function server(network: Partial<DhcpNetwork> = RELAYED) {
  const responder = new DhcpResponder(testNetwork(network), { answer: () => ({}) }, []);
  const ask = (fields: RequestFields, { unicast = false } = {}) => {
    const outcome = responder.handle(request(fields), unicast, NOW);
    if (outcome.type !== 'reply') return { outcome, reason: outcome.reason };
    const packet = decoded(outcome.datagram.bytes);
    return {
      outcome,
      packet,
      reply: outcome.reply,
      yiaddr: formatIpv4(packet.yiaddr),
      option: (code: number) => Buffer.from(packet.options.get(code) ?? []).toString('hex'),
      to: `${formatIpv4(outcome.datagram.address)}:${outcome.datagram.port}`,
    };
  };
  return { responder, ask };
}

const select = (text: string) => relayInformation([5, quad(text)]);
const LINKS: readonly [what: string, fields: RequestFields, expected: RegExp | string][] = [
  ['without a relay agent: our own wire', {}, /^192\.168\.0\./],
  ['by the address of its relay agent', { giaddr: '10.1.0.1' }, /^10\.1\.0\./],
  ['by a relay agent in the second subnet of a wire', { giaddr: '10.1.1.1' }, /^10\.1\.[01]\./],
  ['by a relay agent that is named for it', { giaddr: '10.255.0.4' }, /^10\.4\./],
  ['by the one of several that has the relay agent in its subnet', { giaddr: '10.2.0.1' }, /^10\.2\./],
  [
    'by a relay agent of two wires that selects one',
    { giaddr: '10.255.0.1', options: [select('10.3.0.0')] },
    /^10\.3\./,
  ],
  ['not by a relay agent of two wires that selects none', { giaddr: '10.255.0.1' }, 'unknown-relay'],
  ['not by a relay agent we do not know', { giaddr: '10.9.0.1' }, 'unknown-relay'],
  [
    'not by a relay agent that is not of the wire it selects',
    { giaddr: '10.9.0.1', options: [select('10.4.0.0')] },
    'unknown-relay',
  ],
  [
    'by any relay agent that selects a wire open to all',
    { giaddr: '10.9.0.1', options: [select('10.1.0.0')] },
    /^10\.1\./,
  ],
  ['by its own subnet selection', { options: [address(OPTION.subnetSelection, '10.4.0.0')] }, /^10\.4\./],
  [
    'not by a subnet selection that is none of ours',
    { options: [address(OPTION.subnetSelection, '10.9.0.0')] },
    'unknown-relay',
  ],
  [
    'by the relay agent rather than by itself (RFC 3527)',
    { giaddr: '10.255.0.1', options: [address(OPTION.subnetSelection, '10.2.0.0'), select('10.3.0.0')] },
    /^10\.3\./,
  ],
  [
    'not by a link selection that no relay agent can have added',
    { options: [select('10.3.0.0')] },
    /^192\.168\.0\./,
  ],
];

for (const [what, fields, expected] of LINKS) {
  test(`a client's wire is found ${what}`, (t) => {
    const { yiaddr, reason } = server().ask({ type: 'discover', ...fields });
    if (typeof expected === 'string') t.is(String(reason), expected);
    else t.regex(yiaddr ?? String(reason), expected);
  });
}

test('a relayed reply goes to port 67 of the relay agent, with its option 82 verbatim and last', (t) => {
  const information = relayInformation([1, bytes('port 12')], [2, bytes('switch 3')], [9, [1, 2, 3]]);
  const { to, packet, outcome } = server().ask({
    type: 'discover',
    giaddr: '10.1.0.1',
    options: [information],
  });
  t.is(to, '10.1.0.1:67');
  t.is(packet?.giaddr, ip('10.1.0.1'));
  t.deepEqual([...(packet?.options.keys() ?? [])].at(-1), OPTION.relayAgentInformation);
  t.deepEqual(Buffer.from(packet?.options.get(82) ?? []), Buffer.from(information[1]));
  t.like(outcome, {
    client: { relay: ip('10.1.0.1'), attachment: { circuit: 'port 12', remote: 'switch 3' } },
  });
});

for (const [what, fields, expected] of [
  ['says so', { giaddr: '10.1.0.1', options: [relayInformation([19, []])] }, true],
  ['says so among others', { giaddr: '10.1.0.1', options: [relayInformation([1, [19, 0]], [19, []])] }, true],
  ['says nothing', { giaddr: '10.1.0.1' }, false],
  ['has 19 in another value', { giaddr: '10.1.0.1', options: [relayInformation([1, [19, 0]])] }, false],
  ['is no relay agent, but a client', { options: [relayInformation([19, []])] }, false],
] as const) {
  test(`a relay agent that ${what} is ${expected ? '' : 'not '}answered at the port it sent from (RFC 8357)`, (t) => {
    t.is(wantsSourcePort(request({ type: 'discover', ...fields })), expected);
  });
}

test('an address comes with the mask, the router and the lease of its own subnet', (t) => {
  const { ask } = server();
  const answers = [1, 2].map((n) => ask({ type: 'discover', chaddr: machine(n), giaddr: '10.1.0.1' }));
  const bySubnet = new Map(answers.map(({ yiaddr, option }) => [yiaddr, option]));
  for (const [yiaddr, router, lease] of [
    ['10.1.0.10', '0a010001', '00000e10'],
    ['10.1.1.10', '0a010101', '00000258'],
  ] as const) {
    const option = bySubnet.get(yiaddr);
    t.is(option?.(OPTION.router), router);
    t.is(option?.(OPTION.subnetMask), 'ffffff00');
    t.is(option?.(OPTION.leaseTime), lease);
  }
});

test('subnets that share our own wire share one pool', (t) => {
  const shared = [subnet('192.168.1.0/24')];
  const { plan } = link('192.168.0.1-192.168.0.1 192.168.1.1-192.168.1.1', shared);
  const { ask } = server({ plan, shared });
  const given = [1, 2, 3].map((n) => ask({ type: 'discover', chaddr: machine(n) }).yiaddr);
  t.deepEqual(new Set(given), new Set(['192.168.0.1', '192.168.1.1', undefined]));
});

test('the subnet that a client selected comes back to it (RFC 3011)', (t) => {
  const { option } = server().ask({
    type: 'discover',
    options: [address(OPTION.subnetSelection, '10.4.0.0')],
  });
  t.is(option?.(OPTION.subnetSelection), '0a040000');
});

test('a relay agent can put its own address in place of ours (RFC 5107)', (t) => {
  const { ask } = server();
  const override = relayInformation([11, quad('10.1.0.1')]);
  const relayed = { chaddr: machine(1), giaddr: '10.1.0.1', options: [override] };
  const offer = ask({ type: 'discover', ...relayed });
  t.is(offer.option?.(OPTION.serverIdentifier), '0a010001');
  const selecting = [override, want(offer.yiaddr ?? ''), address(OPTION.serverIdentifier, '10.1.0.1')];
  t.is(ask({ type: 'request', ...relayed, options: selecting }).reply, 'ACK');
  const other = [override, want(offer.yiaddr ?? ''), address(OPTION.serverIdentifier, '10.1.0.9')];
  t.is(ask({ type: 'request', ...relayed, options: other }).reason, 'other-server-chosen');
});

test('a relay agent says that the renewal it passes on was sent to it by unicast (RFC 5010)', (t) => {
  for (const [flags, expected] of [
    [0x80, 'RENEWING'],
    [0, 'REBINDING'],
  ] as const) {
    const { outcome } = server().ask({
      type: 'request',
      ciaddr: '10.1.0.10',
      giaddr: '10.1.0.1',
      options: [relayInformation([10, [flags]])],
    });
    t.like(outcome, { request: expected });
  }
});

test('a renewal reaches us past the relay agent, and is answered to the machine itself', (t) => {
  const { ask } = server();
  const offer = ask({ type: 'discover', giaddr: '10.4.0.1', options: [select('10.4.0.0')] });
  t.is(offer.reason, 'unknown-relay');
  const good = { giaddr: '10.255.0.4' };
  const { yiaddr = '' } = ask({ type: 'discover', ...good });
  ask({ type: 'request', ...good, options: [OURS, want(yiaddr)] });
  const renewal = ask({ type: 'request', ciaddr: yiaddr }, { unicast: true });
  t.is(renewal.reply, 'ACK');
  t.is(renewal.to, `${yiaddr}:68`);
});

test('a machine that moves to another wire is refused its old address there and leaves it', (t) => {
  const { ask, responder } = server();
  const { yiaddr: before = '' } = ask({ type: 'discover' });
  ask({ type: 'request', options: [OURS, want(before)] });
  const there = { giaddr: '10.255.0.4' };
  t.is(ask({ type: 'request', ...there, options: [want(before)] }).reply, 'NAK');
  const { yiaddr: after = '' } = ask({ type: 'discover', ...there });
  const ack = ask({ type: 'request', ...there, options: [OURS, want(after)] });
  t.like(ack.outcome, { change: { lease: { address: ip(after) }, left: ip(before) } });
  t.is(responder.links.leaseOf(machine(1))?.address, ip(after));
  t.deepEqual([...responder.links.leases()].length, 1);
});

test('leases of a wire are known again when it comes back into the configuration', (t) => {
  const { ask, responder } = server();
  const { yiaddr = '' } = ask({ type: 'discover', giaddr: '10.255.0.4' });
  ask({ type: 'request', giaddr: '10.255.0.4', options: [OURS, want(yiaddr)] });
  responder.reconfigure(testNetwork());
  t.is(ask({ type: 'discover', giaddr: '10.255.0.4' }).reason, 'unknown-relay');
  responder.reconfigure(testNetwork(RELAYED));
  t.is(responder.links.holder(ip(yiaddr), NOW), machine(1));
});

test('leases of a wire stay known when another of its subnets is named first', (t) => {
  const { ask, responder } = server();
  const { yiaddr = '' } = ask({ type: 'discover', giaddr: '10.1.0.1' });
  ask({ type: 'request', giaddr: '10.1.0.1', options: [OURS, want(yiaddr)] });
  const [wire, ...others] = RELAYED.relayed ?? [];
  const relayed = wire ? [{ ...wire, subnets: wire.subnets.toReversed() }, ...others] : [];
  responder.reconfigure(testNetwork({ relayed }));
  t.is(responder.links.holder(ip(yiaddr), NOW), machine(1));
});

test('leases on record are taken up by the wire they lie on, and others left alone', (t) => {
  const lease = (text: string, n: number) => ({ address: ip(text), mac: machine(n), expires: NOW + 1000 });
  const responder = new DhcpResponder(testNetwork(RELAYED), { answer: () => ({}) }, [
    lease('10.4.0.20', 1),
    lease('172.16.0.1', 2),
    lease('192.168.0.5', 3),
  ]);
  t.deepEqual([...responder.links.leases()].map(({ mac }) => mac).sort(), [machine(1), machine(3)]);
});

test('the address of a place is given on its own wire only, though the relay agents of others name the place alike', (t) => {
  const place = ip('192.168.0.200');
  const { plan } = testNetwork();
  const network = testNetwork({ ...RELAYED, plan: { ...plan, places: new Set([place]) } });
  const responder = new DhcpResponder(network, { answer: () => ({ place }) }, []);
  const offered = (fields: RequestFields) => {
    const outcome = responder.handle(request({ type: 'discover', ...fields }), false, NOW);
    return outcome.type === 'reply' ? formatIpv4(outcome.address) : outcome.reason;
  };
  t.regex(offered({ giaddr: '10.2.0.1' }), /^10\.2\.0\./);
  t.is(offered({ chaddr: machine(2) }), '192.168.0.200');
});

test('a reply with the longest relay agent information still fits into an Ethernet frame', (t) => {
  const network = { ...RELAYED, options: new Map([[224, Buffer.alloc(1_300)]]) };
  const fields = { type: 'discover', giaddr: '10.2.0.1' } as const;
  const roomy = [OPTION.maxMessageSize, Uint8Array.of(0xff, 0xff)] as const;
  const longest = [OPTION.relayAgentInformation, Buffer.alloc(255)] as const;
  const { outcome, packet } = server(network).ask({ ...fields, options: [roomy, longest] });
  t.true(outcome.type === 'reply' && outcome.datagram.bytes.length <= 1_472);
  t.true(packet?.options.has(OPTION.leaseTime));
});
