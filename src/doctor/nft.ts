import { type Ipv4, parseIpv4, subnetOf } from '../net/ipv4.ts';
import type { ArrivingPacket, FilterRule, InputChain, Match, Verdict } from './packet-filter.ts';
import { destinationType, isIn } from './packet-filter.ts';

// What `nft -j list ruleset` prints (libnftables-json(5)), and the words for its rules from `nft -a list ruleset`.

type Json = Readonly<Record<string, unknown>>;

/** Tables that see IPv4 packets on their way into this host. */
const FAMILIES: ReadonlySet<unknown> = new Set(['ip', 'inet']);
/** Statements that decide nothing. */
const QUIET: ReadonlySet<string> = new Set(['counter', 'log', 'mangle', 'notrack', 'meter', 'set', 'quota']);
const UNKNOWN: Match = () => undefined;
/** Where a packet to this host comes by. */
const HOOKS: ReadonlySet<unknown> = new Set(['prerouting', 'input']);
/** A jump to where nobody knows. */
const UNREADABLE: Verdict = { type: 'jump', chain: '' };

/**
 * The chains that packets to this host pass. `listing` is the same ruleset as text with handles. Throws when `json` isn't
 * JSON.
 */
export function readNft(json: string, listing = ''): InputChain[] {
  const items = list(record(JSON.parse(json)).nftables).map(record);
  const texts = readTexts(listing);
  const sets = readSets(items);
  const rules = new Map<string, FilterRule[]>();
  for (const { family, table, chain, expr, handle } of items.flatMap((item) =>
    'rule' in item ? [record(item.rule)] : [],
  )) {
    const key = `${family} ${table} ${chain}`;
    const text = texts.get(`${family} ${table} ${handle}`) ?? `handle ${handle} in ${key}`;
    const read = readRules(
      list(withSets(expr, (name) => sets.get(`${family} ${table} ${name}`))).map(record),
    ).map((rule) => ({ ...rule, text }));
    rules.set(key, [...(rules.get(key) ?? []), ...read]);
  }
  const chains = items.flatMap((item) => ('chain' in item ? [record(item.chain)] : []));
  return chains
    .filter(({ family, type, hook }) => FAMILIES.has(family) && type === 'filter' && HOOKS.has(hook))
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

/** The elements of named sets and maps, by family, table and name. */
function readSets(items: readonly Json[]): Map<string, unknown> {
  return new Map(
    items
      .flatMap((item) => ('set' in item || 'map' in item ? [record(item.set ?? item.map)] : []))
      .map(({ family, table, name, elem }) => [`${family} ${table} @${name}`, { set: elem ?? [] }]),
  );
}

/** A rule with the names of sets replaced by what is in them now. */
function withSets(value: unknown, find: (name: string) => unknown): unknown {
  if (typeof value === 'string' && value.startsWith('@')) return find(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => withSets(item, find));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withSets(inner, find)]));
}

/** The words of each rule, without its counters, by family, table and handle. */
function readTexts(listing: string): Map<string, string> {
  const texts = new Map<string, string>();
  let table = '';
  for (const line of listing.split('\n')) {
    table = /^table (\w+ \S+) \{/.exec(line)?.[1] ?? table;
    const [, text, handle] = /^\t\t(.*\S) +# handle (\d+)$/.exec(line) ?? [];
    if (text !== undefined)
      texts.set(`${table} ${handle}`, text.replace(/counter packets \d+ bytes \d+ /, ''));
  }
  return texts;
}

/** A rule whose words are yet to be found. */
type WordlessRule = Omit<FilterRule, 'text'>;

/** A rule is more than one here when a verdict map is in it: one for each of its elements. */
function readRules(statements: readonly Json[]): WordlessRule[] {
  const matches: Match[] = [];
  let verdict: Verdict = { type: 'continue' };
  for (const statement of statements) {
    const [kind = ''] = Object.keys(statement);
    const found = readVerdict(statement);
    if (found) verdict = found;
    else if (kind === 'match') matches.push(readMatch(record(statement.match)));
    else if (kind === 'vmap') return readVerdictMap(record(statement.vmap), matches);
    else if (!QUIET.has(kind)) matches.push(UNKNOWN);
    // An extension of iptables may be a target as well, and a queue is another program: both decide anything.
    if (kind === 'xt' || kind === 'queue') verdict = UNREADABLE;
  }
  return [{ matches, verdict }];
}

function readVerdictMap({ key, data }: Json, matches: readonly Match[]): WordlessRule[] {
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
  // What is sent to our own address was not on its way to another one.
  if (record(record(left).ct).key === 'status' && right === 'dnat') return () => false;
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
  if ('fib' in left) {
    const { result, flags } = record(left.fib);
    return result === 'type' && String(flags) === 'daddr' ? destinationType : undefined;
  }
  if ('meta' in left) {
    if (key === 'iifname' || key === 'iif') return (packet) => packet.interface;
    if (key === 'l4proto') return ({ protocol }) => protocol;
    if (key === 'nfproto') return () => 'ipv4';
    if (key === 'pkttype') return (packet) => (destinationType(packet) === 'local' ? 'host' : 'broadcast');
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
  const { set, range, prefix, elem } = record(right);
  if (elem !== undefined) return holds(value, record(elem).val);
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
