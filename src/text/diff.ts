/** A line of one text or of both. */
interface DiffLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Lines shown around each change. */
const CONTEXT = 3;

/**
 * What changes from `before` to `after`, line by line: lines that go begin with `-`, lines that come with `+`, a few that
 * stay with a space, and `…` stands for those left out. Empty when nothing changes.
 */
export function diffLines(before: readonly string[], after: readonly string[]): string[] {
  const lines = align(before, after);
  const changed = lines.map(({ mark }) => mark !== ' ');
  const near = lines.map((_, index) =>
    changed.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).includes(true),
  );
  return lines.flatMap(({ mark, text }, index) => {
    if (near[index]) return [`${mark}${text}`.trimEnd()];
    const isFirstLeftOut = index > 0 && near[index - 1] === true;
    return isFirstLeftOut && near.includes(true, index) ? ['…'] : [];
  });
}

/** Both texts as one, by their longest common subsequence. */
function align(before: readonly string[], after: readonly string[]): DiffLine[] {
  const columns = after.length + 1;
  // lengths[i * columns + j]: length of the longest common subsequence of the texts from lines i and j on.
  const lengths = new Uint32Array((before.length + 1) * columns);
  const at = (i: number, j: number) => lengths[i * columns + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i * columns + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const old = before[i];
    const fresh = after[j];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: old });
      i += 1;
    } else {
      lines.push({ mark: '+', text: fresh ?? '' });
      j += 1;
    }
  }
  return lines;
}
