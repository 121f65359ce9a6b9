import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { DhcpClient } from './client.ts';
import type { RoleChange } from './other-servers.ts';
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
  | 'BOOTP'
  /** A REQUEST or INFORM to UDP port 4011 (PXE 2.1 §2.2.5). */
  | 'BOOT-SERVER';

/** What we sent. */
export type ReplyName = 'OFFER' | 'ACK' | 'NAK' | 'BOOTREPLY';

/** Why a message that was understood got no reply. */
export type SilenceReason =
  /** RELEASE and DECLINE are never answered. */
  | 'no-reply-expected'
  /** The policy says so: an unknown machine, or BOOTP switched off. */
  | 'not-served'
  | 'other-server-chosen'
  /** While its offer waited for a look at the address, the client chose another one. */
  | 'offer-too-late'
  /** As a proxy: another server gives the addresses, and nothing else is asked for. */
  | 'address-not-ours'
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
  /** Our own search for other servers: what is broadcast comes back to its host. */
  | 'own-probe'
  /** The relay agent, or the subnet that it or the client selects, is none of ours. */
  | 'unknown-relay'
  /** Too many leases wait to be written down. */
  | 'overloaded';

/** What the DHCP server tells whoever watches it. Every request it receives ends in exactly one of the first three. */
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
      /** As a proxy: the address that the client says it has, or takes from another server. */
      readonly address?: Ipv4;
      readonly detail?: string;
    }
  | { readonly type: 'dropped'; readonly reason: DropReason; readonly source: string }
  /** Somebody else was found at an address that was about to be offered; the machine is offered another. */
  | { readonly type: 'conflict'; readonly client: DhcpClient; readonly address: Ipv4 }
  /** Another server, whose ACK was overheard, has given a machine an address. */
  | { readonly type: 'overheard'; readonly mac: Mac; readonly address: Ipv4; readonly server: Ipv4 }
  /** This server begins to give addresses, or leaves that to another one. */
  | ({ readonly type: 'role' /** The network's name. */; readonly network: string } & RoleChange);
