import test from 'ava';
import { checkFirewall } from '../../src/doctor/firewall.ts';
import { readIptables } from '../../src/doctor/iptables.ts';
import { mirrorPorts } from '../../src/doctor/mirror.ts';
import { readNft } from '../../src/doctor/nft.ts';
import type { InputChain } from '../../src/doctor/packet-filter.ts';
import { parseRange } from '../../src/net/ipv4.ts';
import { NETWORK } from '../support/provisioning.ts';

const range = parseRange('192.168.0.1-192.168.0.100');
const network = { ...NETWORK, dhcp: { ...NETWORK.dhcp, ranges: range ? [range] : [] } };

/** What is said about the firewall: `fail: DHCP … is dropped by …`. */
const judge = (chains: readonly InputChain[]) =>
  checkFirewall({ chains }, network).map(({ level, found }) => `${level}: ${found}`);

const FINE = ['ok: it lets everything in that machines send'];

/** A ruleset as `nft -j list ruleset` prints it: an input chain and, by name, others of its table. */
function nft(policy: string, rules: readonly (readonly object[])[], others: Record<string, object[][]> = {}) {
  const place = { family: 'inet', table: 'filter' };
  const chain = (name: string, facts: object = {}) => ({ chain: { ...place, name, ...facts } });
  const rule = (name: string) => (expr: readonly object[], index: number) => ({
    rule: { ...place, chain: name, handle: index + 1, expr },
  });
  return readNft(
    JSON.stringify({
      nftables: [
        { metainfo: { version: '1.0.6' } },
        { table: { family: 'inet', name: 'filter' } },
        chain('input', { type: 'filter', hook: 'input', prio: 0, policy }),
        ...Object.keys(others).map((name) => chain(name)),
        ...rules.map(rule('input')),
        ...Object.entries(others).flatMap(([name, own]) => own.map(rule(name))),
      ],
    }),
  );
}

const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const dport = (right: unknown, protocol = 'udp') => match({ payload: { protocol, field: 'dport' } }, right);
const iifname = (name: unknown, op?: string) => match({ meta: { key: 'iifname' } }, name, op);
const established = match({ ct: { key: 'state' } }, ['established', 'related'], 'in');
const accept = { accept: null };
const drop = { drop: null };
const counter = { counter: { packets: 1, bytes: 2 } };

const NFT: readonly [what: string, chains: readonly InputChain[], said: readonly (string | RegExp)[]][] = [
  ['nothing is filtered', [], FINE],
  ['everything is let in', nft('accept', []), FINE],
  ['our interface is trusted', nft('drop', [[iifname('eth1'), counter, accept]]), FINE],
  ['all but another interface is let in', nft('accept', [[iifname('eth1', '!='), drop]]), FINE],
  ['interfaces are named by their beginning', nft('drop', [[iifname('eth*'), accept]]), FINE],
  [
    'each port is named',
    nft('drop', [
      [established, accept],
      [dport({ set: [67, 69, 514, { range: [4000, 4100] }] }), accept],
      [dport({ set: [80, 443] }, 'tcp'), accept],
    ]),
    FINE,
  ],
  [
    'TFTP is forgotten',
    nft('drop', [
      [established, accept],
      [dport({ set: [67, 514, 4011] }), accept],
      [dport({ range: [80, 443] }, 'tcp'), accept],
    ]),
    ['fail: TFTP (UDP 69) is dropped by inet filter input: no rule lets it in'],
  ],
  [
    'only what comes from the subnet is let in',
    nft('drop', [
      [
        match({ payload: { protocol: 'ip', field: 'saddr' } }, { prefix: { addr: '192.168.0.0', len: 24 } }),
        accept,
      ],
    ]),
    [
      'fail: DHCP of machines without an address (UDP 67) is dropped by inet filter input: no rule lets it in',
    ],
  ],
  [
    'answers to us are not let in',
    nft('accept', [[established, drop]]),
    [/^fail: TFTP from the second packet on/],
  ],
  [
    'another chain decides',
    nft('drop', [[iifname('eth1'), { jump: { target: 'rack' } }]], { rack: [[dport(69), drop], [accept]] }),
    ['fail: TFTP (UDP 69) is dropped by inet filter input: by the rule handle 1 in inet filter rack'],
  ],
  [
    'a rule that cannot be read may drop',
    nft('accept', [[{ xt: { type: 'match', name: 'string' } }, drop]]),
    [/^warn: .* may drop DHCP of/, ...Array.from({ length: 7 }, () => /^warn: /)],
  ],
  ['a rule that cannot be read may only accept', nft('accept', [[dport('@trusted'), accept]]), FINE],
  [
    'a map of verdicts decides',
    nft(
      'drop',
      [
        [
          {
            vmap: {
              key: { ct: { key: 'state' } },
              data: {
                set: [
                  ['invalid', drop],
                  ['established', accept],
                ],
              },
            },
          },
        ],
        [
          {
            vmap: {
              key: { meta: { key: 'iifname' } },
              data: {
                set: [
                  ['lo', accept],
                  ['eth1', { jump: { target: 'rack' } }],
                ],
              },
            },
          },
        ],
      ],
      { rack: [[dport(514), drop], [accept]] },
    ),
    ['fail: syslog (UDP 514) is dropped by inet filter input: by the rule handle 1 in inet filter rack'],
  ],
  [
    'a named map of verdicts cannot be read',
    nft('accept', [[dport(69), { vmap: { key: { meta: { key: 'iifname' } }, data: '@zones' } }]]),
    [/^warn: inet filter input may drop TFTP/],
  ],
  [
    'what goes to nobody here is dropped',
    nft('accept', [
      [match({ fib: { result: 'type', flags: ['daddr'] } }, { set: ['local', 'broadcast'] }, '!='), drop],
    ]),
    FINE,
  ],
  [
    'broadcasts are dropped',
    nft('accept', [[match({ meta: { key: 'pkttype' } }, 'broadcast'), drop]]),
    [
      'fail: DHCP of machines without an address (UDP 67) is dropped by inet filter input: ' +
        'by the rule handle 1 in inet filter input',
    ],
  ],
  [
    'a rule that cannot be read jumps to where nothing is decided',
    nft('accept', [[{ limit: { rate: 3 } }, { jump: { target: 'log' } }]], { log: [[{ log: null }]] }),
    FINE,
  ],
  [
    'another program decides',
    nft('accept', [[dport(69), { queue: { num: 1 } }]]),
    [/^warn: inet filter input may drop TFTP \(UDP 69\): that hangs on .*: handle 1 in/],
  ],
  ['IPv6 is dropped', nft('accept', [[match({ meta: { key: 'nfproto' } }, 'ipv6'), drop]]), FINE],
];

for (const [what, chains, said] of NFT) {
  test(`nftables: ${what}`, (t) => {
    const found = judge(chains);
    t.is(found.length, said.length, found.join('\n'));
    for (const [index, line] of said.entries()) {
      if (typeof line === 'string') t.is(found[index], line);
      else t.regex(found[index] ?? '', line);
    }
  });
}

test('a drop in any of several chains counts', (t) => {
  const both = [...nft('accept', []), ...nft('drop', [])];
  t.true(judge(both).every((line) => line.startsWith('fail: ')));
});

const iptables = (...lines: string[]) =>
  readIptables(['*nat', ':INPUT ACCEPT [0:0]', 'COMMIT', '*filter', ...lines, 'COMMIT', ''].join('\n'));

const IPTABLES: readonly [what: string, chains: readonly InputChain[], said: readonly string[]][] = [
  ['no filter table', readIptables('*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n'), FINE],
  ['policy ACCEPT', iptables(':INPUT ACCEPT [0:0]'), FINE],
  [
    'ports and interface',
    iptables(
      ':INPUT DROP [12:3456]',
      ':LOGGING - [0:0]',
      '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A INPUT ! -i eth1 -j DROP',
      '-A INPUT -p udp -m multiport --dports 67:69,514,4011 -m comment --comment "network boot" -j ACCEPT',
      '-A INPUT -s 192.168.0.0/24 -p tcp -m tcp --dport 80 -j ACCEPT',
      '-A INPUT -j LOGGING',
      '-A LOGGING -j LOG --log-prefix "dropped: "',
      '-A LOGGING -j REJECT --reject-with icmp-port-unreachable',
    ),
    [
      'fail: HTTPS (TCP 443) is dropped by ip filter INPUT: ' +
        'by the rule -A LOGGING -j REJECT --reject-with icmp-port-unreachable',
    ],
  ],
  [
    'an extension that cannot be read',
    iptables(':INPUT ACCEPT [0:0]', '-A INPUT -p tcp -m recent --rcheck --name bad -j DROP'),
    ['HTTP (TCP 80)', 'HTTPS (TCP 443)'].map(
      (what) =>
        `warn: ip filter INPUT may drop ${what}: that hangs on a rule that can't be read here: ` +
        '-A INPUT -p tcp -m recent --rcheck --name bad -j DROP',
    ),
  ],
];

test('iptables: new connections that do not begin with SYN, and what is logged or marked, are no matter', (t) => {
  const chains = iptables(
    ':INPUT ACCEPT [0:0]',
    '-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP',
    '-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN -j DROP',
    '-A INPUT -m addrtype ! --dst-type LOCAL,BROADCAST -j DROP',
    '-A INPUT -m pkttype --pkt-type multicast -j DROP',
    '-A INPUT -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
  );
  t.deepEqual(judge(chains), FINE);
});

test('iptables: a packet passes the tables before the filter too', (t) => {
  const raw = [
    '*raw',
    ':PREROUTING ACCEPT [0:0]',
    '-A PREROUTING -p udp -m udp --dport 69 -j DROP',
    'COMMIT',
  ];
  t.deepEqual(judge(readIptables(raw.join('\n'))), [
    'fail: TFTP (UDP 69) is dropped by ip raw PREROUTING: ' +
      'by the rule -A PREROUTING -p udp -m udp --dport 69 -j DROP',
  ]);
});

test('TFTP from one port needs no rule for answers', (t) => {
  const onePort = { ...network, tftp: { ...network.tftp, singlePort: true } };
  const chains = nft('drop', [
    [dport({ set: [67, 69, 514, 4011] }), accept],
    [dport({ set: [80, 443] }, 'tcp'), accept],
  ]);
  t.regex(judge(chains).join(), /^fail: TFTP from the second packet on/);
  t.is(checkFirewall({ chains }, onePort)[0]?.level, 'ok');
});

test('a mirror of registries has ports of its own, on its network only', (t) => {
  const mirror = {
    network: network.name,
    registries: [{ name: 'quay.io', port: 5001, url: '' }],
    size: 0,
    directory: '',
  };
  const ports = mirrorPorts(mirror, network);
  const chains = nft('accept', [[dport(5001, 'tcp'), drop]]);
  t.deepEqual(judge(chains), FINE);
  t.regex(
    checkFirewall({ chains }, network, ports)[0]?.found ?? '',
    /^mirror of quay\.io \(TCP 5001\) is dropped by/,
  );
  t.deepEqual(mirrorPorts(mirror, { ...network, name: 'other' }), []);
});

for (const [what, chains, said] of IPTABLES) {
  test(`iptables: ${what}`, (t) => {
    t.deepEqual(judge(chains), said);
  });
}

test('what is dropped comes with the rule that lets it in', (t) => {
  const [finding] = checkFirewall({ chains: nft('accept', [[dport(69), drop]]) }, network);
  t.is(finding?.advice, 'let it in: iifname eth1 udp dport 69 accept');
});

test('a firewall that cannot be read is no reason to fail', (t) => {
  const firewall = { unreadable: 'neither nft nor iptables-save is installed', advice: 'install nftables' };
  t.deepEqual(
    checkFirewall(firewall, network).map(({ level, advice }) => [level, advice]),
    [['warn', 'install nftables']],
  );
});
