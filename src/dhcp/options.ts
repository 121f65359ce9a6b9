import type { Ipv4, Subnet } from '../net/ipv4.ts';
import { ipv4FromBytes, subnetOf } from '../net/ipv4.ts';

/** The values each type of option holds, as the rest of the program sees them. */
export interface OptionValues {
  ipv4: Ipv4;
  /** One address or more. */
  ipv4_list: readonly Ipv4[];
  uint8: number;
  uint16: number;
  uint32: number;
  int32: number;
  boolean: boolean;
  /** Text, UTF-8 on the wire and without a terminating NUL. */
  string: string;
  /** Domain names in the encoding of RFC 1035 §4.1.4, one after another (RFC 3397). */
  domain_list: readonly string[];
  /** Classless static routes (RFC 3442). */
  classless_routes: readonly ClasslessRoute[];
  /** Any bytes, written as hexadecimal digits with or without colons. */
  hex: string;
}

/** How an option's bytes are read. */
export type OptionType = keyof OptionValues;

/** A route of option 121: packets to `destination` go by way of `router`. */
export interface ClasslessRoute {
  readonly destination: Subnet;
  readonly router: Ipv4;
}

/** Longest value one option carries: its length is one byte (RFC 2132 §2). */
export const MAX_OPTION_LENGTH = 255;

/**
 * Code and type of every option known by name, in the order of the IANA registry (RFC 2132 unless noted).
 * Those without a type are markers or have a structure of their own.
 */
const OPTIONS = {
  pad: [0],
  subnetMask: [1, 'ipv4'],
  timeOffset: [2, 'int32'],
  router: [3, 'ipv4_list'],
  timeServers: [4, 'ipv4_list'],
  nameServers: [5, 'ipv4_list'],
  domainNameServer: [6, 'ipv4_list'],
  logServer: [7, 'ipv4_list'],
  quotesServers: [8, 'ipv4_list'],
  lprServers: [9, 'ipv4_list'],
  impressServers: [10, 'ipv4_list'],
  rlpServers: [11, 'ipv4_list'],
  hostName: [12, 'string'],
  bootFileSize: [13, 'uint16'],
  meritDumpFile: [14, 'string'],
  domainName: [15, 'string'],
  swapServer: [16, 'ipv4'],
  rootPath: [17, 'string'],
  extensionsPath: [18, 'string'],
  ipForwarding: [19, 'boolean'],
  nonLocalSourceRouting: [20, 'boolean'],
  maxDatagramReassembly: [22, 'uint16'],
  defaultIpTtl: [23, 'uint8'],
  pathMtuAgingTimeout: [24, 'uint32'],
  interfaceMtu: [26, 'uint16'],
  allSubnetsLocal: [27, 'boolean'],
  broadcastAddress: [28, 'ipv4'],
  performMaskDiscovery: [29, 'boolean'],
  maskSupplier: [30, 'boolean'],
  performRouterDiscovery: [31, 'boolean'],
  routerSolicitationAddress: [32, 'ipv4'],
  trailerEncapsulation: [34, 'boolean'],
  arpCacheTimeout: [35, 'uint32'],
  ethernetEncapsulation: [36, 'boolean'],
  defaultTcpTtl: [37, 'uint8'],
  tcpKeepaliveInterval: [38, 'uint32'],
  tcpKeepaliveGarbage: [39, 'boolean'],
  nisDomain: [40, 'string'],
  nisServers: [41, 'ipv4_list'],
  ntpServers: [42, 'ipv4_list'],
  vendorSpecific: [43, 'hex'],
  netbiosNameServers: [44, 'ipv4_list'],
  netbiosDatagramServers: [45, 'ipv4_list'],
  netbiosNodeType: [46, 'uint8'],
  netbiosScope: [47, 'string'],
  xFontServers: [48, 'ipv4_list'],
  xDisplayManagers: [49, 'ipv4_list'],
  requestedAddress: [50, 'ipv4'],
  leaseTime: [51, 'uint32'],
  overload: [52, 'uint8'],
  messageType: [53, 'uint8'],
  serverIdentifier: [54, 'ipv4'],
  parameterRequestList: [55],
  message: [56, 'string'],
  maxMessageSize: [57, 'uint16'],
  renewalTime: [58, 'uint32'],
  rebindingTime: [59, 'uint32'],
  vendorClass: [60, 'string'],
  clientIdentifier: [61],
  nisPlusDomain: [64, 'string'],
  nisPlusServers: [65, 'ipv4_list'],
  tftpServerName: [66, 'string'],
  bootFileName: [67, 'string'],
  smtpServers: [69, 'ipv4_list'],
  pop3Servers: [70, 'ipv4_list'],
  nntpServers: [71, 'ipv4_list'],
  wwwServers: [72, 'ipv4_list'],
  /** RFC 3004 */
  userClass: [77],
  /** RFC 4039 */
  rapidCommit: [80],
  /** RFC 4702 */
  clientFqdn: [81],
  /** RFC 3046 */
  relayAgentInformation: [82],
  /** RFC 4578 §2.1 */
  clientArchitecture: [93],
  /** RFC 4578 §2.2 */
  clientInterface: [94],
  /** RFC 4578 §2.3 */
  clientUuid: [97],
  /** RFC 4833 */
  posixTimezone: [100, 'string'],
  /** RFC 4833 */
  tzdbTimezone: [101, 'string'],
  /** RFC 8910 */
  captivePortal: [114, 'string'],
  /** RFC 3011 */
  subnetSelection: [118],
  /** RFC 3397 */
  domainSearch: [119, 'domain_list'],
  /** RFC 3442 */
  classlessStaticRoute: [121, 'classless_routes'],
  /** RFC 3925 §3 */
  vendorIdentifyingClass: [124],
  /** RFC 3925 §4 */
  vendorIdentifyingOptions: [125],
  /** RFC 5859 */
  tftpServerAddress: [150, 'ipv4_list'],
  /** iPXE's own settings, encapsulated */
  ipxeEncapsulated: [175],
  /** Proxy auto-configuration, by custom */
  proxyAutodiscovery: [252, 'string'],
  end: [255],
} as const satisfies Record<string, readonly [code: number, type?: OptionType]>;

type OptionCodes = { readonly [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name][0] };

/** Option codes by name: `OPTION.subnetMask` is 1. */
export const OPTION = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, [code]]) => [name, code]),
) as OptionCodes;

/** An option an administrator can set by name. */
export interface NamedOption {
  readonly code: number;
  readonly type: OptionType;
}

/**
 * The options that have a value type, by the name configuration files use: `tftp_server_name`, `log_servers`.
 * It is the name above in snake_case, with a plural where several servers fit.
 */
export const NAMED_OPTIONS: ReadonlyMap<string, NamedOption> = new Map(
  Object.entries(OPTIONS).flatMap(([name, [code, type]]) =>
    type === undefined ? [] : [[configName(name, type), { code, type }]],
  ),
);

function configName(name: string, type: OptionType): string {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return type === 'ipv4_list' && snake.endsWith('_server') ? `${snake}s` : snake;
}

/** `domain_search (119)`, or `option 224` for a code without a name: how a message for people names an option. */
export function describeOption(code: number): string {
  const entry = Object.entries(OPTIONS).find(([, [known]]) => known === code);
  return entry ? `${configName(entry[0], entry[1][1] ?? 'hex')} (${code})` : `option ${code}`;
}

/**
 * The bytes of an option's value, without code and length.
 * Throws a RangeError that says what is wrong when the value has no encoding.
 */
export function encodeOption<Type extends OptionType>(type: Type, value: OptionValues[Type]): Uint8Array {
  return ENCODERS[type](value);
}

/** The value in an option's bytes, or undefined when they are not of that type. */
export function decodeOption<Type extends OptionType>(
  type: Type,
  bytes: Uint8Array,
): OptionValues[Type] | undefined {
  return DECODERS[type](bytes);
}

const ENCODERS: { [Type in OptionType]: (value: OptionValues[Type]) => Uint8Array } = {
  ipv4: (address) => encodeNumber(address, 4),
  ipv4_list: encodeAddresses,
  uint8: (value) => encodeNumber(value, 1),
  uint16: (value) => encodeNumber(value, 2),
  uint32: (value) => encodeNumber(value, 4),
  int32: (value) => {
    if (value < -(2 ** 31) || value >= 2 ** 31) throw new RangeError(`${value} does not fit in 32 bits`);
    return encodeNumber(value < 0 ? value + 2 ** 32 : value, 4);
  },
  boolean: (value) => Uint8Array.of(value ? 1 : 0),
  string: (text) => new TextEncoder().encode(text),
  domain_list: encodeDomainList,
  classless_routes: encodeRoutes,
  hex: encodeHex,
};

const DECODERS: { [Type in OptionType]: (bytes: Uint8Array) => OptionValues[Type] | undefined } = {
  ipv4: (bytes) => (bytes.length === 4 ? ipv4FromBytes(bytes) : undefined),
  ipv4_list: decodeAddresses,
  uint8: (bytes) => decodeNumber(bytes, 1),
  uint16: (bytes) => decodeNumber(bytes, 2),
  uint32: (bytes) => decodeNumber(bytes, 4),
  int32: (bytes) => {
    const value = decodeNumber(bytes, 4);
    return value === undefined ? undefined : value | 0;
  },
  boolean: (bytes) => (bytes.length === 1 && (bytes[0] ?? 2) < 2 ? bytes[0] === 1 : undefined),
  string: decodeString,
  domain_list: decodeDomainList,
  classless_routes: decodeRoutes,
  hex: (bytes) => Buffer.from(bytes).toString('hex'),
};

/** `value` in `size` bytes, most significant first. */
function encodeNumber(value: number, size: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
    throw new RangeError(`${value} is not a whole number from 0 to ${256 ** size - 1}`);
  }
  return Uint8Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** (size - 1 - index)) % 256);
}

function decodeNumber(bytes: Uint8Array, size: number): number | undefined {
  return bytes.length === size ? bytes.reduce((value, byte) => value * 256 + byte, 0) : undefined;
}

function encodeAddresses(addresses: readonly Ipv4[]): Uint8Array {
  if (addresses.length === 0) throw new RangeError('the list holds no address');
  return concat(addresses.map((address) => encodeNumber(address, 4)));
}

function decodeAddresses(bytes: Uint8Array): Ipv4[] | undefined {
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
  return Array.from({ length: bytes.length / 4 }, (_, index) => ipv4FromBytes(bytes, index * 4));
}

/** Text without the NULs that some clients end it with (RFC 2132 §2); undefined when it is not UTF-8. */
function decodeString(bytes: Uint8Array): string | undefined {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } catch {
    return undefined;
  }
}

/** The bytes of `de:ad:be:ef` or `deadbeef`. Throws a RangeError when `text` is neither. */
function encodeHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}(?::[0-9a-f]{2})*|(?:[0-9a-f]{2})*)$/i.test(text)) {
    throw new RangeError(`${JSON.stringify(text)} is not pairs of hexadecimal digits`);
  }
  return Uint8Array.from(Buffer.from(text.replaceAll(':', ''), 'hex'));
}

/**
 * Domain names as option 119 carries them, without compression, which every client reads (RFC 3397 §2).
 * A trailing dot is allowed. Throws a RangeError for a name or label that is empty, too long, or not ASCII.
 */
export function encodeDomainList(names: readonly string[]): Uint8Array {
  if (names.length === 0) throw new RangeError('the list holds no domain name');
  return concat(names.map(encodeDomain));
}

function encodeDomain(name: string): Uint8Array {
  const labels = name.replace(/\.$/, '').split('.');
  for (const label of labels) {
    if (!/^[\x21-\x7e]{1,63}$/.test(label)) {
      throw new RangeError(
        `${JSON.stringify(name)} is not a domain name: a label is 1 to 63 ASCII characters`,
      );
    }
  }
  const bytes = concat([...labels.map((label) => Buffer.from(`\0${label}`, 'latin1')), Uint8Array.of(0)]);
  if (bytes.length > 255) throw new RangeError(`${JSON.stringify(name)} is longer than 255 bytes`);
  let at = 0;
  for (const label of labels) {
    bytes[at] = label.length;
    at += label.length + 1;
  }
  return bytes;
}

/** Names in `bytes`, compression pointers followed (RFC 1035 §4.1.4); undefined when they are malformed. */
function decodeDomainList(bytes: Uint8Array): string[] | undefined {
  const names: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const read = decodeDomain(bytes, at);
    if (!read) return undefined;
    names.push(read.name);
    at = read.next;
  }
  return names.length > 0 ? names : undefined;
}

function decodeDomain(bytes: Uint8Array, start: number): { name: string; next: number } | undefined {
  const labels: string[] = [];
  let next: number | undefined;
  let at = start;
  // Every pointer must go further back than the last, so that a loop cannot exist.
  let bound = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) {
      return labels.length > 0 ? { name: labels.join('.'), next: next ?? at + 1 } : undefined;
    }
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= bound) return undefined;
      next ??= at + 2;
      bound = target;
      at = target;
    } else {
      const label = Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1');
      if (length > 63 || label.length < length || !/^[\x21-\x2d\x2f-\x7e]+$/.test(label)) return undefined;
      labels.push(label);
      at += 1 + length;
    }
  }
}

/**
 * Routes as option 121 carries them: prefix length, the significant bytes of the destination, the router (RFC 3442).
 * Throws a RangeError when there is none.
 */
export function encodeRoutes(routes: readonly ClasslessRoute[]): Uint8Array {
  if (routes.length === 0) throw new RangeError('the list holds no route');
  return concat(
    routes.flatMap(({ destination, router }) => [
      Uint8Array.of(destination.prefix),
      encodeNumber(destination.network, 4).subarray(0, Math.ceil(destination.prefix / 8)),
      encodeNumber(router, 4),
    ]),
  );
}

function decodeRoutes(bytes: Uint8Array): ClasslessRoute[] | undefined {
  const routes: ClasslessRoute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const prefix = bytes[at] ?? 0;
    const significant = Math.ceil(prefix / 8);
    if (prefix > 32 || at + 1 + significant + 4 > bytes.length) return undefined;
    const network = new Uint8Array(4);
    network.set(bytes.subarray(at + 1, at + 1 + significant));
    routes.push({
      destination: subnetOf(ipv4FromBytes(network), prefix),
      router: ipv4FromBytes(bytes, at + 1 + significant),
    });
    at += 1 + significant + 4;
  }
  return routes.length > 0 ? routes : undefined;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
