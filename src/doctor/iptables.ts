import { parseCidr, parseIpv4, subnetOf } from '../net/ipv4.ts';
import type { ArrivingPacket, FilterRule, InputChain, Match, Verdict } from './packet-filter.ts';
import { destinationType, isIn } from './packet-filter.ts';

// What `iptables-save` prints (iptables(8)).

/** Extensions whose own options are read, or that match everything. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  'udp',
  'tcp',
  'multiport',
  'state',
  'conntrack',
  'comment',
  'addrtype',
  'pkttype',
]);
/** Targets that decide nothing. */
const QUIET: ReadonlySet<string> = new Set([
  ...[
    'LOG',
    'NFLOG',
    'ULOG',
    'AUDIT',
    'TRACE',
    'MARK',
    'CONNMARK',
    'SECMARK',
    'CONNSECMARK',
    'CT',
    'NOTRACK',
  ],
  ...['SET', 'TCPMSS', 'CHECKSUM', 'DSCP', 'TOS', 'TTL', 'CLASSIFY', 'RATEEST'],
]);
/** Where a packet to this host comes by. */
const BUILT_IN = ['PREROUTING', 'INPUT'] as const;
/** The tables that may drop it. */
const TABLES: ReadonlySet<string> = new Set(['raw', 'mangle', 'filter', 'security']);
const UNKNOWN: Match = () => undefined;

/** One table, as far as it's read. */
interface Table {
  readonly name: string;
  readonly policies: Map<string, InputChain['policy']>;
  readonly chains: Map<string, FilterRule[]>;
}

/** The chains that packets to this host pass, by the names that nft gives them. `family` is that of their tables. */
export function readIptables(text: string, family = 'ip'): InputChain[] {
  const tables: Table[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*'))
      tables.push({ name: line.slice(1).trim(), policies: new Map(), chains: new Map() });
    const table = tables.at(-1);
    const [word = '', chain = '', ...rest] = wordsOf(line);
    if (word.startsWith(':')) {
      table?.chains.set(word.slice(1), []);
      table?.policies.set(word.slice(1), chain === 'DROP' ? 'drop' : 'accept');
    }
    if (word === '-A') table?.chains.get(chain)?.push({ ...readRule(rest), text: line });
  }
  return tables
    .filter(({ name }) => TABLES.has(name))
    .flatMap(({ name, policies, chains }) =>
      BUILT_IN.flatMap((builtIn) => {
        const rules = chains.get(builtIn);
        const policy = policies.get(builtIn) ?? 'accept';
        return rules ? [{ name: `${family} ${name} ${builtIn}`, policy, rules, chains }] : [];
      }),
    );
}

/** The words of a line; those in quotes are one. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

function readRule(words: readonly string[]): Omit<FilterRule, 'text'> {
  const matches: Match[] = [];
  let verdict: Verdict = { type: 'continue' };
  let isNegated = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '!') {
      isNegated = true;
      continue;
    }
    // Some options have no value, and those of extensions that aren't known may have several.
    if (!word.startsWith('-')) continue;
    const next = words[at + 1] ?? '';
    const value = next.startsWith('-') || next === '!' ? '' : next;
    if (word === '-j' || word === '-g') {
      verdict = readTarget(word, value);
      // What follows are the target's own options.
      break;
    }
    const match = word === '--tcp-flags' ? synMatch(value, words[at + 2] ?? '') : readMatch(word, value);
    if (match) matches.push(isNegated ? negate(match) : match);
    isNegated = false;
  }
  return { matches, verdict };
}

function readTarget(word: string, target: string): Verdict {
  switch (target) {
    case 'ACCEPT':
      return { type: 'accept' };
    case 'DROP':
    case 'REJECT':
      return { type: 'drop' };
    case 'RETURN':
      return { type: 'return' };
    default:
      if (QUIET.has(target)) return { type: 'continue' };
      return { type: word === '-g' ? 'goto' : 'jump', chain: target };
  }
}

/** Undefined for what is no condition of its own. */
function readMatch(word: string, value: string): Match | undefined {
  switch (word) {
    case '-i':
      return (packet) =>
        value.endsWith('+') ? packet.interface.startsWith(value.slice(0, -1)) : packet.interface === value;
    case '-p':
      return ({ protocol }) => value === 'all' || protocol === value;
    case '-s':
      return addressMatch(value, ({ source }) => source);
    case '-d':
      return addressMatch(value, ({ destination }) => destination);
    case '--dport':
    case '--dports':
      return portMatch(value, ({ destinationPort }) => destinationPort);
    case '--sport':
    case '--sports':
      return portMatch(value, ({ sourcePort }) => sourcePort);
    case '--state':
    case '--ctstate':
      return ({ state }) => value.toLowerCase().split(',').includes(state);
    case '--dst-type':
      return (packet) => value.toLowerCase().split(',').includes(destinationType(packet));
    case '--pkt-type':
      return (packet) => value === (destinationType(packet) === 'local' ? 'unicast' : 'broadcast');
    case '-m':
      return KNOWN_EXTENSIONS.has(value) ? undefined : UNKNOWN;
    case '--comment':
      return undefined;
    default:
      return UNKNOWN;
  }
}

function addressMatch(text: string, field: (packet: ArrivingPacket) => ArrivingPacket['source']): Match {
  const single = parseIpv4(text);
  const subnet = single === undefined ? parseCidr(text)?.subnet : subnetOf(single, 32);
  return subnet ? (packet) => isIn(subnet, field(packet)) : UNKNOWN;
}

/** `67`, `67:68`, `67,69,4000:5000` */
function portMatch(text: string, field: (packet: ArrivingPacket) => number): Match {
  const ranges = text.split(',').map((part) => part.split(':').map(Number));
  return (packet) =>
    ranges.some(([first = 0, last = first]) => field(packet) >= first && field(packet) <= last);
}

/** A TCP connection begins with SYN alone: what is told of the first packet of one. */
function synMatch(mask: string, flags: string): Match {
  return ({ protocol }) => protocol === 'tcp' && flags === (mask.split(',').includes('SYN') ? 'SYN' : 'NONE');
}

function negate(match: Match): Match {
  return (packet) => {
    const held = match(packet);
    return held === undefined ? undefined : !held;
  };
}
