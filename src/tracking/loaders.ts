import { afterFetch, afterReturn, afterSuccess, inOrder, NO_HISTORY } from '../boot/fallback.ts';
import type { NetworkBooter } from '../boot/firmware.ts';
import type { Mac } from '../net/mac.ts';
import type { Tracking } from './tracking.ts';

/** A machine has fetched a loader, or what its loader fetches in its turn. */
export function loaderFetched({ parts }: Tracking, mac: Mac, file: string, now: number): void {
  const history = parts.registry.get(mac)?.loaders ?? NO_HISTORY;
  parts.registry.noteLoaders(mac, afterFetch(history, file, now));
}

/** The loader is at work: iPXE asks for an address, or somebody for a file that only a loader asks for. */
export function loaderWorks({ parts }: Tracking, mac: Mac): void {
  const history = parts.registry.get(mac)?.loaders;
  if (history) parts.registry.noteLoaders(mac, afterSuccess(history));
}

/** A machine gets another loader from now on. */
export interface Fallback {
  /** For people. */
  readonly detail: string;
  /** False when every loader there is has had its turn. */
  readonly isFresh: boolean;
}

/**
 * Firmware asks for an address; what that says of the loader it had before. Undefined when it gets the same one. A machine
 * whose entry names its loader keeps it.
 */
export function firmwareReturned(
  { parts }: Tracking,
  mac: Mac,
  booter: NetworkBooter,
  now: number,
): Fallback | undefined {
  const history = parts.registry.get(mac)?.loaders;
  const row = booter.kind === 'firmware' ? booter.row : undefined;
  if (!history?.fetched || !row) return undefined;
  const identity = parts.identify(mac);
  const isPinned = identity.admission === 'boot' && identity.entry.loader !== undefined;
  const files = isPinned ? [] : row.files.filter(parts.isLoader);
  const after = afterReturn(history, files, now);
  parts.registry.noteLoaders(mac, after);
  const [before] = inOrder(files, history);
  const [next] = inOrder(files, after);
  if (next === before) return undefined;
  const isFresh = after.failed.length > 0;
  const others = isFresh ? '' : ', and so it was with all others';
  const detail = `${booter.name} was back twice after ${history.fetched.file}${others}: it is offered ${next} now`;
  return { detail, isFresh };
}
