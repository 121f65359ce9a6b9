import { InvalidArgumentError } from 'commander';
import { UsageError } from './usage.ts';

/** Reads `KEY=VALUE` of an option that may be given again. Throws commander's error for anything else. */
export function assignLabel(
  text: string,
  others: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [key, value] = split(text);
  if (key === '' || value === undefined) throw new InvalidArgumentError('It must be KEY=VALUE.');
  return { ...others, [key]: value };
}

/** Reads `KEY=VALUE`, which sets a label, and `KEY-`, which takes one away: null. Throws a UsageError for anything else. */
export function parseLabelChanges(words: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(
    words.map((word) => {
      const [key, value] = split(word);
      if (key !== '' && value !== undefined) return [key, value];
      if (value === undefined && /^.+-$/.test(key)) return [key.slice(0, -1), null];
      throw new UsageError(`"${word}" says nothing about a label: KEY=VALUE sets one, KEY- takes it away`);
    }),
  );
}

/** Both sides of the first equals sign; no value where there is none. */
function split(text: string): [key: string, value: string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
