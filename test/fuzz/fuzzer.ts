import { seededRandom } from '../support/recorded.ts';
import { type Coverage, Reach } from './coverage.ts';
import { mutate } from './mutate.ts';
import { shrink } from './shrink.ts';
import type { Finding, FuzzSummary, FuzzTarget } from './target.ts';

/** How a run is watched and ended. */
export interface FuzzOptions {
  /** Of the changes. What they are made to depends on V8's counters and on the time: a finding is repeated by its input. */
  readonly seed: number;
  readonly coverage: Coverage;
  /** True when it is enough; asked between batches, with the number of inputs that ran. */
  readonly isOver: (executions: number) => boolean;
  /** Told of every input before it runs. */
  readonly watch: (bytes: Uint8Array) => void;
  /** Told of each finding once; a second one with the same error at the same place isn't told. */
  readonly onFinding: (finding: Finding) => void;
}

/** Inputs between two looks at the coverage: as many as keep the time for looking small, within these bounds. */
const SMALLEST_BATCH = 32;
const LARGEST_BATCH = 4_096;
/** How much longer than the look itself the inputs between two looks should take. */
const LOOK_SHARE = 4;
/** Inputs kept; beyond that a random one makes room. */
const MAX_KEPT = 4_000;
/** Different words; one more isn't counted, since a target that has so many doesn't say what came of an input. */
const MAX_WORDS = 1_000;
/** Different findings in one target, after which it has been tried enough. */
const MAX_FINDINGS = 20;
/** An input that took too long is run again, since something else may have had the processor. */
const SLOW_TRIES = 5;

/** Runs a target on its seeds and then on what mutation makes of the inputs that reached something new. */
export function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzSummary> {
  return new Fuzzer(target, options).run();
}

/** One run over one target. */
class Fuzzer {
  readonly #target: FuzzTarget;
  readonly #options: FuzzOptions;
  readonly #random: () => number;
  readonly #reach = new Reach();
  /** The inputs to go on from. */
  readonly #kept: Uint8Array[] = [];
  /** How often each word came. */
  readonly #outcomes = new Map<string, number>();
  readonly #findings = new Map<string, Finding>();
  #executions = 0;

  constructor(target: FuzzTarget, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<FuzzSummary> {
    const { coverage, isOver } = this.#options;
    const began = performance.now();
    coverage.take();
    for (const bytes of this.#target.seeds()) {
      await this.#attempt(bytes);
      this.#keep(bytes);
    }
    this.#reach.add(coverage.take());
    const reachedBySeeds = this.#reach.size;
    for (let size = SMALLEST_BATCH; !isOver(this.#executions) && this.#findings.size < MAX_FINDINGS; ) {
      size = await this.#batch(size);
    }
    return {
      target: this.#target.name,
      executions: this.#executions,
      milliseconds: performance.now() - began,
      reachedBySeeds,
      reached: this.#reach.size,
      kept: this.#kept.length,
      outcomes: Object.fromEntries(this.#outcomes),
      findings: [...this.#findings.values()],
    };
  }

  /** Runs so many new inputs and keeps those that lead to something new; gives the size of the next batch. */
  async #batch(size: number): Promise<number> {
    const { maxLength, tokens } = this.#target;
    const mutator = { random: this.#random, corpus: this.#kept, tokens: tokens?.() ?? [], maxLength };
    const batch: Buffer[] = [];
    const start = performance.now();
    while (batch.length < size) {
      const bytes = mutate(this.#parent(), mutator);
      batch.push(bytes);
      if (await this.#attempt(bytes)) this.#keep(bytes);
    }
    const ran = performance.now();
    const taken = this.#options.coverage.take();
    const isTooShort = ran - start < LOOK_SHARE * (performance.now() - ran);
    if (this.#reach.isNew(taken)) await this.#keepThoseOf(batch);
    this.#reach.add(taken);
    return isTooShort ? Math.min(2 * size, LARGEST_BATCH) : Math.max(size >> 1, SMALLEST_BATCH);
  }

  /** Finds the inputs of a batch that reach new code, by halves: most reach none. */
  async #keepThoseOf(batch: readonly Uint8Array[]): Promise<void> {
    for (const bytes of batch) await this.#attempt(bytes);
    const taken = this.#options.coverage.take();
    const [first] = batch;
    if (!first || !this.#reach.isNew(taken)) return;
    if (batch.length === 1) {
      this.#reach.add(taken);
      this.#keep(first);
      return;
    }
    const middle = batch.length >> 1;
    await this.#keepThoseOf(batch.slice(0, middle));
    await this.#keepThoseOf(batch.slice(middle));
  }

  /** Runs one input; true when a word came of it that is new. */
  async #attempt(bytes: Uint8Array): Promise<boolean> {
    this.#options.watch(bytes);
    this.#executions += 1;
    const start = performance.now();
    let isNew = false;
    try {
      const result = this.#target.run(bytes);
      isNew = this.#count(result instanceof Promise ? await result : result);
    } catch (error) {
      await this.#report(bytes, error);
    }
    if (performance.now() - start > this.#target.limit) await this.#checkTime(bytes);
    return isNew;
  }

  /** True when one of the words is new. */
  #count(words: readonly string[]): boolean {
    let isNew = false;
    for (const word of words) {
      const count = this.#outcomes.get(word) ?? 0;
      if (count === 0 && this.#outcomes.size >= MAX_WORDS) continue;
      isNew ||= count === 0;
      this.#outcomes.set(word, count + 1);
    }
    return isNew;
  }

  async #report(bytes: Uint8Array, error: unknown): Promise<void> {
    const kind = kindOf(error);
    if (this.#findings.has(kind)) return;
    const input = await shrink(bytes, async (smaller) => {
      this.#options.watch(smaller);
      return kindOf(await failureOf(this.#target, smaller)) === kind;
    });
    this.#tell(kind, input, errorText((await failureOf(this.#target, input)) ?? error));
  }

  /** Tells of an input that takes too long each time. */
  async #checkTime(bytes: Uint8Array): Promise<void> {
    const { limit } = this.#target;
    let fastest = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < SLOW_TRIES && fastest > limit; tries += 1) {
      const start = performance.now();
      await failureOf(this.#target, bytes);
      fastest = Math.min(fastest, performance.now() - start);
    }
    if (fastest <= limit || this.#findings.has('slow')) return;
    this.#tell('slow', bytes, `takes ${Math.round(fastest)} ms, more than ${limit} ms`);
  }

  #tell(kind: string, bytes: Uint8Array, error: string): void {
    const { seed, onFinding } = this.#options;
    const finding = { target: this.#target.name, seed, input: Uint8Array.from(bytes), error };
    this.#findings.set(kind, finding);
    onFinding(finding);
  }

  #keep(bytes: Uint8Array): void {
    if (this.#kept.length < MAX_KEPT) this.#kept.push(bytes);
    else this.#kept[this.#below(MAX_KEPT)] = bytes;
  }

  /** An input to change, rather a late one: what was reached last has been changed least. */
  #parent(): Uint8Array {
    const one = this.#below(this.#kept.length);
    const other = this.#below(this.#kept.length);
    return this.#kept[this.#random() < 0.5 ? Math.max(one, other) : one] ?? new Uint8Array();
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

/** What a target throws for an input; undefined when it holds. */
export async function failureOf(target: FuzzTarget, bytes: Uint8Array): Promise<unknown> {
  try {
    await target.run(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** An error with its stack, as text. */
export function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The same for findings that are likely the same: the error without its numbers, and where it was thrown. */
function kindOf(error: unknown): string {
  const text = errorText(error);
  const [message = '', ...stack] = text.split('\n');
  const place = stack.find((line) => /^\s+at /.test(line)) ?? '';
  return `${message.replace(/\d+/g, '#').slice(0, 120)}${place}`;
}
