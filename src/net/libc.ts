import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

// Linux's numbers (asm-generic), the same on x86-64 and arm64.
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_FILTER = 1;
const MSG_DONTWAIT = 0x40;
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
    close: libc.func('int close(int fd)'),
    fallocate: libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
    posix_fallocate: libc.func('int posix_fallocate(int fd, int64_t offset, int64_t length)'),
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

/** A new UDP/IPv4 socket, as a file descriptor that child processes don't inherit. Throws SystemCallError. */
export function openUdp(): number {
  return check('socket', libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/** A new TCP/IPv4 socket, as a file descriptor that child processes don't inherit. Throws SystemCallError. */
export function openTcp(): number {
  return check('socket', libc().socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

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
  check('bind', libc().bind(fd, sockaddr, sockaddr.length));
}

function setNumber(fd: number, level: number, option: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return libc().setsockopt(fd, level, option, bytes, bytes.length);
}

const setFlag = (fd: number, option: number, value: number) => setNumber(fd, SOL_SOCKET, option, value);

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
 * A new raw ICMPv6 socket for sending only: no message is ever queued on it (RFC 3542 §3.2). What it sends has a hop
 * limit of 255, as neighbour discovery demands (RFC 4861 §6.1.2), and a checksum that the kernel fills in. Needs
 * CAP_NET_RAW. Throws SystemCallError.
 */
export function openIcmpv6Sender(): number {
  const fd = check('socket', libc().socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  try {
    const blockAll = Buffer.alloc(32, 0xff);
    const filtered = libc().setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, blockAll, blockAll.length);
    check('ICMP6_FILTER', filtered);
    check('IPV6_UNICAST_HOPS', setNumber(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255));
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  return fd;
}

/**
 * Sends an ICMPv6 message to an IPv6 address, both as bytes, without ever waiting. The kernel resolves the neighbour
 * afterwards, so success doesn't mean that the message arrived; one that the kernel has no room for is lost like one on
 * the wire. Throws SystemCallError.
 */
export function sendIcmpv6(fd: number, message: Uint8Array, address: Uint8Array): void {
  const sockaddr = Buffer.alloc(28);
  sockaddr.writeUInt16LE(AF_INET6, 0);
  sockaddr.set(address, 8);
  try {
    check('sendto', libc().sendto(fd, message, message.length, MSG_DONTWAIT, sockaddr, sockaddr.length));
  } catch (error) {
    if (!(error instanceof SystemCallError && ['EAGAIN', 'ENOBUFS'].includes(error.code))) throw error;
  }
}

/**
 * Sends a datagram to a unix socket without ever waiting. A path that begins with `@` is in the abstract namespace
 * (unix(7)). Throws SystemCallError.
 */
export function sendUnixDatagram(path: string, message: Uint8Array): void {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  const sockaddr = Buffer.alloc(2 + name.length);
  sockaddr.writeUInt16LE(AF_UNIX, 0);
  sockaddr.set(name, 2);
  const fd = check('socket', libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
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

/** Closes a descriptor that no Node object has taken over. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/** What an inherited descriptor is: an IPv4 socket's kind and local address, or undefined for anything else. */
export function describeSocket(
  fd: number,
): { readonly type: 'udp' | 'tcp'; readonly address: number; readonly port: number } | undefined {
  const type = Buffer.alloc(4);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_TYPE, type, [type.length]) < 0) return undefined;
  const sockaddr = Buffer.alloc(16);
  if (libc().getsockname(fd, sockaddr, [sockaddr.length]) < 0) return undefined;
  if (sockaddr.readUInt16LE(0) !== AF_INET) return undefined;
  return {
    type: type.readInt32LE() === SOCK_DGRAM ? 'udp' : 'tcp',
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
 * Makes sure that the first `length` bytes of an open file have their blocks on the disk; what they hold stays. Throws an
 * Error with the system's words when there is no room.
 */
export function allocateBlocks(fd: number, length: number): void {
  const errno: number = libc().posix_fallocate(fd, 0, length);
  if (errno !== 0) throw new Error(`posix_fallocate: ${getSystemErrorName(-errno)}`);
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
