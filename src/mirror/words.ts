/** Most of a line that is told. */
const LONGEST = 300;

/**
 * What a docker-registry said at its end, in a line for people: the message of its last line in logfmt, or how it panicked.
 * Undefined when it said nothing of the kind.
 */
export function lastWords(output: string): string | undefined {
  const lines = output
    .split('\n')
    .filter((line) => /^(?:panic: |time=|docker-registry: |setpriv: )/.test(line));
  const line = lines.findLast((candidate) => !candidate.includes('level=warning'));
  if (line === undefined) return undefined;
  const [, quoted] = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line) ?? [];
  const text = quoted?.replace(/\\(.)/g, '$1') ?? line.replace(/^panic: /, '');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
