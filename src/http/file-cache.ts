import { LoadingFile } from './loading-file.ts';
import type { ServedFile } from './served-file.ts';

/** A hold on a file in memory. The bytes stay until `release` is called, once. */
export interface CachedFile {
  /** The bytes from `start` up to `end`, those not yet read as they arrive; throws when reading fails. */
  slices(start: number, end: number): AsyncGenerator<Buffer>;
  release(): void;
}

/**
 * Hot files in memory, the least recently asked for given up first. A file is read once however many ask for it at the
 * same time. A file that changed on disk is read anew; who was being served keeps the old bytes. What is held never
 * exceeds the budget, old versions still being served included.
 */
export class FileCache {
  readonly #budget: () => number;
  /** By path, in order of last use. */
  readonly #entries = new Map<string, Entry>();
  #held = 0;

  /** `budget` gives the bytes the cache may hold now. */
  constructor(budget: () => number) {
    this.#budget = budget;
  }

  /** Bytes of memory in use. */
  get held(): number {
    return this.#held;
  }

  /**
   * The file in memory, for a client that begins to read at `start`; undefined when it is better read from disk: it
   * takes more than half of the budget, everything else in memory is being served, or loading hasn't come to `start`.
   */
  acquire(file: ServedFile, start: number): CachedFile | undefined {
    let entry = this.#entries.get(file.path);
    if (entry && entry.loading.file.etag !== file.etag) {
      this.#retire(entry);
      entry = undefined;
    }
    const available = entry ? start <= entry.loading.loaded : start === 0 && this.#makeRoom(file.size);
    if (!available) return undefined;
    return this.#hold(entry ?? this.#load(file));
  }

  /** A copy of the bytes from `start` up to `end` of a file; undefined when they aren't in memory. */
  peek(file: ServedFile, start: number, end: number): Buffer | undefined {
    const loading = this.#entries.get(file.path)?.loading;
    return loading?.file.etag === file.etag ? loading.peek(start, end) : undefined;
  }

  #load(file: ServedFile): Entry {
    const entry: Entry = { loading: new LoadingFile(file), users: 0 };
    this.#held += file.size;
    const { release } = this.#hold(entry);
    entry.loading.done.then(release, () => {
      this.#retire(entry);
      release();
    });
    return entry;
  }

  #hold(entry: Entry): CachedFile {
    const { path } = entry.loading.file;
    entry.users += 1;
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    return {
      slices: (start, end) => entry.loading.slices(start, end),
      release: () => {
        entry.users -= 1;
        if (this.#entries.get(path) !== entry) this.#forget(entry);
      },
    };
  }

  /** Nobody new gets this entry; its memory is given back when its last user leaves. */
  #retire(entry: Entry): void {
    const { path } = entry.loading.file;
    if (this.#entries.get(path) !== entry) return;
    this.#entries.delete(path);
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    if (entry.users === 0) this.#held -= entry.loading.file.size;
  }

  #makeRoom(size: number): boolean {
    const budget = this.#budget();
    if (size > budget / 2) return false;
    for (const entry of this.#entries.values()) {
      if (this.#held + size <= budget) break;
      if (entry.users === 0) this.#retire(entry);
    }
    return this.#held + size <= budget;
  }
}

interface Entry {
  readonly loading: LoadingFile;
  /** Clients being served, and the loader itself while it reads. */
  users: number;
}
