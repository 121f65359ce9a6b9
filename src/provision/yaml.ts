import { dump } from 'js-yaml';
import { remember, rememberFor } from './memory.ts';

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
 * time, and machines hardly differ in it. An entry that is in several documents is written once; it must not change.
 */
export function dumpYaml(document: Mapping): string {
  if (Object.keys(document).length === 0) return plainDump(document);
  const parts: string[] = [];
  writeMapping(document, 0, parts);
  const text = parts.join('');
  // Empty lines at the end of a text belong to it only if something comes after them.
  return text.endsWith('\n\n') ? `${text}${END}` : text;
}

function writeMapping(mapping: Mapping, indent: number, parts: string[]): void {
  for (const [key, value] of Object.entries(mapping)) writePair(key, value, indent, parts);
}

function writePair(key: string, value: unknown, indent: number, parts: string[]): void {
  const name = nameOf(key);
  const margin = ' '.repeat(indent);
  if (name !== '' && isListOfMappings(value)) {
    parts.push(`${margin}${name}\n`);
    for (const entry of value) parts.push(dumpEntry(entry, indent + 2));
  } else if (name !== '' && isMapping(value) && Object.values(value).some(isListOfMappings)) {
    parts.push(`${margin}${name}\n`);
    writeMapping(value, indent + 2, parts);
  } else if (name !== '' && isWritable(value)) {
    parts.push(`${margin}${name} ${value}\n`);
  } else if (isListOfTexts(value)) {
    parts.push(indented(dumpList(JSON.stringify({ [key]: value })), indent));
  } else if (typeof value === 'object' && value !== null) {
    parts.push(dumpValue(value, key, indent));
  } else {
    parts.push(indented(plainDump({ [key]: value }), indent));
  }
}

const dumpValue = rememberFor((value: object, key: string, indent: number) =>
  indented(plainDump({ [key]: value }), indent),
);

/** Lists that say the same for most machines: commands, keys. */
const dumpList = remember((pair) => plainDump(JSON.parse(pair)));

/** A key with its colon, in quotes where it needs them; empty for one that takes a line of its own. */
const nameOf = remember((key) => {
  const pair = plainDump({ [key]: 0 });
  return pair.startsWith('?') ? '' : pair.slice(0, -' 0\n'.length);
});

const dumpEntry = rememberFor((entry: Mapping, indent: number) => indented(entryText(entry), indent));

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

/** True for text that js-yaml writes as a literal block, without marks for its first and last lines: lines of ASCII. */
function isBlock(text: string): boolean {
  return /^[\x21-\x7e][\x20-\x7e]*\n[\x20-\x7e\n]*$/.test(text) && /[^\n]\n$/.test(text);
}

/** True for text that js-yaml writes as it is, and nobody takes for anything but text: long base64. */
function isWord(text: string): boolean {
  return text.length >= WORD.length && /^[A-Za-z][A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** True for a flag, and for a name with a hyphen in it, so that it is no word or number of YAML's: js-yaml writes them as they are. */
function isWritable(value: unknown): boolean {
  if (typeof value === 'string') return /^[a-z][a-z0-9.-]*[a-z0-9]$/.test(value) && value.includes('-');
  return typeof value === 'boolean';
}

function plainDump(value: unknown): string {
  const text = dump(value, { lineWidth: -1, noRefs: true });
  return text.endsWith(`\n${END}`) ? text.slice(0, -END.length) : text;
}

function indented(text: string, indent: number): string {
  if (indent === 0) return text;
  const margin = ' '.repeat(indent);
  // Most have no empty lines, which need no margin: a plain replacement will do, and is faster.
  if (text.endsWith('\n') && !text.startsWith('\n') && !text.includes('\n\n'))
    return `${margin}${text.slice(0, -1).replaceAll('\n', `\n${margin}`)}\n`;
  return (text.startsWith('\n') ? '' : margin) + text.replace(/\n(?=.)/g, `\n${margin}`);
}

function isListOfTexts(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'string' || isListOfTexts(item))
  );
}

function isListOfMappings(value: unknown): value is readonly Mapping[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMapping);
}

function isMapping(value: unknown): value is Mapping {
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length > 0;
}
