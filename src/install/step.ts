/** One thing that an installation makes sure of. */
export interface Step {
  /** What is the case afterwards, in a few words. */
  readonly title: string;
  /** Looks at the system: what has to be changed; undefined when all is as it should be. Changes nothing. */
  look(): Promise<Change | undefined>;
}

/** What a step has to do. */
export interface Change {
  /** In lines for people: lines of files that go or come begin with `-` or `+`. */
  readonly lines: readonly string[];
  /** Does it. Throws an Error that says what to do about it. */
  apply(): Promise<void>;
}

/** How a step went: nothing was to be done, it was or would be done. */
export type StepResult =
  | { readonly title: string; readonly done: 'before' }
  | { readonly title: string; readonly done: 'now' | 'not'; readonly lines: readonly string[] };

/**
 * Takes the steps in order, each looked at when the ones before are done. With `dryRun` nothing is changed: what a later
 * step would find after an earlier one is then told as it is now. Throws an Error with the step's title when one fails.
 */
export async function* takeSteps(steps: readonly Step[], dryRun: boolean): AsyncGenerator<StepResult> {
  for (const { title, look } of steps) {
    try {
      const change = await look();
      if (!change) {
        yield { title, done: 'before' };
        continue;
      }
      if (!dryRun) await change.apply();
      yield { title, done: dryRun ? 'not' : 'now', lines: change.lines };
    } catch (error) {
      throw new Error(`${title}: ${(error as Error).message}`, { cause: error });
    }
  }
}
