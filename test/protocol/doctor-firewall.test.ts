import test from 'ava';
import { namespaceFor } from '../support/netns.ts';
import { runChecked } from '../support/process.ts';

const JUDGE = new URL('../support/clients/judge-firewall.ts', import.meta.url).pathname;
const FINE = ['ok: it lets everything in that machines send'];

/** What ufw makes of "deny incoming" and the rules of an administrator. */
const ufw = (...allowed: readonly string[]) => `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-logging-deny - [0:0]
:ufw-user-input - [0:0]
:ufw-after-input - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min --limit-burst 10 -j RETURN
-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
${allowed.map((rule) => `-A ufw-user-input ${rule} -j ACCEPT`).join('\n')}
-A ufw-after-input -p udp --dport 67 -j ufw-skip-to-policy-input
-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
COMMIT
`;

/** What firewalld makes of two zones. */
const zones = (internal: string) => `table inet firewalld {
  chain mangle_PREROUTING {
    type filter hook prerouting priority -140
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT {
    type filter hook input priority 10
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    iifname "rack0" goto filter_IN_internal
    iifname "eth9" goto filter_IN_public
    reject with icmpx admin-prohibited
  }
  chain filter_IN_internal {
    ${internal}
    meta l4proto { icmp, ipv6-icmp } accept
    reject with icmpx admin-prohibited
  }
  chain filter_IN_public { reject with icmpx admin-prohibited; }
}
`;

interface Ruleset {
  /** What reads it from its standard input. */
  readonly program: readonly string[];
  readonly rules: string;
  /** What the doctor says of it, and nothing more. */
  readonly said: readonly string[];
}

/** With its path: npm puts another program of this name before it. */
const NFT = ['/usr/sbin/nft', '-f', '-'];
const IPTABLES = ['iptables-nft-restore'];
const LEGACY = ['iptables-legacy-restore'];
const OPEN = '*filter\n:INPUT ACCEPT [0:0]\n';

const RULESETS: Readonly<Record<string, Ruleset>> = {
  'nft drops DHCP and HTTP': {
    program: NFT,
    rules: `table inet filter {
      set bad { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 } }
      map zones { type ifname : verdict; elements = { "eth9" : drop } }
      chain input {
        type filter hook input priority 0; policy accept;
        ip saddr @bad counter accept
        iifname vmap @zones
        iifname "rack*" udp dport { 67, 546 } counter packets 5 bytes 9 drop comment "no DHCP here"
        tcp dport 1-1023 tcp dport != 443 reject with tcp reset
      }
    }`,
    said: [
      'fail: DHCP of machines without an address (UDP 67) is dropped by inet filter input: ' +
        'by the rule iifname "rack*" udp dport { 67, 546 } drop comment "no DHCP here"',
      'fail: DHCP (UDP 67) is dropped by inet filter input: ' +
        'by the rule iifname "rack*" udp dport { 67, 546 } drop comment "no DHCP here"',
      'fail: HTTP (TCP 80) is dropped by inet filter input: ' +
        'by the rule tcp dport 1-1023 tcp dport != 443 reject with tcp reset',
    ],
  },
  'firewalld with the services let in': {
    program: NFT,
    rules: zones('udp dport { 67, 69, 514, 4011 } accept; tcp dport { 80, 443 } accept'),
    said: FINE,
  },
  'firewalld without TFTP': {
    program: NFT,
    rules: zones(
      'udp dport { 67, 514, 4011 } ct state { new, untracked } accept; tcp dport { 80, 443 } accept',
    ),
    said: [
      'fail: TFTP (UDP 69) is dropped by inet firewalld filter_INPUT: by the rule reject with icmpx admin-prohibited',
    ],
  },
  'ufw with the interface let in': { program: IPTABLES, rules: ufw('-i rack0'), said: FINE },
  'ufw without TFTP and the boot server': {
    program: IPTABLES,
    rules: ufw('-p udp --dport 67', '-p udp --dport 514', '-p tcp -m multiport --dports 80,443'),
    said: [
      'fail: TFTP (UDP 69) is dropped by ip filter INPUT: no rule lets it in',
      'fail: PXE boot server (UDP 4011) is dropped by ip filter INPUT: no rule lets it in',
    ],
  },
  'iptables drops in its raw table': {
    program: IPTABLES,
    rules: `*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 4011 -j DROP\nCOMMIT\n${OPEN}COMMIT\n`,
    said: [
      'fail: PXE boot server (UDP 4011) is dropped by ip raw PREROUTING: ' +
        'by the rule -A PREROUTING -p udp -m udp --dport 4011 -j DROP',
    ],
  },
  'the older iptables drops TFTP': {
    program: LEGACY,
    rules: `${OPEN}-A INPUT -p udp -m multiport --dports 69,70 -m comment --comment "not here" -j REJECT\nCOMMIT\n`,
    said: [
      'fail: TFTP (UDP 69) is dropped by iptables-legacy filter INPUT: by the rule -A INPUT -p udp -m multiport ' +
        '--dports 69,70 -m comment --comment "not here" -j REJECT --reject-with icmp-port-unreachable',
    ],
  },
};

for (const [what, { program, rules, said }] of Object.entries(RULESETS)) {
  test(`${what}: the doctor says ${said === FINE ? 'that all is well' : 'by which rule'}`, async (t) => {
    const server = await namespaceFor(t);
    await runChecked(server.command(program), { input: rules });
    const judge = [process.execPath, '--import', 'tsx', JUDGE];
    const told = await runChecked(server.command(judge), { timeout: 60_000 });
    t.deepEqual(told.trimEnd().split('\n'), said);
  });
}
