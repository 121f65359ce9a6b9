/** A function that does `work` once, `interval` milliseconds after the first of any number of calls. */
export function coalesce(work: () => void, interval: number): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      work();
    }, interval);
  };
}
