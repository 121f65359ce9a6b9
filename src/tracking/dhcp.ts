import { type NetworkBooter, recognise } from '../boot/firmware.ts';
import type { DhcpClient } from '../dhcp/client.ts';
import type { DhcpEvent, RequestName } from '../dhcp/events.ts';
import { describeRole } from '../dhcp/other-servers.ts';
import { lastStage } from '../machines/timeline.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { firmwareReturned, loaderWorks } from './loaders.ts';
import type { Tracking } from './tracking.ts';

/** Firmware that asks again after this many milliseconds of silence wasn't repeating itself: somebody switched it on. */
const SILENCE = 120_000;
/** Said of what a proxy offers. */
const BY_PROXY = 'and its address by another server';
/** The bit of `secs` by which iPXE says that it has an OFFER (src/net/udp/dhcp.c). */
const HAS_OFFER = 2;

/** How a system gets an address that it didn't have; the last with rapid commit. */
const GETS_ADDRESS: ReadonlySet<RequestName> = new Set(['SELECTING', 'INIT-REBOOT', 'DISCOVER']);

/** Puts what the DHCP server tells on timelines. */
export function trackDhcp(tracking: Tracking, event: DhcpEvent, now: number): void {
  if (event.type === 'dropped') return;
  if (event.type === 'role') {
    tracking.parts.warn(`${tracking.network}: ${describeRole(event)}`);
    return;
  }
  if (event.type === 'overheard') {
    seeKnown(tracking, event.mac, event.address, now);
    return;
  }
  const booter = recognise(event.client, tracking.parts.rows());
  if (event.type === 'conflict') {
    tracking.parts.warn(
      `${tracking.network}: ${formatIpv4(event.address)} is used by somebody else; ${event.client.mac} is offered another address`,
    );
    return;
  }
  if (event.type === 'silent') {
    silent(tracking, event, booter, now);
  } else if (event.reply === 'NAK') {
    const who = booter?.name ?? 'the operating system';
    const detail = `${who} is refused the address it wants: ${event.detail ?? 'not its own'}`;
    tracking.note(event.client.mac, 'nak', detail, now);
  } else {
    answered(tracking, event, booter, now);
  }
}

function answered(
  tracking: Tracking,
  { client, request, reply, address }: Extract<DhcpEvent, { type: 'answered' }>,
  booter: NetworkBooter | undefined,
  now: number,
): void {
  const { mac } = client;
  // The boot server repeats the address that the machine has.
  const isLeased = (reply === 'ACK' || reply === 'BOOTREPLY') && address !== 0;
  // Who doesn't boot and has yet to take an address is nobody to remember.
  if (!booter && reply === 'OFFER') return;
  see(tracking, client, booter, now, isLeased ? address : undefined);
  if (request === 'BOOT-SERVER') return;
  if (booter && reply === 'OFFER' && address === 0) {
    discover(tracking, client, booter, now, `${booter.name} is offered its boot file, ${BY_PROXY}`);
  } else if (booter && reply === 'OFFER') {
    discover(tracking, client, booter, now, `${booter.name} is offered ${formatIpv4(address)}`);
  } else if (booter && isLeased) {
    tracking.reach(mac, 'ack', `${booter.name} has ${formatIpv4(address)}`, now);
  } else if (isLeased && GETS_ADDRESS.has(request)) {
    systemHasAddress(tracking, mac, now);
  }
}

function silent(
  tracking: Tracking,
  { client, request, reason, server, address }: Extract<DhcpEvent, { type: 'silent' }>,
  booter: NetworkBooter | undefined,
  now: number,
): void {
  const { mac } = client;
  if (reason === 'address-not-ours' && address !== undefined) {
    if (!booter) {
      seeKnown(tracking, mac, address, now);
      if (request === 'SELECTING' || request === 'INIT-REBOOT') systemHasAddress(tracking, mac, now);
      return;
    }
    see(tracking, client, booter, now, address);
    const from = server === undefined ? '' : ` from the DHCP server ${formatIpv4(server)}`;
    if (request === 'SELECTING') {
      tracking.reach(mac, 'ack', `${booter.name} takes ${formatIpv4(address)}${from}`, now);
    }
    return;
  }
  if (!booter) return;
  if (reason === 'other-server-chosen' && server !== undefined) {
    // It may have chosen before we had an offer for it.
    see(tracking, client, booter, now);
    if (beginsBoot(tracking, mac, booter, now)) discover(tracking, client, booter, now);
    const otherServer = formatIpv4(server);
    const detail = `${booter.name} has chosen the DHCP server ${otherServer}, not this one`;
    tracking.note(mac, 'refusal', detail, now);
    tracking.parts.watch.note(mac, { otherServer }, now);
  } else if (request === 'DISCOVER' && (reason === 'not-served' || reason === 'pool-exhausted')) {
    see(tracking, client, booter, now);
    discover(tracking, client, booter, now);
    if (reason === 'pool-exhausted') tracking.note(mac, 'refusal', 'no address is left for it', now);
  }
}

function see(
  { parts, network }: Tracking,
  { mac, uuid, attachment }: DhcpClient,
  booter: NetworkBooter | undefined,
  now: number,
  address?: Ipv4,
): void {
  parts.registry.see(mac, network, now, {
    ...(address !== undefined && { address }),
    ...(booter?.kind === 'firmware' && { firmware: booter.name }),
    ...(attachment && { attachment }),
    ...(uuid !== undefined && { inventory: { uuid } }),
  });
}

/** An address that another server has given to a machine; one that nobody has seen boot isn't worth remembering. */
function seeKnown({ parts, network }: Tracking, mac: Mac, address: Ipv4, now: number): void {
  if (parts.registry.get(mac)) parts.registry.see(mac, network, now, { address });
}

/** A machine asks for an address: at the start of its boot, with another program, or once more. */
function discover(
  tracking: Tracking,
  { mac, secs = 0 }: DhcpClient,
  booter: NetworkBooter,
  now: number,
  offered?: string,
): void {
  const { registry, watch } = tracking.parts;
  const before = lastStage(registry.get(mac)?.boot);
  const asks = `${booter.name} asks for an address`;
  const isRepeated = before?.kind === 'offer' || before?.kind === 'discover';
  const another = firmwareReturned(tracking, mac, booter, now);
  if (booter.kind === 'ipxe') loaderWorks(tracking, mac);
  if (beginsBoot(tracking, mac, booter, now)) {
    tracking.begin(mac, now, another?.isFresh);
  } else if (isRepeated && before.detail.startsWith(`${booter.name} `)) {
    tracking.note(mac, 'retry', `${asks} again`, now);
    if (booter.kind === 'ipxe') watch.note(mac, { hasOffer: (secs & HAS_OFFER) !== 0 }, now);
    return;
  }
  tracking.reach(mac, 'discover', asks, now);
  if (another) tracking.note(mac, 'fallback', another.detail, now);
  if (offered !== undefined) tracking.reach(mac, 'offer', offered, now);
}

/** Firmware starts a boot; so does an iPXE that wasn't just loaded, as in a network card's ROM. */
function beginsBoot({ parts }: Tracking, mac: Mac, booter: NetworkBooter, now: number): boolean {
  const last = lastStage(parts.registry.get(mac)?.boot);
  if (!last) return true;
  if (last.kind === 'discover' || last.kind === 'offer') return now - last.at > SILENCE;
  return booter.kind === 'firmware' || (last.kind !== 'loader' && last.kind !== 'ack');
}

/** The initrd's or the system's own DHCP client: no stage, but a sign of life. */
function systemHasAddress({ parts }: Tracking, mac: Mac, now: number): void {
  if (parts.registry.get(mac)?.boot?.profile === undefined) return;
  parts.watch.moved(mac, now, true);
  parts.watch.note(mac, { osHasAddress: true }, now);
}
