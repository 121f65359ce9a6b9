import type { Mac } from '../net/mac.ts';
import type { Limit } from './limits.ts';
import type { SyslogMessage } from './message.ts';

/** What the syslog receiver tells whoever watches it. */
export type SyslogEvent =
  | { readonly type: 'message'; readonly mac: Mac; readonly message: SyslogMessage }
  /** A machine says too much; told once in a boot for each limit, the messages left out are `dropped`. */
  | { readonly type: 'limited'; readonly mac: Mac; readonly limit: Limit; readonly detail: string }
  | {
      readonly type: 'dropped';
      /** `no-lease`: the sender has no address of ours · `empty`: nothing in it · `rate`, `boot`: too many. */
      readonly reason: 'no-lease' | 'empty' | Limit;
      /** The sender's address. */
      readonly source: string;
    };
