import type { NodeFile } from './node.ts';

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
    const result = make(text);
    known.set(text, result);
    const [oldest] = known.keys();
    if (known.size > CAPACITY && oldest !== undefined) known.delete(oldest);
    return result;
  };
}

/** The bytes of a text that isn't secret: the same ones for the same text, by which `rememberFile` knows it again. */
export const bytesOf: (text: string) => Uint8Array = remember((text) => Buffer.from(text));

/** Makes a pure function of a file remember what it gave, for as long as the bytes of the content are in use elsewhere. */
export function rememberFile<Result>(make: (file: NodeFile) => Result): (file: NodeFile) => Result {
  const known = new WeakMap<Uint8Array, { readonly file: NodeFile; readonly result: Result }>();
  return (file) => {
    const before = known.get(file.content);
    if (before && isAlike(before.file, file)) return before.result;
    const result = make(file);
    known.set(file.content, { file, result });
    return result;
  };
}

/** True when two files with the same content are written in the same way. */
function isAlike(one: NodeFile, other: NodeFile): boolean {
  return one.path === other.path && one.permissions === other.permissions && one.owner === other.owner;
}
