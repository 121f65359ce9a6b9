import { Liquid, type Template } from 'liquidjs';
import { lasting } from './memory.ts';
import type { Variables } from './variables.ts';

/** The place of a variable: `['machine', 'labels', 'rack']`. */
export type VariablePath = readonly string[];

/** A text with placeholders, parsed. */
export interface ParsedTemplate {
  /** All that its text depends on; undefined when that can't be told, or when it isn't the same each time. */
  readonly reads: readonly VariablePath[] | undefined;
  /** Throws an Error when something can't be printed or was no template from the start. */
  readonly render: (variables: Variables) => string;
}

/** What is done with text that may hold placeholders. */
export interface TemplateEngine {
  readonly liquid: Liquid;
  /** The text of a value. Throws an Error when it has none here. */
  readonly print: (value: unknown) => string;
}

/** An engine that prints values by `print`. Variables must exist, and no template can read another one. */
export function createEngine(print: TemplateEngine['print']): TemplateEngine {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    outputEscape: print,
  });
  // A profile is one file: nothing may read another one through it.
  for (const tag of ['include', 'render', 'layout', 'block']) Reflect.deleteProperty(liquid.tags, tag);
  return { liquid, print };
}

/** True for text that has placeholders in it. */
export function isTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}

/** Parses a text; what is wrong with it is thrown when it is rendered. */
export function parseTemplate(engine: TemplateEngine, text: string): ParsedTemplate {
  return parsePlain(engine, text) ?? parseLiquid(engine, text);
}

/** A placeholder that does nothing but name a variable. */
const PLAIN = /\{\{ *([a-z]+(?:\.[a-z]\w*)+) *\}\}/i;

/** A template of plain placeholders only, which need no Liquid unless one of them can't be filled; undefined for any other. */
function parsePlain(engine: TemplateEngine, text: string): ParsedTemplate | undefined {
  // With one group in the expression, every other part is what the group found.
  const parts = text.split(PLAIN);
  const around = parts.filter((_, index) => index % 2 === 0);
  if (around.some((part) => isTemplate(part) || part.endsWith('{'))) return undefined;
  const reads = parts.filter((_, index) => index % 2 === 1).map((path) => path.split('.'));
  const { print } = engine;
  let liquid: ParsedTemplate | undefined;
  return {
    reads,
    render(variables) {
      let result = around[0] ?? '';
      for (const [index, path] of reads.entries()) {
        const value = valueAt(variables, path);
        if (typeof value !== 'string' && typeof value !== 'number') {
          liquid ??= parseLiquid(engine, text);
          return liquid.render(variables);
        }
        result += print(value) + around[index + 1];
      }
      return result;
    },
  };
}

/** Values of a template's variables for which its text is remembered, and the characters of these texts together. */
const REMEMBERED = 100;
const REMEMBERED_LENGTH = 512 * 1024;
/** Tags, and filters that give something else each time. */
const UNSTEADY = /\{%|\b(?:date|date_to_\w+|sample)\b/;

/** Any template; rendered once for the same values of its variables, since most are the same for many machines. */
function parseLiquid({ liquid }: TemplateEngine, text: string): ParsedTemplate {
  try {
    const templates: Template[] = liquid.parse(text);
    const render = (variables: Variables): string => liquid.renderSync(templates, variables);
    const reads = UNSTEADY.test(text) ? undefined : readPaths(liquid, templates);
    return { reads, render: reads ? rememberBy(reads, text.length, render) : render };
  } catch (error) {
    return {
      reads: undefined,
      render() {
        throw error;
      },
    };
  }
}

/** Where the values are that a template reads; undefined when that depends on other values. */
function readPaths(liquid: Liquid, templates: Template[]): readonly VariablePath[] | undefined {
  const paths = liquid.globalVariableSegmentsSync(templates) as readonly (readonly unknown[])[];
  const isPlain = (path: readonly unknown[]): path is VariablePath =>
    path.every((step) => typeof step === 'string');
  return paths.every(isPlain) ? paths : undefined;
}

/**
 * Makes a function of the variables at `reads` remember what it gave, and give the same object again for the same values, until
 * it turns out that these are others for most machines. `length` is about how many characters it gives each time. What it
 * throws is thrown each time.
 */
export function rememberBy<Rest extends readonly unknown[], Result>(
  reads: readonly VariablePath[],
  length: number,
  make: (variables: Variables, ...rest: Rest) => Result,
): (variables: Variables, ...rest: Rest) => Result {
  const known = new Map<string, Result>();
  const capacity = Math.min(REMEMBERED, Math.floor(REMEMBERED_LENGTH / length));
  let isWorthwhile = capacity > 0;
  let found = 0;
  return (variables, ...rest) => {
    if (!isWorthwhile) return make(variables, ...rest);
    const key = JSON.stringify(reads.map((path) => basisAt(variables, path)));
    const before = known.get(key);
    if (before !== undefined) {
      found += 1;
      return before;
    }
    const result = lasting(make(variables, ...rest));
    known.set(key, result);
    if (known.size === capacity) {
      isWorthwhile = found >= capacity;
      found = 0;
      known.clear();
    }
    return result;
  };
}

/** The value there; undefined for none. */
function valueAt(variables: Variables, path: VariablePath): unknown {
  let value: unknown = variables;
  for (const step of path) {
    if (!isTable(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

/** What decides about the value there, which may be one that Liquid works out itself, as the size of a text. */
function basisAt(variables: Variables, path: VariablePath): unknown {
  let value: unknown = variables;
  for (const step of path) {
    if (!isTable(value)) return value;
    if (!Object.hasOwn(value, step)) return step === 'size' ? Object.keys(value).length : null;
    value = value[step];
  }
  return value;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
