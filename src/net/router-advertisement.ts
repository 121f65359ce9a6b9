import { type Mac, macToBytes } from './mac.ts';

const ICMPV6_ROUTER_ADVERTISEMENT = 134;

/**
 * A router advertisement that says "I am here, and I am not a router" (RFC 4861 §4.2). Its router lifetime of 0 keeps
 * every host from using us as a default router; a current hop limit, reachable time and retransmission timer of 0 leave
 * the host's own; the flags M and O are clear, and without a prefix option nobody takes an address from it. The checksum
 * is left to the kernel.
 */
export function routerAdvertisement(): Uint8Array {
  const message = new Uint8Array(16);
  message[0] = ICMPV6_ROUTER_ADVERTISEMENT;
  return message;
}

/**
 * The 16 bytes of the link-local IPv6 address that a card gives itself: `fe80::/64` and the modified EUI-64 of its
 * hardware address (RFC 4291 §2.5.6, RFC 2464 §4). iPXE has no other; an operating system may choose a different one.
 */
export function linkLocalAddress(mac: Mac): Uint8Array {
  const [first = 0, ...rest] = macToBytes(mac);
  const universalLocalBit = 0x02;
  const address = new Uint8Array(16);
  address.set([0xfe, 0x80]);
  address.set([first ^ universalLocalBit, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)], 8);
  return address;
}
