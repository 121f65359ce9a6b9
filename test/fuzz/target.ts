/** Something that takes bytes from the network or from a file, and what must hold for all of them. */
export interface FuzzTarget {
  readonly name: string;
  /** What is put to the test, for people. */
  readonly about: string;
  /** Good inputs to begin with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Pieces that mean something to the parser, to be put into inputs. */
  readonly tokens?: () => readonly Uint8Array[];
  /** Longest input, bytes. */
  readonly maxLength: number;
  /** What one input may take at most, milliseconds; generous, since others use the processor too. */
  readonly limit: number;
  /**
   * Runs one input, from a fresh state, and gives words for what came of it: an input that leads to a new word is kept to go
   * on from. Throws, or rejects, when a property doesn't hold.
   */
  readonly run: (bytes: Uint8Array) => readonly string[] | Promise<readonly string[]>;
}

/** An input for which a property doesn't hold. */
export interface Finding {
  readonly target: string;
  /** Of the run that found it. */
  readonly seed: number;
  readonly input: Uint8Array;
  /** What is wrong, with a stack where there is one. */
  readonly error: string;
}

/** What a run over one target came to. */
export interface FuzzSummary {
  readonly target: string;
  readonly executions: number;
  readonly milliseconds: number;
  /** Characters of the product's code that were reached: by the seeds alone, and in all. */
  readonly reachedBySeeds: number;
  readonly reached: number;
  /** Inputs that are kept to go on from, seeds included. */
  readonly kept: number;
  /** How often each word came of an input. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}
