/** `fail`: machines won't boot, or not all of them · `warn`: something will go wrong sooner or later, or couldn't be looked at. */
export type Level = 'ok' | 'warn' | 'fail';

/** What a check has found. */
export interface Finding {
  /** What was looked at: `interface eth1`. */
  readonly subject: string;
  readonly level: Level;
  /** What was found, for people. */
  readonly found: string;
  /** What to do about it; absent when all is well. */
  readonly advice?: string;
}

export function ok(subject: string, found: string): Finding {
  return { subject, level: 'ok', found };
}

export function warn(subject: string, found: string, advice: string): Finding {
  return { subject, level: 'warn', found, advice };
}

export function fail(subject: string, found: string, advice: string): Finding {
  return { subject, level: 'fail', found, advice };
}
