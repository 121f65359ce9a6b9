/** What a list is sorted by, the most significant part first. */
export type SortKey = readonly (string | number)[];

/** A part of a sorted list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Number of items in the whole list. */
  readonly total: number;
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * The `limit` items after `cursor` of `items` sorted by their keys, each of which is one item's alone. A cursor is the key of
 * the last item before it, so items that come and go between two pages make no other item appear twice or get lost.
 * Undefined when `cursor` is none that this function made.
 */
export function pageOf<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => SortKey,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | undefined },
): Page<Item> | undefined {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  if (cursor !== undefined && !after) return undefined;
  const sorted = Array.from(items, (item) => ({ item, key: keyOf(item) }));
  sorted.sort((a, b) => compareKeys(a.key, b.key));
  const found = after ? sorted.findIndex(({ key }) => compareKeys(key, after) > 0) : 0;
  const start = found < 0 ? sorted.length : found;
  const page = sorted.slice(start, start + limit);
  const last = page.at(-1);
  const isLast = start + page.length >= sorted.length;
  return {
    items: page.map(({ item }) => item),
    total: sorted.length,
    next: last && !isLast ? encodeCursor(last.key) : undefined,
  };
}

/** Text that sorts as people count: `worker-9` before `worker-10`. */
export function naturalKey(text: string): string {
  return text.replace(/\d+/g, (digits) => digits.padStart(16, '0'));
}

function compareKeys(a: SortKey, b: SortKey): number {
  for (let index = 0; index < a.length && index < b.length; index += 1) {
    const one = a[index] as string | number;
    const other = b[index] as string | number;
    // Keys of a forged cursor may hold a text where a number belongs.
    const order = typeof one === typeof other ? compare(one, other) : compare(typeof one, typeof other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compare(one: string | number, other: string | number): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function encodeCursor(key: SortKey): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function decodeCursor(cursor: string): SortKey | undefined {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isKey =
      Array.isArray(key) && key.every((part) => typeof part === 'string' || typeof part === 'number');
    return isKey ? key : undefined;
  } catch {
    return undefined;
  }
}
