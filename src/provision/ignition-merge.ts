/** A part of an Ignition configuration. */
export type Table = Readonly<Record<string, unknown>>;

/** By which key the entries of a list are told apart; the first one that all of them have. */
const IDENTITIES = ['path', 'name', 'device', 'number', 'label'];

/** What is meant as a whole: a source without the compression of the one it replaces. */
const INDIVISIBLE = new Set(['contents', 'verification']);

/** The lists below `storage` whose entries are paths of one tree. */
const TREES = ['directories', 'files', 'links'];

/**
 * Lays a fragment of an Ignition configuration over another, as Ignition itself merges configurations: mappings key by
 * key, entries of a list by their `path`, `name` or `device`, plain lists one after the other without repetition. A path
 * that the fragment makes a link or a directory is no file any more.
 */
export function mergeIgnition(base: Table, fragment: Table): Table {
  const taken = new Set(TREES.flatMap((tree) => pathsOf(fragment, tree).map((path) => `${tree} ${path}`)));
  const isTaken = (tree: string, path: unknown) =>
    TREES.some((other) => other !== tree && taken.has(`${other} ${path}`));
  const storage = asTable(base.storage);
  const trees = TREES.filter((tree) => storage[tree] !== undefined).map((tree) => [
    tree,
    entriesOf(base, tree).filter((entry) => !isTaken(tree, asTable(entry).path)),
  ]);
  const cleared =
    trees.length === 0 ? base : { ...base, storage: { ...storage, ...Object.fromEntries(trees) } };
  return mergeTables(cleared, fragment);
}

function mergeTables(base: Table, over: Table): Table {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = INDIVISIBLE.has(key) ? value : mergeValues(base[key], value);
  }
  return merged;
}

function mergeValues(base: unknown, over: unknown): unknown {
  if (isTable(base) && isTable(over)) return mergeTables(base, over);
  if (Array.isArray(base) && Array.isArray(over)) return mergeLists(base, over);
  return over;
}

function mergeLists(base: readonly unknown[], over: readonly unknown[]): readonly unknown[] {
  const all = [...base, ...over];
  const key = IDENTITIES.find((identity) => all.every((item) => asTable(item)[identity] !== undefined));
  if (key === undefined) return all.filter((item, index) => isTable(item) || all.indexOf(item) === index);
  const merged = new Map(base.map((item) => [asTable(item)[key], item]));
  for (const item of over) {
    const name = asTable(item)[key];
    merged.set(name, mergeValues(merged.get(name), item));
  }
  return [...merged.values()];
}

function entriesOf(config: Table, tree: string): readonly unknown[] {
  const entries = asTable(config.storage)[tree];
  return Array.isArray(entries) ? entries : [];
}

function pathsOf(config: Table, tree: string): unknown[] {
  return entriesOf(config, tree).map((entry) => asTable(entry).path);
}

function asTable(value: unknown): Table {
  return isTable(value) ? value : {};
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
