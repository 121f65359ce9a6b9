export type Labels = Readonly<Record<string, string>>;

/** Labels as they are typed: `rack=r1 zone=a`. */
export function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/**
 * Reads `key=value` pairs between spaces or commas.
 * @throws Error that says which one can't be read
 */
export function parseLabels(text: string): Labels {
  const pairs = text.split(/[\s,]+/).filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`“${pair}” isn’t a label: write key=value, as in rack=r1`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** What makes `before` into `after`: values that are new or other, null for keys that are gone. */
export function labelChange(before: Labels, after: Labels): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(changed) };
}
