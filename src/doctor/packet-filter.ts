import type { Ipv4, Subnet } from '../net/ipv4.ts';

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
}

/** A chain that every arriving packet passes. */
export interface InputChain {
  /** For people: `inet filter input`. */
  readonly name: string;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly FilterRule[];
  /** The chains that its rules jump to, by name. */
  readonly chains: ReadonlyMap<string, readonly FilterRule[]>;
}

/** What becomes of a packet; `unsure` when a rule that can't be read may decide otherwise. */
export type Fate =
  | { readonly type: 'accept' }
  | { readonly type: 'drop'; readonly chain: string }
  | { readonly type: 'unsure'; readonly chain: string };

/** Chains below one another; the kernel's own limit. */
const MAX_DEPTH = 16;

/** What becomes of a packet that must pass all chains. */
export function decideFate(chains: readonly InputChain[], packet: ArrivingPacket): Fate {
  let fate: Fate = { type: 'accept' };
  for (const chain of chains) {
    const { end = chain.policy, perhaps } = walk(chain.rules, chain, packet, 0);
    // A rule that can't be read matters only where it would decide otherwise.
    const isSure = !perhaps.has(end === 'accept' ? 'drop' : 'accept');
    if (end === 'drop' && isSure) return { type: 'drop', chain: chain.name };
    if (!isSure) fate = { type: 'unsure', chain: chain.name };
  }
  return fate;
}

type End = 'accept' | 'drop';

interface Walk {
  /** Undefined when the packet comes out at the end of the chain. */
  readonly end?: End;
  /** What rules that can't be read may have decided before. */
  readonly perhaps: ReadonlySet<End>;
}

function walk(rules: readonly FilterRule[], chain: InputChain, packet: ArrivingPacket, depth: number): Walk {
  const perhaps = new Set<End>();
  for (const { matches, verdict } of rules) {
    const held = matchAll(matches, packet);
    if (held === false || verdict.type === 'continue') continue;
    const isEnd = verdict.type === 'accept' || verdict.type === 'drop';
    const below = 'chain' in verdict && depth < MAX_DEPTH ? chain.chains.get(verdict.chain) : undefined;
    if (held === undefined || (!below && 'chain' in verdict)) {
      for (const end of isEnd ? [verdict.type] : (['accept', 'drop'] as const)) perhaps.add(end);
      continue;
    }
    if (isEnd) return { end: verdict.type, perhaps };
    if (!below) return { perhaps };
    const result = walk(below, chain, packet, depth + 1);
    for (const end of result.perhaps) perhaps.add(end);
    if (result.end !== undefined) return { end: result.end, perhaps };
    if (verdict.type === 'goto') return { perhaps };
  }
  return { perhaps };
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
