import koffi from 'koffi';
import { addressOf, allocate } from './memory.ts';

/** Take what is there, wait for nothing (preadv2(2)). */
const RWF_NOWAIT = 8;
/** struct iovec in bytes: its size, and the offsets of its fields, of 64 bits each. */
const IOVEC = { size: 16, base: 0, length: 8 };

const libc = koffi.load('libc.so.6');
const preadv2 = libc.func('long preadv2(int fd, uintptr_t vectors, int count, int64_t offset, int flags)');

const vector = allocate(IOVEC.size);

/**
 * Fills the beginning of `target` with the bytes from `position` of an open file, as far as the kernel has them in memory.
 * Never waits for a disk. Gives how many bytes that were: 0 when there are none, when the file system can't tell, or when
 * reading fails, which reading in any other way then shows.
 */
export function readCached(fd: number, target: Uint8Array, position: number): number {
  vector.bytes.writeBigUInt64LE(BigInt(addressOf(target)), IOVEC.base);
  vector.bytes.writeBigUInt64LE(BigInt(target.length), IOVEC.length);
  return Math.max(0, preadv2(fd, vector.address, 1, position, RWF_NOWAIT));
}
