import { closest, distance } from 'fastest-levenshtein';
import { Liquid, type Template } from 'liquidjs';
import { formatPath, type Path } from '../config/problem.ts';
import { VARIABLE_NAMES, type Variables } from './variables.ts';

/** A placeholder that can't be filled. The message names the document, the place in it, and what is wrong. */
export class PlaceholderError extends Error {
  override name = 'PlaceholderError';
}

/**
 * Fills the Liquid placeholders in the string values (never the keys) of a parsed document and gives the filled copy.
 * `where` names the document in errors: `profile worker, cloud_config`. Throws a PlaceholderError when a variable is
 * not defined. The templates of a document are parsed once, however often it is filled; it must not change.
 */
export function fillPlaceholders(value: unknown, variables: Variables, where: string): unknown {
  return prepared(DOCUMENT, value)(variables, where);
}

/**
 * Fills the placeholders in kernel arguments. Neither iPXE nor the kernel knows how to escape a space, so a value that
 * would end its argument or start another one is refused with a PlaceholderError. Arguments that come out empty are
 * left out.
 */
export function fillArguments(args: readonly string[], variables: Variables, where: string): string[] {
  const filled = prepared(ARGUMENTS, args)(variables, where) as string[];
  return filled.filter((argument) => argument !== '');
}

/** What is wrong with the placeholders of a document, found without filling them; empty when nothing is. */
export function checkPlaceholders(value: unknown): { path: Path; message: string; expected?: string }[] {
  if (typeof value === 'string') return checkTemplate(value);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return checkPlaceholders(child).map((fault) => ({ ...fault, path: [step, ...fault.path] }));
  });
}

type Fill = (variables: Variables, where: string) => unknown;

/** A Liquid engine for one use, and the documents it has prepared. */
interface Engine {
  readonly liquid: Liquid;
  readonly prepared: WeakMap<object, Fill>;
}

const DOCUMENT = createEngine(printable);
const ARGUMENTS = createEngine(argumentPart);

function createEngine(outputEscape: (value: unknown) => string): Engine {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    outputEscape,
  });
  // A profile is one file: nothing may read another one through it.
  for (const tag of ['include', 'render', 'layout', 'block']) Reflect.deleteProperty(liquid.tags, tag);
  return { liquid, prepared: new WeakMap() };
}

function printable(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value))
    throw new Error('a list can\'t be printed; join it, for example with | join: " "');
  if (typeof value === 'object') throw new Error("a table can't be printed; name one of its keys");
  return String(value);
}

function argumentPart(value: unknown): string {
  const text = printable(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (/[\s"\u0000-\u001f\u007f]|\$\{/.test(text)) {
    throw new Error(`${JSON.stringify(text)} can't stand in a kernel argument`);
  }
  return text;
}

function prepared(engine: Engine, value: unknown): Fill {
  if (typeof value !== 'object' || value === null) return prepare(engine.liquid, value, []).fill;
  let fill = engine.prepared.get(value);
  if (!fill) {
    fill = prepare(engine.liquid, value, []).fill;
    engine.prepared.set(value, fill);
  }
  return fill;
}

/** Parses every template below `value` once; parts without any are given back as they are. */
function prepare(liquid: Liquid, value: unknown, path: Path): { fill: Fill; constant: boolean } {
  if (typeof value === 'string' && isTemplate(value)) {
    return { fill: prepareTemplate(liquid, value, path), constant: false };
  }
  if (typeof value !== 'object' || value === null) return { fill: () => value, constant: true };
  const list = Array.isArray(value);
  const children = Object.entries(value).map(
    ([key, child]) => [key, prepare(liquid, child, [...path, list ? Number(key) : key])] as const,
  );
  if (children.every(([, child]) => child.constant)) return { fill: () => value, constant: true };
  if (list) {
    return {
      fill: (variables, where) => children.map(([, { fill }]) => fill(variables, where)),
      constant: false,
    };
  }
  return {
    fill: (variables, where) =>
      Object.fromEntries(children.map(([key, { fill }]) => [key, fill(variables, where)])),
    constant: false,
  };
}

function isTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}

function prepareTemplate(liquid: Liquid, text: string, path: Path): Fill {
  let render: ((variables: Variables) => string) | undefined;
  return (variables, where) => {
    try {
      render ??= prepareRendering(liquid, text);
      return render(variables);
    } catch (error) {
      throw new PlaceholderError(`${place(where, path)}: ${explain(error, variables)}`);
    }
  };
}

/** Values of a template's variables for which its text is remembered. */
const REMEMBERED = 100;
/** Tags, and filters that give something else each time. */
const UNSTEADY = /\{%|\b(?:date|date_to_\w+|sample)\b/;

/** Renders a template once for the same values of its variables: most are the same for many machines. */
function prepareRendering(liquid: Liquid, text: string): (variables: Variables) => string {
  const templates: Template[] = liquid.parse(text);
  const paths = UNSTEADY.test(text) ? undefined : readPaths(liquid, templates);
  if (!paths) return (variables) => liquid.renderSync(templates, variables);
  const known = new Map<string, string>();
  return (variables) => {
    const key = JSON.stringify(paths.map((path) => valueAt(variables, path)));
    const before = known.get(key);
    if (before !== undefined) return before;
    const result: string = liquid.renderSync(templates, variables);
    if (known.size === REMEMBERED) known.clear();
    known.set(key, result);
    return result;
  };
}

/** Where the values are that a template reads; undefined when that depends on other values. */
function readPaths(liquid: Liquid, templates: Template[]): readonly (readonly string[])[] | undefined {
  const paths = liquid.globalVariableSegmentsSync(templates) as readonly (readonly unknown[])[];
  const isPlain = (path: readonly unknown[]): path is readonly string[] =>
    path.every((step) => typeof step === 'string');
  return paths.every(isPlain) ? paths : undefined;
}

/** The value there; null for none, which no variable is. */
function valueAt(variables: Variables, path: readonly string[]): unknown {
  let value: unknown = variables;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return null;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

function place(where: string, path: Path): string {
  const text = formatPath(path);
  return text === '' || text.startsWith('[') ? `${where}${text}` : `${where}.${text}`;
}

function explain(error: unknown, variables: Variables): string {
  const message = liquidMessage(error);
  const [, missing] = /^undefined variable: (.*)$/.exec(message) ?? [];
  if (missing === undefined) return message;
  return `${missing} is not defined; defined are ${definedNear(missing, variables).join(', ')}`;
}

/** The message of Liquid's error without the position it appends, which counts from the start of the string. */
function liquidMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = 'originalError' in error ? error.originalError : undefined;
  return (cause instanceof Error ? cause.message : error.message).replace(/, line:\d+, col:\d+$/, '');
}

/** The variables beside the one that is missing. */
function definedNear(missing: string, variables: Variables): string[] {
  const [root = '', key] = missing.split('.');
  if (!isRoot(root) || !variables[root]) return Object.keys(variables);
  if (root === 'machine' && key === 'labels') {
    const labels = Object.keys(variables.machine.labels);
    return labels.length > 0 ? labels.map((label) => `machine.labels.${label}`) : ['no labels at all'];
  }
  return Object.keys(variables[root]).map((name) => `${root}.${name}`);
}

function isRoot(name: string): name is keyof Variables {
  return Object.hasOwn(VARIABLE_NAMES, name);
}

function checkTemplate(text: string): { path: Path; message: string; expected?: string }[] {
  if (!isTemplate(text)) return [];
  try {
    const templates = DOCUMENT.liquid.parse(text);
    return DOCUMENT.liquid.globalVariableSegmentsSync(templates).flatMap(([root, key]) => {
      const fault = typeof root === 'string' ? checkName(root, key) : undefined;
      return fault ? [{ path: [], ...fault }] : [];
    });
  } catch (error) {
    return [
      {
        path: [],
        message: `bad placeholder: ${liquidMessage(error)}`,
        expected: '{% raw %}…{% endraw %} around braces that are not a placeholder',
      },
    ];
  }
}

function checkName(root: string, key: unknown): { message: string; expected?: string } | undefined {
  if (!isRoot(root)) {
    return {
      message: `${root} is no variable`,
      expected: `${Object.keys(VARIABLE_NAMES).join(', ')}, or {% raw %}…{% endraw %} around braces that are not a placeholder`,
    };
  }
  const names: readonly string[] = VARIABLE_NAMES[root];
  if (typeof key !== 'string' || names.includes(key)) return undefined;
  const similar = closest(key, names);
  const hint = distance(key, similar) <= 2 ? `, did you mean ${root}.${similar}?` : '';
  return {
    message: `${root}.${key} is no variable${hint}`,
    expected: `one of ${names.map((name) => `${root}.${name}`).join(', ')}`,
  };
}
