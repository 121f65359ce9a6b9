import type { NetworkBooter } from '../boot/firmware.ts';
import type { DhcpClient } from '../dhcp/client.ts';
import type { DhcpMode } from '../dhcp/other-servers.ts';
import type { DhcpPacket } from '../dhcp/packet.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { UdpDatagram } from './frame.ts';

/** What our server would do about a message, as things are now. */
export interface OurAnswer {
  /** The reply it would send. */
  readonly reply?: DhcpPacket;
  /** Said in place of the reply's address, which depends on who has which address at that moment. */
  readonly address?: string;
  /** Why there would be no reply, or no file in it; for people. */
  readonly notes: readonly string[];
}

/** What a capture is read by. */
export interface CaptureContext {
  /** Our own addresses: messages from them are ours. */
  readonly ours: ReadonlySet<Ipv4>;
  /** Who is to give the addresses. */
  readonly mode: DhcpMode;
  readonly recognise: (client: DhcpClient) => NetworkBooter | undefined;
  /** Decides about a request to a server's port: 67, or 4011 for the PXE boot server. */
  readonly answer: (packet: DhcpPacket, datagram: UdpDatagram) => OurAnswer;
  /** True when a file of this name is served by TFTP. */
  readonly hasFile: (name: string) => boolean;
}

/** What one packet says. */
export interface CaptureEntry {
  /** Of the packet in the file, from 1. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number | undefined;
  /** Who speaks to whom and what: `192.168.0.9 → broadcast OFFER for 52:54:00:00:00:01`. */
  readonly title: string;
  readonly lines: readonly string[];
}

/** What one datagram says. */
export type Said = Pick<CaptureEntry, 'title' | 'lines'>;
