import { type TString, type TUnsafe, Type } from 'typebox';
import { parseCidr, parseIpv4, parseRange } from '../net/ipv4.ts';
import { parseMac } from '../net/mac.ts';
import type { AdminListen } from './config.ts';
import { parseDuration, parseSize } from './units.ts';

/** What an editor shows about a value, and an error message says about it. */
interface TextOptions {
  /** What it is, after "a" or "an": `IPv4 address`. */
  readonly title: string;
  readonly example: string;
  readonly pattern?: string;
}

/** What one key adds: its description, and what it is when absent. */
export interface KeyOptions {
  readonly description: string;
  readonly default?: string | number;
}

/** A kind of text that `parse` turns into a value; text that it gives undefined for is refused. */
function parsed<Value>(
  { title, example, ...options }: TextOptions,
  parse: (text: string) => Value | undefined,
) {
  return (key: KeyOptions) => {
    const text = Type.String({ title, examples: [example], ...options, ...key });
    const valid = Type.Refine(
      text,
      (value) => parse(value) !== undefined,
      () => title,
    );
    return Type.Decode(valid, (value): Value => parse(value) as Value);
  };
}

/** A kind of text that stays text. */
function matching({ title, example, ...options }: TextOptions): (key: KeyOptions) => TString {
  return (key) => Type.String({ title, examples: [example], ...options, ...key });
}

/** Any text that is not empty. */
export const anyText = (title: string, example: string) => matching({ title, example, pattern: '\\S' });

export const ipv4 = parsed({ title: 'IPv4 address', example: '192.168.0.254' }, parseIpv4);

export const interfaceAddress = parsed(
  { title: 'IPv4 address with its prefix length', example: '192.168.0.254/24' },
  parseCidr,
);

export const destination = parsed(
  { title: 'network with its prefix length', example: '10.0.0.0/8' },
  (text) => {
    const cidr = parseCidr(text);
    return cidr?.address === cidr?.subnet.network ? cidr?.subnet : undefined;
  },
);

export const addressRange = parsed(
  { title: 'address range', example: '192.168.0.1-192.168.0.100' },
  parseRange,
);

export const mac = parsed({ title: 'MAC address', example: '52:54:00:12:34:56' }, parseMac);

/** The first bytes of a hardware address, with colons. */
export const macPrefix = parsed({ title: 'beginning of a MAC address', example: '52:54:00' }, (text) =>
  /^[0-9a-f]{2}([:-][0-9a-f]{2}){0,5}$/i.test(text) ? text.toLowerCase().replaceAll('-', ':') : undefined,
);

/** `https://host:port` and nothing behind it. */
export const httpsServer = parsed(
  { title: 'server address beginning with https://', example: 'https://192.168.0.254:6443' },
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url && /^https:\/\/[^/@?#\s]+\/?$/i.test(text) ? text.replace(/\/$/, '') : undefined;
  },
);

/** A URL of a web server, as it is written; `example` is one that fits the key. */
export const webAddress = (example: string) =>
  parsed({ title: 'web address that begins with http:// or https://', example }, (text) =>
    /^https?:\/\/[^\s#]+$/i.test(text) && URL.canParse(text) ? text : undefined,
  );

export const kubernetesVersion = matching({
  title: 'version of Kubernetes',
  example: 'v1.36.2',
  pattern: '^v[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$',
});

export const duration = parsed({ title: 'duration', example: '1h' }, parseDuration);

export const size = parsed({ title: 'size', example: '512MiB' }, parseSize);

/** DNS-1123 label. */
export const hostname = matching({
  title: 'host name of lower-case letters, digits and hyphens',
  example: 'worker-01',
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
});

export const domainName = matching({
  title: 'domain name',
  example: 'kubernetes.local',
  pattern:
    '^(?=.{1,253}$)[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?(\\.[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)*\\.?$',
});

export const name = matching({
  title: 'name of letters, digits, dots, hyphens and underscores',
  example: 'kubernetes1',
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
});

export const profileName = matching({
  title: 'name of a profile',
  example: 'worker',
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
});

/** Linux allows 15 characters (IFNAMSIZ). */
export const interfaceName = matching({
  title: 'interface name of at most 15 characters',
  example: 'enp0s8',
  pattern: '^[^\\s/:]{1,15}$',
});

/**
 * A path that goes into URLs and iPXE scripts, which know no quoting, and that must stay below its folder:
 * no `..`, no leading slash, no backslash.
 */
export const relativePath = (title: string, example: string) =>
  matching({
    title: `${title} inside its folder`,
    example,
    pattern: '^(?!\\.{1,2}(/|$))[A-Za-z0-9._+~@-]+(/(?!\\.{1,2}(/|$))[A-Za-z0-9._+~@-]+)*$',
  });

export const directory = matching({ title: 'directory', example: '/var/lib/rackseed', pattern: '^[^\\0]+$' });

/** `host:port` (also `[::1]:9080`) or `unix:/path`. */
export const listen = parsed(
  { title: 'address to listen on', example: '127.0.0.1:9080' },
  (text): AdminListen | undefined => {
    const [, path] = /^unix:(\/.+)$/.exec(text) ?? [];
    if (path !== undefined) return { path };
    const [, v6, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = v6 ?? plain;
    return host === undefined || Number(port) > 65535 ? undefined : { host, port: Number(port) };
  },
);

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[], key: KeyOptions): TUnsafe<Word> {
  return Type.Unsafe<Word>(Type.Enum([...words], { ...key }));
}
