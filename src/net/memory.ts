import koffi from 'koffi';
import { wantHugePages } from './libc.ts';

/** Bytes at a known place in memory that never move, for system calls to read and write. */
export interface Memory {
  readonly bytes: Buffer;
  /** The same bytes as 32-bit words, for what is used with every packet: a typed array is faster than a Buffer. */
  readonly words: Uint32Array;
  /** Where the first of them is. */
  readonly address: number;
}

/** Zeroed memory of `size` bytes, a multiple of four; keep the result for as long as a system call may use it. */
export function allocate(size: number): Memory {
  const buffer = new SharedArrayBuffer(size);
  const bytes = Buffer.from(buffer);
  return { bytes, words: new Uint32Array(buffer), address: addressOf(bytes) };
}

/**
 * Where `bytes` begin in memory, the same for every thread. They never move, but whoever uses the address must see to it
 * that `bytes` are kept, and not transferred to another thread, for as long. Handing a system call this number instead of
 * the bytes saves some 0.4 µs per argument.
 */
export function addressOf(bytes: Uint8Array): number {
  // A user-space address has at most 52 bits on x86-64 and arm64, so a number holds it exactly.
  return Number(koffi.address(bytes));
}

/** Huge pages of x86-64, and of arm64 with pages of 4 KiB. */
const HUGE_PAGE = 2 * 1024 * 1024;

/**
 * Memory of `size` bytes with nothing sensible in it, on huge pages where the kernel has them: the CPU then finds its way in
 * it by a 512th of the page table entries.
 */
export function allocateLarge(size: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  const begin = addressOf(bytes);
  const first = Math.ceil(begin / HUGE_PAGE) * HUGE_PAGE;
  const length = Math.floor((begin + size - first) / HUGE_PAGE) * HUGE_PAGE;
  if (length > 0) wantHugePages(first, length);
  return bytes;
}
