import { dump } from 'js-yaml';
import { remember } from './memory.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** The end of a document (YAML 1.2.2 §9.1.4). */
const END = '...\n';
/** Stand where the content of an entry comes. */
const BLOCK = 'the content of the entry\nin two lines\n';
const WORD = 'TheContentOfTheEntryInOneWord';
/** Either as it stands in the text of an entry. */
const STAND_IN = new RegExp(`^ +${BLOCK.replace('\n', '\n +')}|${WORD}`, 'm');

/**
 * A document as YAML, just as js-yaml's `dump` writes it: lines of any length, nothing by reference. Of the entries of
 * lists (files, units), js-yaml writes only what they say beside their content, and that once for all documents: it takes its
 * time, and machines hardly differ in it. An entry that is in several documents must not change.
 */
export function dumpYaml(document: Mapping): string {
  if (Object.keys(document).length === 0) return plainDump(document);
  const text = dumpMapping(document, 0);
  // Empty lines at the end of a text belong to it only if something comes after them.
  return text.endsWith('\n\n') ? `${text}${END}` : text;
}

function dumpMapping(mapping: Mapping, indent: number): string {
  return Object.entries(mapping)
    .map(([key, value]) => dumpPair(key, value, indent))
    .join('');
}

function dumpPair(key: string, value: unknown, indent: number): string {
  const name = nameOf(key);
  const head = `${' '.repeat(indent)}${name}\n`;
  if (name !== '' && isListOfMappings(value)) {
    return head + value.map((entry) => dumpEntry(entry, indent + 2)).join('');
  }
  if (name !== '' && isMapping(value) && Object.values(value).some(isListOfMappings)) {
    return head + dumpMapping(value, indent + 2);
  }
  return indented(plainDump({ [key]: value }), indent);
}

/** A key with its colon, in quotes where it needs them; empty for one that takes a line of its own. */
const nameOf = remember((key) => {
  const pair = plainDump({ [key]: 0 });
  return pair.startsWith('?') ? '' : pair.slice(0, -' 0\n'.length);
});

/** Entries that are the same object in many documents. */
const written = new WeakMap<object, { readonly indent: number; readonly text: string }>();

function dumpEntry(entry: Mapping, indent: number): string {
  const before = written.get(entry);
  if (before?.indent === indent) return before.text;
  const text = indented(entryText(entry), indent);
  written.set(entry, { indent, text });
  return text;
}

function entryText(entry: Mapping): string {
  const { content } = entry;
  if (typeof content !== 'string') return plainDump([entry]);
  if (isBlock(content)) {
    const { before, after } = frameOf(JSON.stringify({ ...entry, content: BLOCK }));
    return before + indented(content, 4) + after;
  }
  if (isWord(content)) {
    const { before, after } = frameOf(JSON.stringify({ ...entry, content: WORD }));
    return before + content + after;
  }
  return plainDump([entry]);
}

/** The text of an entry around its content. */
const frameOf = remember((entry) => {
  const [before = '', after = ''] = plainDump([JSON.parse(entry)]).split(STAND_IN);
  return { before, after };
});

/** True for text that js-yaml writes as a literal block, without marks for its first and last lines: ASCII in several lines. */
function isBlock(text: string): boolean {
  return /^[\x21-\x7e][\x20-\x7e]*\n[\x20-\x7e\n]*$/.test(text) && /[^\n]\n$/.test(text) && /\n./.test(text);
}

/** True for text that js-yaml writes as it is, and nobody takes for anything but text: long base64. */
function isWord(text: string): boolean {
  return text.length >= WORD.length && /^[A-Za-z][A-Za-z0-9+/]*={0,2}$/.test(text);
}

function plainDump(value: unknown): string {
  const text = dump(value, { lineWidth: -1, noRefs: true });
  return text.endsWith(`\n${END}`) ? text.slice(0, -END.length) : text;
}

function indented(text: string, indent: number): string {
  if (indent === 0) return text;
  return text.replace(/^(?=.)/gm, ' '.repeat(indent));
}

function isListOfMappings(value: unknown): value is readonly Mapping[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMapping);
}

function isMapping(value: unknown): value is Mapping {
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length > 0;
}
