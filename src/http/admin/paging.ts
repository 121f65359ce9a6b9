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

/** What is asked of a list: at most `limit` items after `cursor`, or the first ones. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** Takes the items of a list one by one, in any order, and gives a page of them. It keeps no more than two pages. */
export interface Pager<Item> {
  add(item: Item): void;
  /** The page that was asked for, of the items so far. */
  page(): Page<Item>;
}

/**
 * Begins a page of a list that is sorted by its items' keys, each of which is one item's alone. A cursor is the key of the
 * last item before the page, so items that come and go between two pages make no other item appear twice or get lost.
 * Undefined when `cursor` is none that a page gave.
 */
export function startPage<Item>(
  keyOf: (item: Item) => SortKey,
  { limit, cursor }: PageRequest,
): Pager<Item> | undefined {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  if (cursor !== undefined && !after) return undefined;
  const found: { readonly item: Item; readonly key: SortKey }[] = [];
  /** What lies behind it is not on the page. */
  let end: SortKey | undefined;
  let total = 0;
  let afterCursor = 0;
  const cut = () => {
    found.sort((a, b) => compareKeys(a.key, b.key));
    found.length = Math.min(found.length, limit);
    if (found.length === limit) end = found.at(-1)?.key;
  };
  return {
    add(item) {
      total += 1;
      const key = keyOf(item);
      if (after && compareKeys(key, after) <= 0) return;
      afterCursor += 1;
      if (end && compareKeys(key, end) > 0) return;
      found.push({ item, key });
      if (found.length >= 2 * limit) cut();
    },
    page() {
      cut();
      const last = found.at(-1);
      return {
        items: found.map(({ item }) => item),
        total,
        next: last && afterCursor > found.length ? encodeCursor(last.key) : undefined,
      };
    },
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
