import { readFileSync } from 'node:fs';
import { formatIpv4, type Ipv4 } from './ipv4.ts';
import { type Mac, parseMac } from './mac.ts';

/** The bit of an entry whose hardware address is known (ATF_COM, linux/if_arp.h). */
const COMPLETE = 2;

/**
 * The hardware address behind `address` on an interface, as the kernel's neighbour table says: whoever has just sent a TCP
 * segment or got a datagram is in it. Undefined when it is not, or when the table can't be read.
 * @param read gives the table in the format of proc_pid_net(5), `/proc/net/arp`
 */
export function neighbourAt(device: string, address: Ipv4, read = readTable): Mac | undefined {
  const wanted = formatIpv4(address);
  for (const line of read().split('\n')) {
    const [ip, , flags, hardware = '', , on] = line.trim().split(/\s+/);
    if (ip === wanted && on === device && (Number(flags) & COMPLETE) !== 0) return parseMac(hardware);
  }
  return undefined;
}

function readTable(): string {
  try {
    return readFileSync('/proc/net/arp', 'latin1');
  } catch {
    return '';
  }
}
