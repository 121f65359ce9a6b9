import { type Ipv4, parseIpv4, subnetOf } from '../net/ipv4.ts';
import type { ArrivingPacket, FilterRule, InputChain, Match, Verdict } from './packet-filter.ts';
import { isIn } from './packet-filter.ts';

// What `nft -j list ruleset` prints (libnftables-json(5)).

type Json = Readonly<Record<string, unknown>>;

/** Tables that see IPv4 packets on their way into this host. */
const FAMILIES: ReadonlySet<unknown> = new Set(['ip', 'inet']);
/** Statements that decide nothing. */
const QUIET: ReadonlySet<string> = new Set(['counter', 'log', 'mangle', 'notrack', 'meter', 'set', 'quota']);
const UNKNOWN: Match = () => undefined;
/** A jump to where nobody knows. */
const UNREADABLE: Verdict = { type: 'jump', chain: '' };

/** The chains that packets to this host pass. Throws when `text` isn't JSON. */
export function readNft(text: string): InputChain[] {
  const items = list(record(JSON.parse(text)).nftables).map(record);
  const rules = new Map<string, FilterRule[]>();
  for (const { family, table, chain, expr } of items.flatMap((item) =>
    'rule' in item ? [record(item.rule)] : [],
  )) {
    const key = `${family} ${table} ${chain}`;
    rules.set(key, [...(rules.get(key) ?? []), ...readRules(list(expr).map(record))]);
  }
  const chains = items.flatMap((item) => ('chain' in item ? [record(item.chain)] : []));
  return chains
    .filter(({ family, type, hook }) => FAMILIES.has(family) && type === 'filter' && hook === 'input')
    .map(({ family, table, name, policy }) => {
      const prefix = `${family} ${table} `;
      const own = chains.filter((chain) => chain.family === family && chain.table === table);
      return {
        name: `${prefix}${name}`,
        policy: policy === 'drop' ? 'drop' : 'accept',
        rules: rules.get(`${prefix}${name}`) ?? [],
        chains: new Map(own.map((chain) => [String(chain.name), rules.get(`${prefix}${chain.name}`) ?? []])),
      };
    });
}

/** A rule is more than one here when a verdict map is in it: one for each of its elements. */
function readRules(statements: readonly Json[]): FilterRule[] {
  const matches: Match[] = [];
  let verdict: Verdict = { type: 'continue' };
  for (const statement of statements) {
    const [kind = ''] = Object.keys(statement);
    const found = readVerdict(statement);
    if (found) verdict = found;
    else if (kind === 'match') matches.push(readMatch(record(statement.match)));
    else if (kind === 'vmap') return readVerdictMap(record(statement.vmap), matches);
    else if (!QUIET.has(kind)) matches.push(UNKNOWN);
    // An extension of iptables: it may be a target as well, which decides anything.
    if (kind === 'xt') verdict = UNREADABLE;
  }
  return [{ matches, verdict }];
}

function readVerdictMap({ key, data }: Json, matches: readonly Match[]): FilterRule[] {
  const { set } = record(data);
  if (!Array.isArray(set)) return [{ matches: [...matches, UNKNOWN], verdict: UNREADABLE }];
  return set.map(list).map(([element, verdict]) => ({
    matches: [...matches, readMatch({ op: '==', left: key, right: element })],
    verdict: readVerdict(record(verdict)) ?? UNREADABLE,
  }));
}

function readVerdict(statement: Json): Verdict | undefined {
  const [kind = ''] = Object.keys(statement);
  switch (kind) {
    case 'accept':
    case 'return':
    case 'continue':
      return { type: kind };
    case 'drop':
    case 'reject':
      return { type: 'drop' };
    case 'jump':
    case 'goto':
      return { type: kind, chain: String(record(statement[kind]).target) };
    default:
      return undefined;
  }
}

function readMatch({ op, left, right }: Json): Match {
  const field = readField(record(left));
  if (!field || (op !== '==' && op !== '!=' && op !== 'in')) return UNKNOWN;
  return (packet) => {
    const value = field(packet);
    if (value === undefined) return false;
    const held = holds(value, right);
    return op === '!=' && held !== undefined ? !held : held;
  };
}

type Value = string | number;
/** What a packet has in a field; undefined when it has no such field. */
type Field = (packet: ArrivingPacket) => Value | undefined;

function readField(left: Json): Field | undefined {
  const { key } = record(left.meta ?? left.ct);
  if ('meta' in left) {
    if (key === 'iifname' || key === 'iif') return (packet) => packet.interface;
    if (key === 'l4proto') return ({ protocol }) => protocol;
    if (key === 'nfproto') return () => 'ipv4';
    return undefined;
  }
  if ('ct' in left) return key === 'state' ? ({ state }) => state : undefined;
  const { protocol, field } = record(left.payload);
  const ofPort = (port: number, packet: ArrivingPacket) =>
    protocol === 'th' || protocol === packet.protocol ? port : undefined;
  if (field === 'dport') return (packet) => ofPort(packet.destinationPort, packet);
  if (field === 'sport') return (packet) => ofPort(packet.sourcePort, packet);
  if (protocol === 'ip' && field === 'saddr') return ({ source }) => source;
  if (protocol === 'ip' && field === 'daddr') return ({ destination }) => destination;
  if (protocol === 'ip' && field === 'protocol') return (packet) => packet.protocol;
  // Fields of other protocols: a datagram of IPv4 and UDP doesn't have them.
  return ['ip6', 'icmp', 'icmpv6', 'sctp', 'arp'].includes(String(protocol)) ? () => undefined : undefined;
}

/** Whether a value is what the right side of a match says; undefined for a named set and the like. */
function holds(value: Value, right: unknown): boolean | undefined {
  if (Array.isArray(right)) return any(right.map((item) => holds(value, item)));
  if (typeof right === 'number') return value === right;
  if (typeof right === 'string') {
    if (right.startsWith('@')) return undefined;
    if (typeof value === 'number') return value === parseIpv4(right);
    return right.endsWith('*') ? value.startsWith(right.slice(0, -1)) : value === right;
  }
  const { set, range, prefix } = record(right);
  if (set !== undefined) return any(list(set).map((item) => holds(value, item)));
  if (range !== undefined) {
    const [first, last] = list(range).map((end) => (typeof end === 'string' ? parseIpv4(end) : end));
    if (typeof first !== 'number' || typeof last !== 'number' || typeof value !== 'number') return undefined;
    return value >= first && value <= last;
  }
  if (prefix !== undefined && typeof value === 'number') {
    const { addr, len } = record(prefix);
    const network = parseIpv4(String(addr));
    return network === undefined ? undefined : isIn(subnetOf(network, Number(len)), value as Ipv4);
  }
  return undefined;
}

function any(results: readonly (boolean | undefined)[]): boolean | undefined {
  if (results.includes(true)) return true;
  return results.includes(undefined) ? undefined : false;
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
