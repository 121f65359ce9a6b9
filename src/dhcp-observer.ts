import type { Logger } from 'pino';
import { isIpxe } from './boot/firmware.ts';
import type { BootTracker } from './boot-tracker.ts';
import type { DhcpEvent } from './dhcp/events.ts';
import { logDhcp } from './log-events.ts';
import type { Metrics } from './metrics/registry.ts';
import type { RouterAdvertiser } from './net/router-advertiser.ts';

/** What happens upon the events of a network's DHCP server: they are counted, told, logged, and iPXE is spared a wait. */
export function dhcpObserver(
  metrics: Metrics,
  tracker: BootTracker,
  advertiser: RouterAdvertiser,
  logger: Logger,
): (event: DhcpEvent) => void {
  return (event) => {
    metrics.observeDhcp(event);
    tracker.dhcp(event, Date.now());
    logDhcp(logger, event);
    if ((event.type === 'answered' || event.type === 'silent') && isIpxe(event.client) && hasAddress(event)) {
      // An advertisement doesn't cross a router.
      if (event.client.relay === undefined) advertiser.advertiseTo(event.client.mac);
    }
  };
}

/** True for our own ACK, and for a REQUEST by which a machine takes another server's offer. */
function hasAddress(event: Extract<DhcpEvent, { type: 'answered' | 'silent' }>): boolean {
  if (event.type === 'answered') return event.reply === 'ACK';
  return event.request === 'SELECTING' && event.reason === 'address-not-ours';
}
