import { toNetascii } from './netascii.ts';

/** Contents of a file in memory that threads share. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;

/**
 * Files in the form in which they are sent: in shared memory, and converted when the mode is netascii. Each copy and each
 * conversion is made once and kept for as long as whoever gave the file keeps it.
 */
export class SharedContents {
  readonly #octet = new WeakMap<Uint8Array, SharedBytes>();
  readonly #netascii = new WeakMap<Uint8Array, SharedBytes>();

  /** `bytes` themselves when their memory is shared, else a copy. */
  octet(bytes: Uint8Array): SharedBytes {
    return isShared(bytes) ? bytes : remembered(this.#octet, bytes, toShared);
  }

  /** What is sent of a file in netascii. */
  netascii(bytes: Uint8Array): SharedBytes {
    return remembered(this.#netascii, bytes, (file) => this.octet(toNetascii(file)));
  }
}

function isShared(bytes: Uint8Array): bytes is SharedBytes {
  return bytes.buffer instanceof SharedArrayBuffer;
}

function toShared(bytes: Uint8Array): SharedBytes {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function remembered(
  known: WeakMap<Uint8Array, SharedBytes>,
  bytes: Uint8Array,
  make: (bytes: Uint8Array) => SharedBytes,
): SharedBytes {
  const before = known.get(bytes);
  if (before) return before;
  const made = make(bytes);
  known.set(bytes, made);
  return made;
}
