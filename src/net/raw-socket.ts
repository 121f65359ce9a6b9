import koffi from 'koffi';
import { ETHERTYPE_ARP } from './arp.ts';
import type { Ipv4 } from './ipv4.ts';
import { bindAddress, bindToDevice, closeDescriptor, SystemCallError, setReceiveBuffer } from './libc.ts';

// Linux's numbers (asm-generic), the same on x86-64 and arm64.
const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_ICMP = 1;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const MSG_DONTWAIT = 0x40;

/** struct sockaddr_ll: its size, and where the hardware address begins. */
const SOCKADDR_LL = { size: 20, address: 12 };
/** Enough for what arrives between two looks; older packets are of no interest. */
const RECEIVE_BUFFER = 64 * 1024;
const LONGEST_PACKET = 256;

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, const void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t size)');
const getsockname = libc.func('int getsockname(int fd, void *address, _Inout_ uint32_t *length)');
const if_nametoindex = libc.func('unsigned int if_nametoindex(const char *name)');
const recv = libc.func('long recv(int fd, void *bytes, size_t length, int flags)');
const sendto = libc.func(
  'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)',
);

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call);
  return result;
}

/** A socket below UDP. Needs CAP_NET_RAW. It never waits: what can't be sent at once is lost like a packet on the wire. */
export interface RawSocket {
  /** Hands a packet to the kernel. Throws SystemCallError when there is no way to `address`. */
  send(packet: Uint8Array, address: Ipv4): void;
  /** A packet that has arrived, cut to 256 bytes; undefined when none waits. */
  receive(): Uint8Array | undefined;
  close(): void;
}

/** A socket for ARP packets on one interface; they are broadcast. Throws SystemCallError. */
export function openArpSocket(device: string): RawSocket & { readonly hardwareAddress: Uint8Array } {
  const protocol = ((ETHERTYPE_ARP & 0xff) << 8) | (ETHERTYPE_ARP >>> 8);
  // Bound in a second step to protocol and interface at once: until then it receives nothing.
  return opening(AF_PACKET, SOCK_DGRAM, 0, (fd) => {
    const index = if_nametoindex(device);
    if (index === 0) throw new SystemCallError('if_nametoindex');
    const sockaddr = Buffer.alloc(SOCKADDR_LL.size);
    sockaddr.writeUInt16LE(AF_PACKET, 0);
    sockaddr.writeUInt16LE(protocol, 2);
    sockaddr.writeInt32LE(index, 4);
    check('bind', bind(fd, sockaddr, sockaddr.length));
    const own = Buffer.alloc(SOCKADDR_LL.size);
    check('getsockname', getsockname(fd, own, [own.length]));
    const everybody = Buffer.from(sockaddr);
    everybody[11] = 6;
    everybody.fill(0xff, SOCKADDR_LL.address, SOCKADDR_LL.address + 6);
    const hardwareAddress = own.subarray(SOCKADDR_LL.address, SOCKADDR_LL.address + 6);
    return { hardwareAddress, ...rawSocket(fd, () => everybody) };
  });
}

/** A socket that sends any ICMP message from our address by one interface, and receives echo replies. Throws SystemCallError. */
export function openIcmpSocket(device: string, address: Ipv4): RawSocket {
  return opening(AF_INET, SOCK_RAW, IPPROTO_ICMP, (fd) => {
    bindToDevice(fd, device);
    bindAddress(fd, address, 0);
    const allButEchoReply = Buffer.alloc(4);
    allButEchoReply.writeUInt32LE(0xfffffffe);
    check('ICMP_FILTER', setsockopt(fd, SOL_RAW, ICMP_FILTER, allButEchoReply, allButEchoReply.length));
    return rawSocket(fd, (to) => {
      const sockaddr = Buffer.alloc(16);
      sockaddr.writeUInt16LE(AF_INET, 0);
      sockaddr.writeUInt32BE(to, 4);
      return sockaddr;
    });
  });
}

/** Opens a socket and prepares it; closes it again when that fails. */
function opening<Result>(
  domain: number,
  type: number,
  protocol: number,
  prepare: (fd: number) => Result,
): Result {
  const fd = check('socket', socket(domain, type | SOCK_CLOEXEC, protocol));
  try {
    setReceiveBuffer(fd, RECEIVE_BUFFER);
    return prepare(fd);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function rawSocket(fd: number, sockaddrOf: (address: Ipv4) => Buffer): RawSocket {
  const buffer = Buffer.alloc(LONGEST_PACKET);
  return {
    send(packet, address) {
      const to = sockaddrOf(address);
      const sent = sendto(fd, packet, packet.length, MSG_DONTWAIT, to, to.length);
      const { EAGAIN, ENOBUFS } = koffi.os.errno;
      if (sent < 0 && koffi.errno() !== EAGAIN && koffi.errno() !== ENOBUFS)
        throw new SystemCallError('sendto');
    },
    receive() {
      const length = recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      return length < 0 ? undefined : buffer.subarray(0, length);
    },
    close: () => closeDescriptor(fd),
  };
}
