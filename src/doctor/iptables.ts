import { parseCidr, parseIpv4, subnetOf } from '../net/ipv4.ts';
import type { ArrivingPacket, FilterRule, InputChain, Match, Verdict } from './packet-filter.ts';
import { isIn } from './packet-filter.ts';

// What `iptables-save` prints (iptables(8)).

/** Extensions whose own options are read, or that match everything. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  'udp',
  'tcp',
  'multiport',
  'state',
  'conntrack',
  'comment',
]);
const UNKNOWN: Match = () => undefined;

/** The chain INPUT of the filter table; none when there is no such table. */
export function readIptables(text: string): InputChain[] {
  const chains = new Map<string, FilterRule[]>();
  let policy: InputChain['policy'] = 'accept';
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    if (table !== 'filter') continue;
    const [word = '', chain = '', ...rest] = wordsOf(line);
    if (word === ':INPUT' || (word.startsWith(':') && !chains.has(word.slice(1))))
      chains.set(word.slice(1), []);
    if (word === ':INPUT' && chain === 'DROP') policy = 'drop';
    if (word === '-A') chains.get(chain)?.push(readRule(rest));
  }
  const rules = chains.get('INPUT');
  return rules ? [{ name: 'iptables INPUT', policy, rules, chains }] : [];
}

/** The words of a line; those in quotes are one. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

function readRule(words: readonly string[]): FilterRule {
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
    const match = readMatch(word, value);
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
    case 'LOG':
    case 'NFLOG':
      return { type: 'continue' };
    default:
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

function negate(match: Match): Match {
  return (packet) => {
    const held = match(packet);
    return held === undefined ? undefined : !held;
  };
}
