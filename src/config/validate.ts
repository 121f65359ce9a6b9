import type { StaticDecode, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Settings } from 'typebox/system';
import type { Path, Problem } from './problem.ts';
import { didYouMean } from './similar.ts';
import type { YamlFile } from './yaml.ts';

/** Checks values against one schema. */
export interface SchemaChecker<Schema extends TSchema> {
  /** Everything wrong with `value`, which stands at `path` of `file`; empty when it is valid. */
  problems(file: YamlFile, path: Path, value: unknown): Problem[];
  /**
   * The value with its texts parsed. Keys that `problems` finds fault with are left out when the rest makes sense
   * without them, so that further checks can go on; undefined when it doesn't.
   */
  decode(value: unknown): StaticDecode<Schema> | undefined;
}

/**
 * Prepares the checks for a schema; do it once, since it compiles the schema when it is first used. What comes of that takes
 * megabytes and is seldom needed: it is let go of when memory is collected, and made anew after that.
 */
export function schemaChecker<Schema extends TSchema>(schema: Schema): SchemaChecker<Schema> {
  const compile = () => Compile(schema);
  let compiled: WeakRef<ReturnType<typeof compile>> | undefined;
  const validator = () => {
    const known = compiled?.deref();
    if (known) return known;
    const made = compile();
    compiled = new WeakRef(made);
    return made;
  };
  const faults = (value: unknown): Fault[] => {
    // By default it stops at eight.
    const errors = withSettings({ maxErrors: Number.MAX_SAFE_INTEGER }, () => validator().Errors(value));
    return relevant(errors, schema, value).flatMap((error) => explain(error, schema, value));
  };
  return {
    problems: (file, path, value) =>
      unique(faults(value)).map((fault) =>
        file.problem([...path, ...fault.path], fault.message, fault.expected),
      ),
    decode(value) {
      const rest = validator().Check(value) ? value : withoutFaults(value, faults);
      if (rest === undefined) return undefined;
      // Sorting the branches of choices anew for each value takes most of the time, and ours don't overlap.
      return withSettings({ unionPrioritySort: false }, () => validator().Decode(rest));
    },
  };
}

/** Most keys of a mapping that are all named where an unknown one was found. */
const MOST_LISTED = 14;

interface Fault {
  readonly path: Path;
  readonly message: string;
  readonly expected?: string;
}

/** The parts of JSON Schema that the configuration's schemas use. */
interface SchemaNode {
  readonly type?: string;
  readonly title?: string;
  readonly examples?: readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Does something under other settings of TypeBox, which are those of the whole process. */
function withSettings<Result>(
  changes: Partial<ReturnType<typeof Settings.Get>>,
  action: () => Result,
): Result {
  const before = { ...Settings.Get() };
  Settings.Set(changes);
  try {
    return action();
  } finally {
    Settings.Set(before);
  }
}

/**
 * Leaves out errors that only repeat another one. Of a choice (anyOf), the branch whose kind is the value's is what the
 * author meant: its errors stay. When there is none, one error for the whole choice stays.
 */
function relevant(
  errors: readonly TLocalizedValidationError[],
  schema: TSchema,
  value: unknown,
): TLocalizedValidationError[] {
  const choices = errors
    .filter((error) => error.keyword === 'anyOf')
    .map(({ schemaPath, instancePath }) => {
      const kind = kindOf(valueAt(value, pathOf(value, instancePath)));
      const branches = nodeAt(schema, schemaPath).anyOf ?? [];
      const meant = branches.findIndex((branch) => branch.type === kind && kind !== 'string');
      return { schemaPath, instancePath, meant: meant < 0 ? undefined : String(meant) };
    });
  return errors.filter((error) => {
    if (error.keyword === 'boolean') return false;
    return choices.every(({ schemaPath, instancePath, meant }) => {
      if (error.instancePath !== instancePath && !error.instancePath.startsWith(`${instancePath}/`))
        return true;
      if (error.keyword === 'anyOf' && error.schemaPath === schemaPath) return meant === undefined;
      const prefix = `${schemaPath}/anyOf/`;
      return (
        !error.schemaPath.startsWith(prefix) || error.schemaPath.slice(prefix.length).split('/')[0] === meant
      );
    });
  });
}

function explain(error: TLocalizedValidationError, schema: TSchema, value: unknown): Fault[] {
  const node = nodeAt(schema, error.schemaPath);
  const path = pathOf(value, error.instancePath);
  switch (error.keyword) {
    case 'additionalProperties':
      return error.params.additionalProperties.map((key) => unknownKey(path, key, node));
    case 'required':
      return error.params.requiredProperties.map((key) => ({
        path: [...path, key],
        message: 'is missing',
        ...expected(describe(node.properties?.[key] ?? {})),
      }));
    case 'minItems':
      return [{ path, message: 'is an empty list', expected: 'at least one entry' }];
    case 'minProperties':
      return [{ path, message: 'is an empty mapping', expected: 'at least one key' }];
    case 'uniqueItems':
      return [{ path, message: 'holds the same value twice' }];
    default:
      return [mismatch(path, valueAt(value, path), node)];
  }
}

function unknownKey(path: Path, key: string, { properties = {}, patternProperties }: SchemaNode): Fault {
  const known = Object.keys(properties);
  const message = `unknown key${didYouMean(key, known)}`;
  if (known.length > 0 && known.length <= MOST_LISTED) {
    return { path: [...path, key], message, expected: `one of ${known.join(', ')}` };
  }
  const pattern = Object.keys(patternProperties ?? {})[0];
  if (known.length > 0 || pattern === undefined) return { path: [...path, key], message };
  return { path: [...path, key], message, expected: `a key that matches ${pattern}` };
}

function mismatch(path: Path, value: unknown, node: SchemaNode): Fault {
  const words = node.const === undefined ? node.enum : [node.const];
  if (words) return { path, message: `${show(value)} is not allowed`, ...expected(oneOf(words)) };
  const example = exampleOf(node);
  const hint = example === undefined ? undefined : `for example ${example}`;
  const quotes = node.type === 'string' && kindOf(value) !== 'object' ? 'quotes around it' : undefined;
  return { path, message: `${show(value)} is not ${noun(node)}`, ...expected(hint ?? quotes) };
}

/** What belongs where something is missing: `an IPv4 address such as 192.168.0.254`. */
function describe(node: SchemaNode): string {
  const words = node.const === undefined ? node.enum : [node.const];
  if (words) return oneOf(words);
  const example = exampleOf(node);
  return example === undefined ? noun(node) : `${noun(node)} such as ${example}`;
}

function exampleOf({ examples, items }: SchemaNode): string | undefined {
  const [item] = items?.examples ?? [];
  return examples?.[0] ?? (item === undefined ? undefined : `[${item}]`);
}

function noun(node: SchemaNode): string {
  if (node.type === 'object') return 'a mapping';
  if (node.title !== undefined) return `${/^[aeiou]/i.test(node.title) ? 'an' : 'a'} ${node.title}`;
  switch (node.type) {
    case 'string':
      return 'text';
    case 'integer':
      return node.minimum === undefined
        ? 'a whole number'
        : `a whole number from ${node.minimum}${node.maximum === undefined ? '' : ` to ${node.maximum}`}`;
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return 'a list';
  }
}

function oneOf(words: readonly unknown[]): string {
  return words.length === 1 ? String(words[0]) : `one of ${words.join(', ')}`;
}

function expected(text: string | undefined): { expected?: string } {
  return text === undefined ? {} : { expected: text };
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}

/** The node of a schema that a pointer such as `#/properties/a~1b` names, where keys may hold slashes unescaped. */
function nodeAt(schema: TSchema, pointer: string): SchemaNode {
  return valueAt(schema, pathOf(schema, pointer.replace(/^#/, ''))) as SchemaNode;
}

/** The steps of a JSON pointer through `root`, whose keys may hold slashes that the pointer leaves unescaped. */
function pathOf(root: unknown, pointer: string): Path {
  const path: (string | number)[] = [];
  let value = root;
  let rest = pointer.slice(1);
  while (rest !== '' && typeof value === 'object' && value !== null) {
    const key = Object.keys(value).find((key) =>
      [key, key.replaceAll('~', '~0').replaceAll('/', '~1')].some(
        (written) => rest === written || rest.startsWith(`${written}/`),
      ),
    );
    if (key === undefined) break;
    const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1');
    rest = rest.slice((rest === key || rest.startsWith(`${key}/`) ? key : escaped).length + 1);
    path.push(Array.isArray(value) ? Number(key) : key);
    value = (value as Record<string, unknown>)[key];
  }
  return path;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], root);
}

/**
 * A copy of `value` without the keys that `faults` names, nor the mappings that are invalid without them; undefined when
 * nothing would be left. A list with a bad entry goes as a whole, since its other entries are known by their index.
 */
function withoutFaults(value: unknown, faults: (value: unknown) => Fault[]): unknown {
  const rest = structuredClone(value);
  for (let found = faults(rest); found.length > 0; found = faults(rest)) {
    for (const { path } of found) {
      const key = keyOf(valueAt(rest, path) === undefined ? path.slice(0, -1) : path);
      const parent = valueAt(rest, key.slice(0, -1));
      const name = key.at(-1);
      if (name === undefined) return undefined;
      if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, name);
    }
  }
  return rest;
}

/** The path of the nearest mapping's key around a path. */
function keyOf(path: Path): Path {
  return path.slice(0, path.findLastIndex((step) => typeof step === 'string') + 1);
}

/** The first fault of each place: a text that breaks two rules is wrong once. */
function unique(faults: readonly Fault[]): Fault[] {
  return [
    ...new Map(faults.toReversed().map((fault) => [JSON.stringify(fault.path), fault])).values(),
  ].reverse();
}
