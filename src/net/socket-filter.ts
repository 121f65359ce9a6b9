import { intBytes, SOL_SOCKET, setOption } from './libc.ts';
import { allocate } from './memory.ts';

// Linux's numbers (asm-generic), the same on x86-64 and arm64.
const SO_ATTACH_FILTER = 26;
const SO_LOCK_FILTER = 44;
/** Sizes in bytes of struct sock_fprog, on 64 bits, and struct sock_filter. */
const SOCK_FPROG = 16;
const SOCK_FILTER = 8;

/** An instruction of the classic Berkeley packet filter: struct sock_filter's code, jt, jf and k. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

// Instructions (linux/filter.h), as far as they are used here.
/** A = 16 bits at k; A = 8 bits at X + k; X = the length of the IPv4 header at k. */
const LOAD_HALF = 0x28;
const LOAD_BYTE_AT_X = 0x50;
const LOAD_HEADER_LENGTH = 0xb1;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
/** What the kernel knows about a packet is at negative places; this one is its Ethernet type (SKF_AD_OFF + SKF_AD_PROTOCOL). */
const ETHERTYPE = 0xfffff000;

/** Lets nothing arrive. */
export const NOTHING: readonly Instruction[] = [[RETURN, 0, 0, 0]];

/** Lets packets of an Ethernet type arrive, cut to `length` bytes. */
export function onlyEthertype(type: number, length: number): readonly Instruction[] {
  return [[LOAD_HALF, 0, 0, ETHERTYPE], ...onlyIf(type, length)];
}

/** Lets ICMP messages of a type arrive, cut to `length` bytes, on a raw IPv4 socket: the packet begins with its IP header. */
export function onlyIcmpType(type: number, length: number): readonly Instruction[] {
  return [[LOAD_HEADER_LENGTH, 0, 0, 0], [LOAD_BYTE_AT_X, 0, 0, 0], ...onlyIf(type, length)];
}

function onlyIf(value: number, length: number): readonly Instruction[] {
  return [[JUMP_IF_EQUAL, 0, 1, value], [RETURN, 0, 0, length], ...NOTHING];
}

/**
 * Lets only what the filter takes arrive at a socket, for good: whoever gets the socket later can neither change the filter
 * nor take it away (socket(7), SO_LOCK_FILTER). Throws SystemCallError.
 */
export function lockFilter(fd: number, filter: readonly Instruction[]): void {
  // struct sock_fprog, a length in instructions and where they are, and behind it these.
  const { bytes, address } = allocate(SOCK_FPROG + filter.length * SOCK_FILTER);
  bytes.writeUInt16LE(filter.length, 0);
  bytes.writeBigUInt64LE(BigInt(address + SOCK_FPROG), 8);
  filter.forEach(([code, ifTrue, ifFalse, k], index) => {
    const at = SOCK_FPROG + index * SOCK_FILTER;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(k, at + 4);
  });
  setOption(fd, 'SO_ATTACH_FILTER', SOL_SOCKET, SO_ATTACH_FILTER, bytes.subarray(0, SOCK_FPROG));
  setOption(fd, 'SO_LOCK_FILTER', SOL_SOCKET, SO_LOCK_FILTER, intBytes(1));
}
