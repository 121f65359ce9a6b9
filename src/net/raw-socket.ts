import { ETHERTYPE_ARP } from './arp.ts';
import { ECHO_REPLY } from './icmp.ts';
import type { Ipv4 } from './ipv4.ts';
import {
  AF_INET,
  AF_INET6,
  bindAddress,
  bindName,
  bindToDevice,
  boundName,
  closeDescriptor,
  intBytes,
  interfaceIndex,
  openSocket,
  receiveDatagram,
  SOCK_DGRAM,
  SOCK_RAW,
  SystemCallError,
  sendDatagram,
  setOption,
  setReceiveBuffer,
} from './libc.ts';
import { type Instruction, lockFilter, NOTHING, onlyEthertype, onlyIcmpType } from './socket-filter.ts';

// Linux's numbers (asm-generic), the same on x86-64 and arm64.
const AF_PACKET = 17;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IPV6_UNICAST_HOPS = 16;

/** struct sockaddr_ll: its size, and where its fields begin. */
const SOCKADDR_LL = { size: 20, protocol: 2, index: 4, addressLength: 11, address: 12 };
const SOCKADDR_IN6 = { size: 28, address: 8 };
/** Enough for what arrives between two looks; older packets are of no interest. */
const RECEIVE_BUFFER = 64 * 1024;
const LONGEST_PACKET = 256;

/** The raw sockets used here. Each is tied to one interface, and needs CAP_NET_RAW to be opened, not to be used. */
export const RAW_KINDS = ['arp', 'icmp', 'icmpv6'] as const;
export type RawKind = (typeof RAW_KINDS)[number];

/** A socket below UDP. It never waits: what can't be sent at once is lost like a packet on the wire. */
export interface RawSocket {
  /** Hands a packet to the kernel. Throws SystemCallError when there is no way to `address`. */
  send(packet: Uint8Array, address: Ipv4): void;
  /** A packet that has arrived, cut to 256 bytes; undefined when none waits. */
  receive(): Uint8Array | undefined;
  close(): void;
}

/**
 * Opens a raw socket on an interface; what arrives at it is ARP, ICMP echo replies, or nothing at all, by its kind and for
 * good. Gives its descriptor. Throws SystemCallError.
 */
export function openRaw(kind: RawKind, device: string): number {
  const { family, type, protocol, filter, prepare } = RAW[kind];
  const fd = openSocket(family, type, protocol);
  try {
    lockFilter(fd, filter);
    setReceiveBuffer(fd, RECEIVE_BUFFER);
    prepare(fd, device);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

const RAW: Readonly<
  Record<
    RawKind,
    {
      readonly family: number;
      readonly type: number;
      readonly protocol: number;
      readonly filter: readonly Instruction[];
      readonly prepare: (fd: number, device: string) => void;
    }
  >
> = {
  arp: {
    family: AF_PACKET,
    type: SOCK_DGRAM,
    // Bound in a second step to protocol and interface at once: until then it receives nothing.
    protocol: 0,
    filter: onlyEthertype(ETHERTYPE_ARP, LONGEST_PACKET),
    prepare: (fd, device) => bindName(fd, arpName(device)),
  },
  icmp: {
    family: AF_INET,
    type: SOCK_RAW,
    protocol: IPPROTO_ICMP,
    filter: onlyIcmpType(ECHO_REPLY, LONGEST_PACKET),
    prepare: bindToDevice,
  },
  icmpv6: {
    family: AF_INET6,
    type: SOCK_RAW,
    protocol: IPPROTO_ICMPV6,
    filter: NOTHING,
    prepare(fd, device) {
      bindToDevice(fd, device);
      // Neighbour discovery demands a hop limit of 255 (RFC 4861 §6.1.2).
      setOption(fd, 'IPV6_UNICAST_HOPS', IPPROTO_IPV6, IPV6_UNICAST_HOPS, intBytes(255));
    },
  },
};

/** Sends ARP packets to everybody on an interface, and receives those of others. Takes `fd` over. Throws SystemCallError. */
export function arpSocket(fd: number, device: string): RawSocket & { readonly hardwareAddress: Uint8Array } {
  return takingOver(fd, () => {
    // The interface may be another one of the same name than it was opened for.
    const everybody = arpName(device);
    bindName(fd, everybody);
    const own = boundName(fd, SOCKADDR_LL.size);
    everybody[SOCKADDR_LL.addressLength] = 6;
    everybody.fill(0xff, SOCKADDR_LL.address, SOCKADDR_LL.address + 6);
    const hardwareAddress = own.subarray(SOCKADDR_LL.address, SOCKADDR_LL.address + 6);
    return { hardwareAddress, ...rawSocket(fd, () => everybody) };
  });
}

/** Sends ICMP messages from our address, and receives echo replies. Takes `fd` over. Throws SystemCallError. */
export function icmpSocket(fd: number, address: Ipv4): RawSocket {
  return takingOver(fd, () => {
    bindAddress(fd, address, 0);
    return rawSocket(fd, (to) => {
      const sockaddr = Buffer.alloc(16);
      sockaddr.writeUInt16LE(AF_INET, 0);
      sockaddr.writeUInt32BE(to, 4);
      return sockaddr;
    });
  });
}

/**
 * Sends an ICMPv6 message to an IPv6 address, both as bytes, without ever waiting; the kernel fills its checksum in. It
 * resolves the neighbour afterwards, so success doesn't mean that the message arrived. Throws SystemCallError.
 */
export function sendIcmpv6(fd: number, message: Uint8Array, address: Uint8Array): void {
  const sockaddr = Buffer.alloc(SOCKADDR_IN6.size);
  sockaddr.writeUInt16LE(AF_INET6, 0);
  sockaddr.set(address, SOCKADDR_IN6.address);
  sendDatagram(fd, message, sockaddr);
}

/** Why a raw socket can't be had, in words. */
export function whyNoRawSocket(error: unknown): string {
  const code = error instanceof SystemCallError ? error.code : '';
  // Where a service is kept from a family of sockets (RestrictAddressFamilies=), the kernel seems not to know it.
  return code === 'EPERM' || code === 'EACCES' || code === 'EAFNOSUPPORT'
    ? 'no permission (CAP_NET_RAW); a service that "rackseed install" made is handed the socket by systemd'
    : (error as Error).message;
}

/** The struct sockaddr_ll of ARP on an interface. */
function arpName(device: string): Buffer {
  const sockaddr = Buffer.alloc(SOCKADDR_LL.size);
  sockaddr.writeUInt16LE(AF_PACKET, 0);
  sockaddr.writeUInt16BE(ETHERTYPE_ARP, SOCKADDR_LL.protocol);
  sockaddr.writeInt32LE(interfaceIndex(device), SOCKADDR_LL.index);
  return sockaddr;
}

/** Prepares a socket; closes it when that fails. */
function takingOver<Result>(fd: number, prepare: () => Result): Result {
  try {
    return prepare();
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function rawSocket(fd: number, sockaddrOf: (address: Ipv4) => Buffer): RawSocket {
  const buffer = Buffer.alloc(LONGEST_PACKET);
  return {
    send: (packet, address) => sendDatagram(fd, packet, sockaddrOf(address)),
    receive: () => receiveDatagram(fd, buffer),
    close: () => closeDescriptor(fd),
  };
}
