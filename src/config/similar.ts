import { closest, distance } from 'fastest-levenshtein';

/** `, did you mean worker?` for a word that is nearly a known one; empty for others. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const similar = closest(word, known);
  return distance(word, similar) <= Math.ceil(similar.length / 3) ? `, did you mean ${similar}?` : '';
}
