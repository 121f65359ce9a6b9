import { type Ipv4, ipv4FromBytes, UNSPECIFIED } from '../net/ipv4.ts';
import type { RequestName } from './events.ts';
import { OPTION } from './options.ts';
import { type DhcpPacket, MESSAGE, messageType } from './packet.ts';

/**
 * Which message this is, a REQUEST by its state (RFC 2131 §4.3.2, table 4); undefined for one no server receives.
 * `unicast` tells how it came, to us or to the relay agent that says so (RFC 5010).
 */
export function nameRequest(packet: DhcpPacket, unicast: boolean): RequestName | undefined {
  const type = messageType(packet);
  switch (type) {
    case undefined:
      return 'BOOTP';
    case MESSAGE.discover:
      return 'DISCOVER';
    case MESSAGE.decline:
      return 'DECLINE';
    case MESSAGE.release:
      return 'RELEASE';
    case MESSAGE.inform:
      return packet.ciaddr === UNSPECIFIED ? undefined : 'INFORM';
    case MESSAGE.request:
      if (packet.options.has(OPTION.serverIdentifier)) return 'SELECTING';
      if (packet.ciaddr === UNSPECIFIED) return 'INIT-REBOOT';
      return unicast ? 'RENEWING' : 'REBINDING';
    default:
      return undefined;
  }
}

/** Option 50; all zeros say as little as no option. */
export function requestedAddress(packet: DhcpPacket): Ipv4 | undefined {
  return addressOption(packet, OPTION.requestedAddress) || undefined;
}

/** The address in an option of four bytes. */
export function addressOption(packet: DhcpPacket, code: number): Ipv4 | undefined {
  const value = packet.options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}
