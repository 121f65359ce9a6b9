import {
  describeOption,
  encodeOption,
  MAX_OPTION_LENGTH,
  NAMED_OPTIONS,
  OPTION,
  type OptionType,
  type OptionValues,
} from '../dhcp/options.ts';
import type { Route, VendorSettings } from './config.ts';
import type { Place } from './layers.ts';
import { OPTION_VALUES, RESERVED_OPTIONS } from './option-schema.ts';
import type { Path, Problem } from './problem.ts';
import type { NetworkInput } from './schema.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

/** Keys of `dhcp` that set an option too, and would be set twice. */
const KEYS: Readonly<Record<number, 'router' | 'dns' | 'domain' | 'ntp' | 'search' | 'routes'>> = {
  [OPTION.router]: 'router',
  [OPTION.domainNameServer]: 'dns',
  [OPTION.domainName]: 'domain',
  [OPTION.ntpServers]: 'ntp',
  [OPTION.domainSearch]: 'search',
  [OPTION.classlessStaticRoute]: 'routes',
};

/** Whoever reads these must be able to put them together from several options (RFC 3397 §2, RFC 3442). */
const SPLIT_TYPES: ReadonlySet<OptionType> = new Set(['domain_list', 'classless_routes']);
/** Leaves room for what a client needs more in a message of 1500 bytes. */
const MAX_SPLIT_LENGTH = 750;

const checkers = Object.fromEntries(
  Object.entries(OPTION_VALUES).map(([type, schema]) => [type, schemaChecker(schema('The value.'))]),
) as { readonly [Type in OptionType]: ReturnType<typeof schemaChecker> };

/** The keys that say the same as an option: those of `dhcp`, or of a subnet. */
type OtherKeys = Partial<Record<(typeof KEYS)[number], unknown>>;

/**
 * Encodes a table of options, `written` at the place that `placeOf` gives for each of its keys: what the server decides
 * itself, what is set twice (`others` has the keys beside the table) and what has no encoding is a problem.
 */
export function encodeOptions(
  written: unknown,
  placeOf: (key: string) => Place,
  others: OtherKeys = {},
): { options: ReadonlyMap<number, Uint8Array>; problems: Problem[] } {
  const options = new Map<number, Uint8Array>();
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(isMapping(written) ? written : {})) {
    const option = readOption(key, value);
    if (!option) continue;
    const { code } = option;
    const place = placeOf(key);
    const report = (message: string) => problems.push(place.file.problem(place.path, message));
    const reason = RESERVED_OPTIONS.get(code);
    const other = KEYS[code];
    if (reason !== undefined) report(`${describeOption(code)} can't be set here: ${reason}`);
    else if (options.has(code)) report(`${describeOption(code)} is set twice`);
    else if (other !== undefined && others[other] !== undefined)
      report(`${describeOption(code)} is already set by dhcp.${other}`);
    else {
      const bytes = encodeWritten(option, place, problems);
      if (bytes) options.set(code, bytes);
    }
  }
  return { options, problems };
}

/**
 * Encodes `vendor_options` as option 43: each entry's options by number, encapsulated (RFC 2132 §8.4). `path` is where
 * the list stands in `file`.
 */
export function encodeVendorOptions(
  file: YamlFile,
  path: Path,
  written: unknown,
): { vendorOptions: VendorSettings[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const vendorOptions = (Array.isArray(written) ? written : []).flatMap((entry: unknown, index) => {
    if (!isMapping(entry) || typeof entry.class !== 'string' || !isMapping(entry.options)) return [];
    const at = [...path, index, 'options'];
    const parts = Object.entries(entry.options).flatMap(([key, value]) => {
      const option = readOption(key, value);
      const bytes = option && encodeWritten(option, { file, path: [...at, key] }, problems);
      return bytes ? [Buffer.from([option.code, bytes.length, ...bytes])] : [];
    });
    const value = Buffer.concat([...parts, Buffer.of(OPTION.end)]);
    if (value.length > MAX_OPTION_LENGTH) {
      const message = `are ${value.length} bytes long together, more than the ${MAX_OPTION_LENGTH} that option 43 carries`;
      problems.push(file.problem(at, message));
    }
    return [{ vendorClass: entry.class, value }];
  });
  return { vendorOptions, problems };
}

/** The option's bytes; undefined when its value is wrong, which is added to `problems` unless the schema tells it. */
function encodeWritten(
  { type, value, numbered }: WrittenOption,
  { file, path }: Place,
  problems: Problem[],
): Uint8Array | undefined {
  const invalid = checkers[type].problems(file, numbered ? [...path, 'value'] : path, value);
  if (numbered) problems.push(...invalid);
  if (invalid.length > 0) return undefined;
  const bytes = encode(type, checkers[type].decode(value));
  if (typeof bytes !== 'string') return bytes;
  problems.push(file.problem(path, bytes));
  return undefined;
}

interface WrittenOption {
  readonly code: number;
  readonly type: OptionType;
  readonly value: unknown;
  /** Given by number; the schema has not looked at its value yet. */
  readonly numbered: boolean;
}

/** An entry of the table; undefined when the schema refuses it anyway. */
function readOption(key: string, written: unknown): WrittenOption | undefined {
  const named = NAMED_OPTIONS.get(key);
  if (named) return { ...named, value: written, numbered: false };
  if (!/^\d{1,3}$/.test(key) || !isMapping(written)) return undefined;
  const type = String(written.type);
  return isOptionType(type) ? { code: Number(key), type, value: written.value, numbered: true } : undefined;
}

/** The option's bytes, or what is wrong with the value. */
function encode(type: OptionType, value: unknown): Uint8Array | string {
  try {
    const bytes =
      type === 'classless_routes'
        ? encodeOption(type, toRoutes(value as RouteInput[]))
        : encodeOption(type, value as OptionValues[typeof type]);
    const limit = SPLIT_TYPES.has(type) ? MAX_SPLIT_LENGTH : MAX_OPTION_LENGTH;
    if (bytes.length <= limit) return bytes;
    return `is ${bytes.length} bytes long, more than the ${limit} that an option carries`;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

type RouteInput = NonNullable<NetworkInput['dhcp']['routes']>[number];

/** `{ to, via }` as the rest of the program names it. */
export function toRoutes(routes: readonly RouteInput[]): Route[] {
  return routes.map(({ to, via }) => ({ destination: to, router: via }));
}

function isOptionType(type: string): type is OptionType {
  return Object.hasOwn(OPTION_VALUES, type);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
