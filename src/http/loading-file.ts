import { allocateLarge } from '../net/memory.ts';
import { readFully } from './file-reader.ts';
import { assertUnchanged, openServedFile, type ServedFile } from './served-file.ts';

/** Bytes handed out in one go. Larger writes cost less per byte; beyond this there is nothing more to gain. */
const SLICE = 4 * 1024 * 1024;

/** A file on its way into memory: what has arrived can be sent while the rest is still being read. */
export class LoadingFile {
  readonly file: ServedFile;
  /** Settles when the whole file is in memory, or when it can't be. */
  readonly done: Promise<void>;
  readonly #bytes: Buffer;
  #loaded = 0;
  #failure: Error | undefined;
  #progress = createSignal();

  /** Begins to read. */
  constructor(file: ServedFile) {
    this.file = file;
    this.#bytes = allocateLarge(file.size);
    this.done = this.#load();
    this.done.catch((error) => {
      this.#failure = error;
      this.#progress.resolve();
    });
  }

  /** Bytes in memory so far, counted from the file's start. */
  get loaded(): number {
    return this.#loaded;
  }

  /** A copy of the bytes from `start` up to `end`; undefined when not all of them have been read yet. */
  peek(start: number, end: number): Buffer | undefined {
    return end <= this.#loaded ? Buffer.from(this.#bytes.subarray(start, end)) : undefined;
  }

  /** The bytes from `start` up to `end`, waiting for those not yet read; throws when reading fails. */
  async *slices(start: number, end: number): AsyncGenerator<Buffer> {
    for (let position = start; position < end; ) {
      while (this.#loaded <= position) {
        if (this.#failure) throw this.#failure;
        await this.#progress.promise;
      }
      const next = Math.min(position + SLICE, this.#loaded, end);
      yield this.#bytes.subarray(position, next);
      position = next;
    }
  }

  async #load(): Promise<void> {
    const handle = await openServedFile(this.file);
    try {
      for (let position = 0; position < this.file.size; ) {
        const next = Math.min(position + SLICE, this.file.size);
        await readFully(handle, this.#bytes.subarray(position, next), position);
        // The last bytes are given out only when nobody wrote to the file meanwhile: no client ever completes a mixture.
        if (next === this.file.size) await assertUnchanged(handle, this.file);
        position = next;
        this.#advance(next);
      }
    } finally {
      await handle.close();
    }
  }

  #advance(loaded: number): void {
    const reached = this.#progress;
    this.#loaded = loaded;
    this.#progress = createSignal();
    reached.resolve();
  }
}

interface Signal {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function createSignal(): Signal {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
