import { rememberFor } from './memory.ts';

type Mapping = Readonly<Record<string, unknown>>;

/**
 * A mapping as JSON, just as `JSON.stringify` writes it. Mappings that are entries of a list (files, units) are written once,
 * however many documents they are in; they must not change.
 */
export function stringifyEntries(mapping: Mapping): string {
  const pairs = Object.entries(mapping).flatMap(([key, value]) => {
    const text = stringifyValue(value);
    return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`];
  });
  return `{${pairs.join(',')}}`;
}

/** Undefined for what JSON has no word for. */
function stringifyValue(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const items = value.map((item) => (isMapping(item) ? stringifyEntry(item) : stringifyValue(item)));
    return `[${items.map((item) => item ?? 'null').join(',')}]`;
  }
  return isMapping(value) ? stringifyEntries(value) : JSON.stringify(value);
}

const stringifyEntry = rememberFor((entry: Mapping) => JSON.stringify(entry));

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
