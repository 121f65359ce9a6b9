import type { Ipv4 } from '../net/ipv4.ts';
import type { DhcpClient } from './client.ts';
import type { Malformed } from './packet.ts';

/** What a client sent. */
export type RequestName =
  | 'DISCOVER'
  | 'SELECTING'
  | 'INIT-REBOOT'
  | 'RENEWING'
  | 'REBINDING'
  | 'DECLINE'
  | 'RELEASE'
  | 'INFORM'
  | 'BOOTP';

/** What we sent. */
export type ReplyName = 'OFFER' | 'ACK' | 'NAK' | 'BOOTREPLY';

/** Why a message that was understood got no reply. */
export type SilenceReason =
  /** RELEASE and DECLINE are never answered. */
  | 'no-reply-expected'
  /** The policy says so: an unknown machine, or BOOTP switched off. */
  | 'not-served'
  | 'other-server-chosen'
  /** INIT-REBOOT or REBINDING of a machine we know nothing of: another server may (RFC 2131 §4.3.2). */
  | 'no-record'
  | 'pool-exhausted'
  | 'nothing-held'
  | 'store-failed'
  /** The kernel refused to send: interface down, no route. */
  | 'send-failed';

/** Why a datagram wasn't looked at further. */
export type DropReason =
  | Malformed
  | 'not-a-request'
  | 'message-type'
  /** The relay agent's address (`giaddr`) is on no network of ours. */
  | 'unknown-relay'
  /** Too many leases wait to be written down. */
  | 'overloaded';

/** What the DHCP server tells whoever watches it. Every datagram it receives ends in exactly one of these. */
export type DhcpEvent =
  | {
      readonly type: 'answered';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reply: ReplyName;
      /** The address offered or given; unspecified (0) in a NAK and for an INFORM. */
      readonly address: Ipv4;
      /** From receiving the request to handing the reply to the kernel. */
      readonly milliseconds: number;
      /** For people, why a NAK was sent. */
      readonly detail?: string;
    }
  | {
      readonly type: 'silent';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reason: SilenceReason;
      /** The DHCP server that the client has chosen (option 54), when it isn't this one. */
      readonly server?: Ipv4;
      readonly detail?: string;
    }
  | { readonly type: 'dropped'; readonly reason: DropReason; readonly source: string };
