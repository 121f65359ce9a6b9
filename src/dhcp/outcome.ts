import type { Ipv4 } from '../net/ipv4.ts';
import type { DhcpClient } from './client.ts';
import type { Datagram } from './compose.ts';
import type { DropReason, ReplyName, RequestName, SilenceReason } from './events.ts';
import type { Lease } from './leases.ts';

/** A change to the leases, to be written down before the reply leaves. */
export interface LeaseChange {
  readonly lease: Lease;
  /** An address whose record is to be removed: its machine has moved to `lease`. */
  readonly left?: Ipv4;
  /** The same machine already had this very address on record, so losing the change would harm nobody. */
  readonly renewal: boolean;
}

/** What is to be done about a message. */
export type Outcome =
  | {
      readonly type: 'reply';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reply: ReplyName;
      readonly address: Ipv4;
      readonly datagram: Datagram;
      readonly change?: LeaseChange;
      /**
       * For the OFFER of an address that this machine wasn't known to have: how to find out, before it is sent, whether
       * somebody else uses the address unasked. ARP doesn't reach behind relay agents.
       */
      readonly lookFirst?: 'arp' | 'icmp';
      readonly detail?: string;
    }
  | {
      readonly type: 'silent';
      readonly client: DhcpClient;
      readonly request: RequestName;
      readonly reason: SilenceReason;
      /** The server that the client has chosen instead. */
      readonly server?: Ipv4;
      /** The address that it says it has, or takes from that server. */
      readonly address?: Ipv4;
      readonly change?: LeaseChange;
      readonly detail?: string;
    }
  | { readonly type: 'dropped'; readonly reason: DropReason };
