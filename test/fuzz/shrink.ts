/** Runs that finding a smaller input may cost. */
const MAX_TRIES = 2_000;

/**
 * A shorter and plainer input for which `fails` still holds: pieces are left out, ever smaller ones, then bytes are made
 * zero.
 */
export async function shrink(
  input: Uint8Array,
  fails: (smaller: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = Uint8Array.from(input);
  let tries = 0;
  const accept = async (smaller: Uint8Array): Promise<boolean> => {
    tries += 1;
    if (tries > MAX_TRIES || !(await fails(smaller))) return false;
    best = Uint8Array.from(smaller);
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && tries < MAX_TRIES; ) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (!(await accept(shorter))) at += size;
    }
  }
  for (let at = 0; at < best.length && tries < MAX_TRIES; at += 1) {
    if (best[at] === 0) continue;
    const plainer = Uint8Array.from(best);
    plainer[at] = 0;
    await accept(plainer);
  }
  return best;
}
