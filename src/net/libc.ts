import { readFileSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

// Linux's numbers (asm-generic), the same on x86-64 and arm64.
const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
export const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
export const MSG_DONTWAIT = 0x40;
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
const FALLOC_FL_KEEP_SIZE = 1;

function load() {
  if (process.platform !== 'linux') {
    throw new Error(
      `rackseed serves DHCP on one interface only, which needs Linux's SO_BINDTODEVICE; this is ${process.platform}`,
    );
  }
  const libc = koffi.load('libc.so.6');
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    getsockopt: libc.func(
      'int getsockopt(int fd, int level, int name, void *value, _Inout_ uint32_t *length)',
    ),
    bind: libc.func('int bind(int fd, const void *address, uint32_t length)'),
    listen: libc.func('int listen(int fd, int backlog)'),
    fcntl: libc.func('int fcntl(int fd, int command, int lowest)'),
    getsockname: libc.func('int getsockname(int fd, void *address, _Inout_ uint32_t *length)'),
    sendto: libc.func(
      'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)',
    ),
    sendmsg: libc.func('long sendmsg(int fd, const void *message, int flags)'),
    recv: libc.func('long recv(int fd, void *bytes, size_t length, int flags)'),
    if_nametoindex: libc.func('unsigned int if_nametoindex(const char *name)'),
    close: libc.func('int close(int fd)'),
    fallocate: libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
    malloc_trim: libc.func('int malloc_trim(size_t pad)'),
    madvise: libc.func('int madvise(uint64_t address, size_t length, int advice)'),
  };
}

let functions: ReturnType<typeof load> | undefined;
const libc = () => {
  functions ??= load();
  return functions;
};

/** A system call that failed; `code` is the errno's name, as in Node's own errors. */
export class SystemCallError extends Error {
  readonly code: string;

  constructor(call: string, errno = koffi.errno()) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call);
  return result;
}

/** A new socket (socket(2)), as a file descriptor that child processes don't inherit. Throws SystemCallError. */
export function openSocket(domain: number, type: number, protocol = 0): number {
  return check('socket', libc().socket(domain, type | SOCK_CLOEXEC, protocol));
}

/** A new UDP/IPv4 socket. Throws SystemCallError. */
export const openUdp = (): number => openSocket(AF_INET, SOCK_DGRAM);

/** A new TCP/IPv4 socket. Throws SystemCallError. */
export const openTcp = (): number => openSocket(AF_INET, SOCK_STREAM);

/** Lets the socket send and receive on one interface only (socket(7)). Throws SystemCallError. */
export function bindToDevice(fd: number, device: string): void {
  const name = Buffer.from(`${device}\0`);
  check('SO_BINDTODEVICE', libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length));
}

/** The interface that the socket is bound to; empty when it is bound to none. Throws SystemCallError. */
export function boundDevice(fd: number): string {
  const name = Buffer.alloc(16);
  const length = [name.length];
  check('SO_BINDTODEVICE', libc().getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, length));
  return name.toString('latin1', 0, Math.max(0, (length[0] ?? 0) - 1));
}

/** Binds the socket to an address and port, both in host byte order. Throws SystemCallError. */
export function bindAddress(fd: number, address: number, port: number): void {
  const sockaddr = Buffer.alloc(16);
  sockaddr.writeUInt16LE(AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  sockaddr.writeUInt32BE(address, 4);
  bindName(fd, sockaddr);
}

/** Binds the socket to what a struct sockaddr of its family says. Throws SystemCallError. */
export function bindName(fd: number, sockaddr: Uint8Array): void {
  check('bind', libc().bind(fd, sockaddr, sockaddr.length));
}

/** The struct sockaddr that the socket is bound to, of `size` bytes. Throws SystemCallError. */
export function boundName(fd: number, size: number): Buffer {
  const sockaddr = Buffer.alloc(size);
  check('getsockname', libc().getsockname(fd, sockaddr, [size]));
  return sockaddr;
}

/** The kernel's number of an interface. Throws SystemCallError when there is none of that name. */
export function interfaceIndex(name: string): number {
  const index: number = libc().if_nametoindex(name);
  if (index === 0) throw new SystemCallError('if_nametoindex');
  return index;
}

/** Sets an option of a socket that takes bytes (setsockopt(2)); `name` is for the error. Throws SystemCallError. */
export function setOption(fd: number, name: string, level: number, option: number, value: Uint8Array): void {
  check(name, libc().setsockopt(fd, level, option, value, value.length));
}

/** Bytes of a C int. */
export function intBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function setFlag(fd: number, option: number, value: number): number {
  return libc().setsockopt(fd, SOL_SOCKET, option, intBytes(value), 4);
}

export function setReuseAddress(fd: number, on: boolean): void {
  check('SO_REUSEADDR', setFlag(fd, SO_REUSEADDR, Number(on)));
}

export function allowBroadcast(fd: number): void {
  check('SO_BROADCAST', setFlag(fd, SO_BROADCAST, 1));
}

/** Asks for a receive buffer of `bytes`; without CAP_NET_ADMIN the kernel grants at most net.core.rmem_max. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  if (setFlag(fd, SO_RCVBUFFORCE, bytes) < 0) setFlag(fd, SO_RCVBUF, bytes);
}

/**
 * Sends a datagram to a struct sockaddr without ever waiting. One that the kernel has no room for is lost, as one on the
 * wire is. Throws SystemCallError for any other reason not to take it.
 */
export function sendDatagram(fd: number, message: Uint8Array, sockaddr: Uint8Array): void {
  try {
    check('sendto', libc().sendto(fd, message, message.length, MSG_DONTWAIT, sockaddr, sockaddr.length));
  } catch (error) {
    if (!(error instanceof SystemCallError && ['EAGAIN', 'ENOBUFS'].includes(error.code))) throw error;
  }
}

/** Puts a datagram that waits into `buffer`, cut to its length, without ever waiting; gives its bytes, or undefined. */
export function receiveDatagram(fd: number, buffer: Buffer): Buffer | undefined {
  const length = Number(libc().recv(fd, buffer, buffer.length, MSG_DONTWAIT));
  return length < 0 ? undefined : buffer.subarray(0, length);
}

/** Sends what a struct msghdr says (sendmsg(2)), and waits until the socket takes it. Throws SystemCallError. */
export function sendMessage(fd: number, msghdr: Uint8Array): void {
  check('sendmsg', libc().sendmsg(fd, msghdr, 0));
}

/** The struct sockaddr_un of a unix socket. A path that begins with `@` is in the abstract namespace (unix(7)). */
export function unixName(path: string): Buffer {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  const sockaddr = Buffer.alloc(2 + name.length);
  sockaddr.writeUInt16LE(AF_UNIX, 0);
  sockaddr.set(name, 2);
  return sockaddr;
}

/** A new socket for datagrams to unix sockets. Throws SystemCallError. */
export const openUnixDatagram = (): number => openSocket(AF_UNIX, SOCK_DGRAM);

/** Sends a datagram to a unix socket without ever waiting. Throws SystemCallError. */
export function sendUnixDatagram(path: string, message: Uint8Array): void {
  const sockaddr = unixName(path);
  const fd = openUnixDatagram();
  try {
    check('sendto', libc().sendto(fd, message, message.length, MSG_DONTWAIT, sockaddr, sockaddr.length));
  } finally {
    closeDescriptor(fd);
  }
}

/** Fixes the send buffer at `bytes`; connections that a listening socket accepts inherit it. */
export function setSendBuffer(fd: number, bytes: number): void {
  check('SO_SNDBUF', setFlag(fd, SO_SNDBUF, bytes));
}

/** How many connections the kernel keeps for a listening socket until they are accepted. Throws SystemCallError. */
export function setBacklog(fd: number, connections: number): void {
  check('listen', libc().listen(fd, connections));
}

/** Another descriptor of what `fd` is a descriptor of, which child processes don't inherit. Throws SystemCallError. */
export function duplicate(fd: number): number {
  return check('fcntl', libc().fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/** Keeps a descriptor that was inherited from child processes. Throws SystemCallError. */
export function closeOnExec(fd: number): void {
  check('fcntl', libc().fcntl(fd, F_SETFD, FD_CLOEXEC));
}

/** Closes a descriptor that no Node object has taken over. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/** What an inherited descriptor is: a UDP or TCP socket's kind and local IPv4 address, or undefined for anything else. */
export function describeSocket(
  fd: number,
): { readonly type: 'udp' | 'tcp'; readonly address: number; readonly port: number } | undefined {
  const type = Buffer.alloc(4);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_TYPE, type, [type.length]) < 0) return undefined;
  const kind = ({ [SOCK_DGRAM]: 'udp', [SOCK_STREAM]: 'tcp' } as const)[type.readInt32LE()];
  const sockaddr = Buffer.alloc(16);
  if (kind === undefined || libc().getsockname(fd, sockaddr, [sockaddr.length]) < 0) return undefined;
  if (sockaddr.readUInt16LE(0) !== AF_INET) return undefined;
  return {
    type: kind,
    address: sockaddr.readUInt32BE(4),
    port: sockaddr.readUInt16BE(2),
  };
}

/**
 * Asks the kernel to back memory by huge pages as it is first written to (madvise(2)); `address` is a multiple of the page
 * size. Tells whether the kernel knows how to.
 */
export function wantHugePages(address: number, length: number): boolean {
  return libc().madvise(address, length, MADV_HUGEPAGE) === 0;
}

/**
 * Takes the pages of a file out of this process's memory, wherever it is mapped for reading only (madvise(2)). They come
 * back when they are read again. What can't be taken out stays.
 */
export function unmapPages(path: string): void {
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [, first, last, mapped] = /^([0-9a-f]+)-([0-9a-f]+) r--s \S+ \S+ \d+ +(.*)$/.exec(line) ?? [];
    if (mapped !== path) continue;
    const [start, end] = [Number.parseInt(first ?? '', 16), Number.parseInt(last ?? '', 16)];
    libc().madvise(start, end - start, MADV_DONTNEED);
  }
}

/** Gives back to the system what native code has freed (malloc_trim(3)). */
export function trimHeap(): void {
  libc().malloc_trim(0);
}

/**
 * Sets aside disk blocks for the first `length` bytes of an open file, beyond its end too; what it holds and how long it is
 * stay. On a file system that can't do so nothing happens. Throws SystemCallError when there is no room.
 */
export function reserveBlocks(fd: number, length: number): void {
  if (libc().fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, length) === 0) return;
  const error = new SystemCallError('fallocate');
  if (error.code !== 'EOPNOTSUPP') throw error;
}
