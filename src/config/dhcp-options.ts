import {
  describeOption,
  encodeOption,
  MAX_OPTION_LENGTH,
  NAMED_OPTIONS,
  OPTION,
  type OptionType,
  type OptionValues,
} from '../dhcp/options.ts';
import type { Route } from './config.ts';
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

const checkers = Object.fromEntries(
  Object.entries(OPTION_VALUES).map(([type, schema]) => [type, schemaChecker(schema('The value.'))]),
) as { readonly [Type in OptionType]: ReturnType<typeof schemaChecker> };

/**
 * Encodes `dhcp.options`, which stands at `path` of `file` as `written`: what the server decides itself, what is set
 * twice and what has no encoding is a problem.
 */
export function encodeOptions(
  file: YamlFile,
  path: Path,
  written: unknown,
  dhcp: NetworkInput['dhcp'],
): { options: ReadonlyMap<number, Uint8Array>; problems: Problem[] } {
  const options = new Map<number, Uint8Array>();
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(isMapping(written) ? written : {})) {
    const at = [...path, key];
    const option = readOption(key, value);
    if (!option) continue;
    const { code, type } = option;
    const reason = RESERVED_OPTIONS.get(code);
    const other = KEYS[code];
    if (reason !== undefined) {
      problems.push(file.problem(at, `${describeOption(code)} can't be set here: ${reason}`));
    } else if (options.has(code)) {
      problems.push(file.problem(at, `${describeOption(code)} is set twice`));
    } else if (other !== undefined && dhcp[other] !== undefined) {
      problems.push(file.problem(at, `${describeOption(code)} is already set by dhcp.${other}`));
    } else {
      const invalid = checkers[type].problems(file, option.numbered ? [...at, 'value'] : at, option.value);
      if (option.numbered) problems.push(...invalid);
      if (invalid.length > 0) continue;
      const bytes = encode(type, checkers[type].decode(option.value));
      if (typeof bytes === 'string') problems.push(file.problem(at, bytes));
      else options.set(code, bytes);
    }
  }
  return { options, problems };
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
    if (bytes.length <= MAX_OPTION_LENGTH) return bytes;
    return `is ${bytes.length} bytes long, more than the ${MAX_OPTION_LENGTH} that an option carries`;
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
