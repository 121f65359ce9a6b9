import { type Profiler, Session } from 'node:inspector';

/** Only the product's own code counts. */
const PRODUCT = new URL('../../src/', import.meta.url).pathname;

/** A function that ran: which one, and which parts of it did, by their places in its file. */
export interface RanFunction {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** The whole function first, then parts of it that ran more or less often, those within others after them. */
  readonly ranges: readonly Profiler.CoverageRange[];
}

/** Which parts of the product's code ran in this thread, as V8 itself counts them. */
export class Coverage {
  readonly #session = new Session();

  /** Begins to count. */
  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** The functions that ran since the last call. */
  take(): readonly RanFunction[] {
    // Within one thread the answer comes before `post` returns.
    let result: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      result = taken.result;
    });
    return result
      .filter(({ url }) => url.includes(PRODUCT))
      .flatMap(({ scriptId, functions }) =>
        functions.flatMap(({ ranges }) => {
          const [whole] = ranges;
          if (!whole || whole.count === 0) return [];
          const { startOffset: start, endOffset: end } = whole;
          return { name: `${scriptId}:${start}-${end}`, start, end, ranges };
        }),
      );
  }

  /** Ends the counting. */
  stop(): void {
    this.#session.disconnect();
  }
}

/** All code that was reached so far, character by character: V8 joins what ran equally often, so its ranges don't compare. */
export class Reach {
  /** 1 for each character of a function that ran. */
  readonly #ran = new Map<string, Uint8Array>();
  #size = 0;

  /** Characters of code that were reached. */
  get size(): number {
    return this.#size;
  }

  /** True when something ran that wasn't reached before. */
  isNew(functions: readonly RanFunction[]): boolean {
    return functions.some((one) => {
      const before = this.#ran.get(one.name);
      return !before || charactersOf(one).some((ran, at) => ran > (before[at] ?? 0));
    });
  }

  /** Remembers what ran. */
  add(functions: readonly RanFunction[]): void {
    for (const one of functions) {
      const before = this.#ran.get(one.name) ?? new Uint8Array(one.end - one.start);
      for (const [at, ran] of charactersOf(one).entries()) {
        if (ran > (before[at] ?? 0)) {
          before[at] = 1;
          this.#size += 1;
        }
      }
      this.#ran.set(one.name, before);
    }
  }
}

function charactersOf({ start, end, ranges }: RanFunction): Uint8Array {
  const characters = new Uint8Array(end - start);
  for (const { startOffset, endOffset, count } of ranges) {
    characters.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
  }
  return characters;
}
