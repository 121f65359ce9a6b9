import type { DhcpEvent } from './dhcp/events.ts';
import type { HttpEvent } from './http/events.ts';
import { withoutTokens } from './machines/boot-token.ts';
import { formatDuration } from './machines/units.ts';
import { type Mac, parseMac } from './net/mac.ts';
import type { TftpEvent } from './tftp/events.ts';
import { trackDhcp } from './tracking/dhcp.ts';
import { trackHttp } from './tracking/http.ts';
import { trackTftp } from './tracking/tftp.ts';
import { Tracking, type TrackingParts } from './tracking/tracking.ts';

/**
 * Follows each machine's boot: turns what the servers report into the entries of its timeline, and tells the watch what
 * moves. One per network, since a datagram or request belongs to the network it came in on. Times are milliseconds since
 * the epoch.
 */
export class BootTracker {
  readonly #tracking: Tracking;

  constructor(network: string, parts: TrackingParts) {
    this.#tracking = new Tracking(network, parts);
  }

  dhcp(event: DhcpEvent, now: number): void {
    trackDhcp(this.#tracking, event, now);
  }

  tftp(event: TftpEvent, now: number): void {
    trackTftp(this.#tracking, event, now);
  }

  http(event: HttpEvent, now: number): void {
    trackHttp(this.#tracking, event, now);
  }

  /** The machine's node has come so far in the cluster. */
  node(mac: Mac, stage: 'registered' | 'ready', now: number): void {
    const began = this.#tracking.parts.registry.get(mac)?.boot?.began;
    const took = began === undefined ? '' : ` after ${formatDuration(now - began)}`;
    this.#tracking.reach(mac, stage, stage === 'ready' ? `is Ready${took}` : `has registered${took}`, now);
  }

  /** iPXE, the kernel or the node of a machine says something. `from` is a hardware address, or one that it has leased. */
  message(from: string, text: string, now: number): void {
    const mac = parseMac(from) ?? this.#tracking.machineAt(from)?.mac;
    // A kernel logs its command line, which holds the boot's token.
    if (mac !== undefined) this.#tracking.note(mac, 'message', withoutTokens(text), now);
  }
}
