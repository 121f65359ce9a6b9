import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { formatPath, type Path, type Problem } from './problem.ts';

/** A YAML file that was read: its value, and where in the text each part of it stands. */
export class YamlFile {
  /** Name relative to the configuration directory. */
  readonly name: string;
  /** The parsed document; undefined when the file holds none (comments only). */
  readonly value: unknown;
  readonly #root: Place;

  constructor(name: string, value: unknown, root: Place) {
    this.name = name;
    this.value = value;
    this.#root = root;
  }

  /** The line, from 1, of the value at `path`, or of the nearest part around it that exists. */
  line(path: Path): number {
    return this.#walk(path).line;
  }

  /** The text of the scalar at `path` as it was written (`0644`), undefined when there is none. */
  source(path: Path): string | undefined {
    const { place, found } = this.#walk(path);
    return found ? place.source : undefined;
  }

  /** A problem with the value at `path`. */
  problem(path: Path, message: string, expected?: string): Problem {
    const place = { file: this.name, path: formatPath(path), line: this.line(path) };
    return expected === undefined ? { ...place, message } : { ...place, message, expected };
  }

  #walk(path: Path): { place: Place; line: number; found: boolean } {
    let place = this.#root;
    let line = place.line;
    for (const step of path) {
      const child = place.children.get(String(step));
      if (!child) return { place, line, found: false };
      place = child.place;
      line = child.line;
    }
    return { place, line, found: true };
  }
}

interface Place {
  readonly line: number;
  /** Keys of a mapping, indices of a list; the line is the key's, or the item's. */
  readonly children: Map<string, { line: number; place: Place }>;
  /** Text of a scalar. */
  readonly source?: string;
  readonly list?: true;
}

/**
 * Reads one YAML document (1.2 core schema, merge keys allowed). Aliases and merged keys are placed where their
 * anchor stands. Gives a Problem when the text is no YAML, repeats a key, or holds a second document.
 */
export function readYaml(name: string, text: string): YamlFile | Problem {
  try {
    const events = parseEvents(text, { filename: name });
    const documents = constructFromEvents(events, {
      source: text,
      filename: name,
      schema: CORE_SCHEMA.withTags(mergeTag),
    });
    const root = new PlaceReader(text, events).document();
    if (documents.length > 1) {
      return { file: name, path: '', line: 1, message: 'holds several YAML documents', expected: 'one' };
    }
    return new YamlFile(name, documents[0], root);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark ? { line: error.mark.line + 1 } : {};
    return { file: name, path: '', ...line, message: `is not valid YAML: ${error.reason}` };
  }
}

/** Turns js-yaml's flat list of events into a tree of places. */
class PlaceReader {
  readonly #text: string;
  readonly #events: readonly Event[];
  /** Offset of the first character of every line. */
  readonly #lines: readonly number[];
  readonly #anchors = new Map<string, Place>();
  #next = 0;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
    this.#lines = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
  }

  document(): Place {
    this.#next = 1;
    return this.#node(1);
  }

  /** Reads the node at the cursor; `around` is its line when the text itself has nothing there. */
  #node(around: number): Place {
    const event = this.#events[this.#next++];
    if (event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT) {
      return { line: around, children: new Map() };
    }
    if (event.type === EVENT_ID.ALIAS) {
      const target = this.#anchors.get(this.#text.slice(event.anchorStart, event.anchorEnd));
      return { children: new Map(), ...target, line: this.#line(event.anchorStart) };
    }
    const place = this.#content(event, around);
    if (event.anchorStart >= 0) {
      this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), place);
    }
    return place;
  }

  #content(event: Exclude<Event, { type: 1 | 5 | 6 }>, around: number): Place {
    if (event.type === EVENT_ID.SCALAR) {
      const line = event.valueStart < 0 ? around : this.#line(event.valueStart);
      return { line, children: new Map(), source: getScalarValue(this.#text, event) };
    }
    const start = { line: this.#line(event.start), children: new Map() };
    const place: Place = event.type === EVENT_ID.SEQUENCE ? { ...start, list: true } : start;
    const merged: Place[] = [];
    while (this.#events[this.#next]?.type !== EVENT_ID.POP) {
      if (event.type === EVENT_ID.SEQUENCE) {
        const item = this.#node(place.line);
        place.children.set(String(place.children.size), { line: item.line, place: item });
      } else {
        const key = this.#node(place.line);
        const value = this.#node(key.line);
        if (key.source === '<<') merged.push(value);
        else place.children.set(key.source ?? '', { line: key.line, place: value });
      }
    }
    this.#next++;
    for (const source of merged) addMerged(place, source);
    return place;
  }

  #line(offset: number): number {
    let low = 0;
    let high = this.#lines.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}

/** Keys that `<<` brings in from a mapping or a list of mappings; the mapping's own keys and earlier ones win. */
function addMerged(target: Place, source: Place): void {
  for (const [key, child] of source.children) {
    if (source.list) addMerged(target, child.place);
    else if (!target.children.has(key)) target.children.set(key, child);
  }
}
