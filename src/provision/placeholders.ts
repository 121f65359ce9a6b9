import { closest, distance } from 'fastest-levenshtein';
import { formatPath, type Path } from '../config/problem.ts';
import { lasting } from './memory.ts';
import {
  createEngine,
  isTemplate,
  parseTemplate,
  rememberBy,
  type TemplateEngine,
  type VariablePath,
} from './template.ts';
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

const DOCUMENT = createFiller(printable);
const ARGUMENTS = createFiller(argumentPart);

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

type Fill = (variables: Variables, where: string) => unknown;

/** A part of a document, its templates parsed. */
interface Prepared {
  readonly fill: Fill;
  /** The variables that it depends on, none for a part that is given back as it is; undefined when that can't be told. */
  readonly reads: readonly VariablePath[] | undefined;
}

/** An engine for one use, and the documents it has prepared. */
interface Filler {
  readonly engine: TemplateEngine;
  readonly prepared: WeakMap<object, Fill>;
}

function createFiller(print: TemplateEngine['print']): Filler {
  return { engine: createEngine(print), prepared: new WeakMap() };
}

function prepared({ engine, prepared }: Filler, value: unknown): Fill {
  if (typeof value !== 'object' || value === null) return prepare(engine, value, []).fill;
  let fill = prepared.get(value);
  if (!fill) {
    fill = prepare(engine, value, []).fill;
    prepared.set(value, fill);
  }
  return fill;
}

/**
 * Parses every template below `value` once. Parts without any are given back as they are, and mappings that come out alike
 * are the same object: by that, whoever makes something of them knows them again.
 */
function prepare(engine: TemplateEngine, value: unknown, path: Path): Prepared {
  if (typeof value === 'string' && isTemplate(value)) return prepareText(engine, value, path);
  if (typeof value !== 'object' || value === null) return { fill: () => value, reads: [] };
  const list = Array.isArray(value);
  const children = Object.entries(value).map(
    ([key, child]) => [key, prepare(engine, child, [...path, list ? Number(key) : key])] as const,
  );
  const reads = unite(children.map(([, child]) => child.reads));
  if (reads?.length === 0) {
    lasting(value);
    return { fill: () => value, reads };
  }
  if (list) {
    return { fill: (variables, where) => children.map(([, { fill }]) => fill(variables, where)), reads };
  }
  const fill: Fill = (variables, where) =>
    Object.fromEntries(children.map(([key, child]) => [key, child.fill(variables, where)]));
  return { fill: reads ? rememberBy(reads, JSON.stringify(value).length, fill) : fill, reads };
}

/** All variables of the parts, each once. */
function unite(all: readonly Prepared['reads'][]): Prepared['reads'] {
  const united = new Map<string, VariablePath>();
  for (const reads of all) {
    if (!reads) return undefined;
    for (const path of reads) united.set(JSON.stringify(path), path);
  }
  return [...united.values()];
}

function prepareText(engine: TemplateEngine, text: string, path: Path): Prepared {
  const { reads, render } = parseTemplate(engine, text);
  const fill: Fill = (variables, where) => {
    try {
      return render(variables);
    } catch (error) {
      throw new PlaceholderError(`${place(where, path)}: ${explain(error, variables)}`);
    }
  };
  // One that reads nothing still isn't what is written there: {% raw %}.
  return { fill, reads: reads?.length === 0 ? undefined : reads };
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
  if (!isRoot(root)) return Object.keys(VARIABLE_NAMES);
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
    const { liquid } = DOCUMENT.engine;
    return liquid.globalVariableSegmentsSync(liquid.parse(text)).flatMap(([root, key]) => {
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
