import { closeDescriptor, openUnixDatagram, SOL_SOCKET, sendMessage, unixName } from './libc.ts';
import { allocate } from './memory.ts';

const SCM_RIGHTS = 1;

/** Sizes in bytes of structures for sendmsg(2), on 64 bits, and offsets of their fields. */
const MSGHDR = { size: 56, name: 0, namelen: 8, iov: 16, iovlen: 24, control: 32, controllen: 40 };
const IOVEC = { size: 16, base: 0, length: 8 };
/** struct cmsghdr with one descriptor after it, and what is left of its last eight bytes. */
const CMSGHDR = { size: 24, len: 0, level: 8, type: 12, descriptor: 16, end: 20 };

/** systemd's store of descriptors for a service, which it gives to each of its main processes (sd_notify(3), FDSTORE=1). */
export interface DescriptorStore {
  /**
   * Puts a copy of a descriptor there, in the place of those with the same name. It stays whatever happens to what it
   * describes: an interface that goes down would otherwise take its sockets along. Throws SystemCallError.
   */
  put(name: string, fd: number): void;
  /** Takes what has this name away. Throws SystemCallError. */
  remove(name: string): void;
}

/** @param path the unix socket at which systemd listens: NOTIFY_SOCKET */
export function openDescriptorStore(path: string): DescriptorStore {
  const remove = (name: string) => tell(path, ['FDSTOREREMOVE=1', `FDNAME=${name}`]);
  return {
    remove,
    put(name, fd) {
      remove(name);
      tell(path, ['FDSTORE=1', 'FDPOLL=0', `FDNAME=${name}`], fd);
    },
  };
}

/** Sends lines to systemd, with a descriptor; waits until it has room for them. */
function tell(path: string, lines: readonly string[], passed?: number): void {
  const message = Buffer.from(lines.join('\n'));
  const sockaddr = unixName(path);
  // All in one piece of memory, which is kept while the kernel reads it.
  const iovec = MSGHDR.size;
  const control = iovec + IOVEC.size;
  const name = control + CMSGHDR.size;
  const text = name + sockaddr.length;
  const { bytes, address } = allocate(Math.ceil((text + message.length) / 4) * 4);
  const pointer = (offset: number, to: number) => bytes.writeBigUInt64LE(BigInt(address + to), offset);
  pointer(MSGHDR.name, name);
  bytes.writeUInt32LE(sockaddr.length, MSGHDR.namelen);
  pointer(MSGHDR.iov, iovec);
  bytes.writeBigUInt64LE(1n, MSGHDR.iovlen);
  pointer(iovec + IOVEC.base, text);
  bytes.writeBigUInt64LE(BigInt(message.length), iovec + IOVEC.length);
  if (passed !== undefined) {
    pointer(MSGHDR.control, control);
    bytes.writeBigUInt64LE(BigInt(CMSGHDR.size), MSGHDR.controllen);
    bytes.writeBigUInt64LE(BigInt(CMSGHDR.end), control + CMSGHDR.len);
    bytes.writeInt32LE(SOL_SOCKET, control + CMSGHDR.level);
    bytes.writeInt32LE(SCM_RIGHTS, control + CMSGHDR.type);
    bytes.writeInt32LE(passed, control + CMSGHDR.descriptor);
  }
  bytes.set(sockaddr, name);
  bytes.set(message, text);
  const fd = openUnixDatagram();
  try {
    sendMessage(fd, bytes);
  } finally {
    closeDescriptor(fd);
  }
}
