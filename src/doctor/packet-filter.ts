import { type Ipv4, LIMITED_BROADCAST, type Subnet } from '../net/ipv4.ts';

// Which packets a firewall lets in: chains of rules, as nftables and iptables both have them.

/** A packet that arrives. */
export interface ArrivingPacket {
  readonly interface: string;
  readonly protocol: 'udp' | 'tcp';
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of connection tracking: `established` for the answers to what we have sent. */
  readonly state: 'new' | 'established';
}

/** What a rule does with a packet that it matches; `continue` when it only counts or logs. */
export type Verdict =
  | { readonly type: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly type: 'jump' | 'goto'; readonly chain: string };

/** One condition: undefined when it can't be told, because it is of a kind that isn't known here. */
export type Match = (packet: ArrivingPacket) => boolean | undefined;

export interface FilterRule {
  /** All must hold. */
  readonly matches: readonly Match[];
  readonly verdict: Verdict;
  /** For people, as the firewall's own program prints it: `udp dport 69 drop`. */
  readonly text: string;
}

/** A chain that every arriving packet passes. */
export interface InputChain {
  /** For people, and to tell one from another: `inet filter input`. */
  readonly name: string;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly FilterRule[];
  /** The chains that its rules jump to, by name. */
  readonly chains: ReadonlyMap<string, readonly FilterRule[]>;
}

/**
 * What becomes of a packet; `unsure` when a rule that can't be read may decide otherwise. `rule` is the text of the rule
 * that drops it, or may; without one it's the chain's policy.
 */
export type Fate =
  | { readonly type: 'accept' }
  | { readonly type: 'drop' | 'unsure'; readonly chain: string; readonly rule?: string };

/** Chains below one another; the kernel's own limit. */
const MAX_DEPTH = 16;

/** What becomes of a packet that must pass all chains. */
export function decideFate(chains: readonly InputChain[], packet: ArrivingPacket): Fate {
  let fate: Fate = { type: 'accept' };
  for (const chain of chains) {
    const { end = { verdict: chain.policy }, perhaps } = walk(chain.rules, chain, packet, 0);
    // A rule that can't be read matters only where it would decide otherwise.
    const other = perhaps.find(({ verdict }) => verdict !== end.verdict);
    if (end.verdict === 'drop' && !other) return { type: 'drop', chain: chain.name, ...ruleOf(end) };
    if (other) fate = { type: 'unsure', chain: chain.name, ...ruleOf(other) };
  }
  return fate;
}

/** How a packet ends, and by which rule; without one by the policy. */
interface End {
  readonly verdict: 'accept' | 'drop';
  readonly rule?: string;
}

interface Walk {
  /** Undefined when the packet comes out at the end of the chain. */
  readonly end?: End;
  /** What rules that can't be read may have decided before. */
  readonly perhaps: readonly End[];
}

function walk(rules: readonly FilterRule[], chain: InputChain, packet: ArrivingPacket, depth: number): Walk {
  const perhaps: End[] = [];
  // One of each verdict says all.
  const remember = (...ends: readonly End[]) => {
    for (const end of ends) if (!perhaps.some(({ verdict }) => verdict === end.verdict)) perhaps.push(end);
  };
  for (const { matches, verdict, text: rule } of rules) {
    const held = matchAll(matches, packet);
    if (held === false || verdict.type === 'continue') continue;
    const unknown: readonly End[] = [
      { verdict: 'accept', rule },
      { verdict: 'drop', rule },
    ];
    if (verdict.type === 'accept' || verdict.type === 'drop') {
      const end = { verdict: verdict.type, rule };
      if (held) return { end, perhaps };
      remember(end);
      continue;
    }
    if (verdict.type === 'return') {
      if (held) return { perhaps };
      remember(...unknown);
      continue;
    }
    const below = 'chain' in verdict && depth < MAX_DEPTH ? chain.chains.get(verdict.chain) : undefined;
    if (!below) {
      remember(...unknown);
      continue;
    }
    const { end, perhaps: perhapsBelow } = walk(below, chain, packet, depth + 1);
    remember(...perhapsBelow);
    if (held && end) return { end, perhaps };
    if (held && verdict.type === 'goto') return { perhaps };
    // From a goto the packet may leave this chain as well, and then whatever calls it decides.
    if (!held) remember(...(end ? [end] : verdict.type === 'goto' ? unknown : []));
  }
  return { perhaps };
}

function ruleOf({ rule }: End): { rule?: string } {
  return rule === undefined ? {} : { rule };
}

/** False as soon as one condition doesn't hold, whatever the others are. */
function matchAll(matches: readonly Match[], packet: ArrivingPacket): boolean | undefined {
  const results = matches.map((match) => match(packet));
  if (results.includes(false)) return false;
  return results.includes(undefined) ? undefined : true;
}

/** True when an address lies in a subnet. */
export function isIn({ network, mask }: Subnet, address: Ipv4): boolean {
  return (address & mask) >>> 0 === network;
}

/** How a packet's destination looks to the kernel's routing, and to the card: machines send to us alone or to everybody. */
export function destinationType({ destination }: ArrivingPacket): 'local' | 'broadcast' {
  return destination === LIMITED_BROADCAST ? 'broadcast' : 'local';
}
