/**
 * No loader suits every machine: snponly.efi needs a firmware driver that works twice, ipxe.efi one of its own for the
 * card. Whether a loader has worked is seen from outside: iPXE asks for an address, or the firmware does once more.
 */

/** What came of the loaders that a machine has fetched. Times are milliseconds since the epoch. */
export interface LoaderHistory {
  /** The first file fetched since the firmware asked for an address, as long as nothing is known of what came of it. */
  readonly fetched?: { readonly file: string; readonly at: number };
  /** The loader after which the firmware was back, and how often in a row. */
  readonly failing?: { readonly file: string; readonly times: number };
  /** Loaders given up, in that order. */
  readonly failed: readonly string[];
  /** The loader that was seen to work last. */
  readonly working?: string;
}

/** Nothing is known of a machine's loaders. */
export const NO_HISTORY: LoaderHistory = { failed: [] };

/** Firmware that is back later than this was switched on anew, milliseconds. */
const SOON = 5 * 60_000;
/** Back so often in a row, it won't get any further with that loader. */
const ENOUGH = 2;

/** A machine has fetched `file`. What a loader fetches in its turn (a shim the real loader) doesn't count. */
export function afterFetch(history: LoaderHistory, file: string, now: number): LoaderHistory {
  return history.fetched ? history : { ...history, fetched: { file, at: now } };
}

/** The loader that was fetched has gone to work. */
export function afterSuccess(history: LoaderHistory): LoaderHistory {
  const { fetched, failing, failed, working } = history;
  if (!fetched) return failing ? { failed, ...(working !== undefined && { working }) } : history;
  return { failed: failed.filter((file) => file !== fetched.file), working: fetched.file };
}

/**
 * The firmware asks for an address. If that follows soon on a loader, the loader has come to nothing; the second time in
 * a row it is given up, and once all of `files` are, they get another turn.
 */
export function afterReturn(history: LoaderHistory, files: readonly string[], now: number): LoaderHistory {
  const { fetched, failing, failed, working } = history;
  if (!fetched) return history;
  const { file } = fetched;
  const kept = { failed, ...(working !== undefined && { working }) };
  if (now - fetched.at > SOON) return kept;
  const times = failing?.file === file ? failing.times + 1 : 1;
  if (times < ENOUGH) return { ...kept, failing: { file, times } };
  const givenUp = [...failed.filter((other) => other !== file), file];
  return {
    failed: files.some((other) => !givenUp.includes(other)) ? givenUp : [],
    ...(working !== undefined && working !== file && { working }),
  };
}

/** The loaders of a row, those that were given up last. */
export function inOrder(files: readonly string[], { failed }: LoaderHistory): readonly string[] {
  return [
    ...files.filter((file) => !failed.includes(file)),
    ...failed.filter((file) => files.includes(file)),
  ];
}
