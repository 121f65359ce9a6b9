/** Texts remembered by one function; machines differ in a handful of them. */
const CAPACITY = 500;

/**
 * Makes a pure function of a text remember what it gave: most of a document is the same for every machine of a profile.
 * The text that came first is forgotten first. Not for what is secret: it would stay in memory.
 */
export function remember<Result>(make: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const result = lasting(make(text));
    known.set(text, result);
    const [oldest] = known.keys();
    if (known.size > CAPACITY && oldest !== undefined) known.delete(oldest);
    return result;
  };
}

/** What is the same object in the documents of many machines: the constant parts of profiles, and what is made from these. */
const shared = new WeakSet<object>();

/**
 * Says of a value that many documents are made from it, and of a list that they are made from its items: what becomes of
 * these is worth remembering. They must never change.
 */
export function lasting<Value>(value: Value): Value {
  if (isObject(value)) shared.add(value);
  if (Array.isArray(value)) value.forEach(lasting);
  return value;
}

/**
 * Makes a pure function of an object remember what it gave for it last, and give the same again while `rest` is the same (by
 * identity). Only what is made from lasting objects alone is remembered, as long as they are there, and lasts itself: so what
 * one machine has for itself, its keys above all, is in no memory.
 */
export function rememberFor<Key extends object, Rest extends readonly unknown[], Result>(
  make: (key: Key, ...rest: Rest) => Result,
): (key: Key, ...rest: Rest) => Result {
  const known = new WeakMap<Key, { readonly rest: Rest; readonly result: Result }>();
  return (key, ...rest) => {
    if (!shared.has(key)) return make(key, ...rest);
    const before = known.get(key);
    if (before?.rest.every((value, index) => value === rest[index])) return before.result;
    const result = make(key, ...rest);
    if (rest.some((value) => isObject(value) && !shared.has(value))) return result;
    known.set(key, { rest, result: lasting(result) });
    return result;
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
