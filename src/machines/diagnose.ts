import { type Expectations, isRunning } from './expectations.ts';
import type { Boot, Stage, TimelineEntry } from './machine.ts';
import type { Stuck } from './rack.ts';
import type { Signs } from './signs.ts';
import { hasReached, lastStage } from './timeline.ts';

/** Without movement for this long a boot is stuck, milliseconds: a clock that ticks every 2 s tells within 30 s. */
export const PATIENCE = 25_000;
/** A kernel that starts: decompression, drivers, and a switch port that forwards only after half a minute. */
const KERNEL_PATIENCE = 60_000;
/** An operating system on its way: services, image downloads, the kubelet. */
const SYSTEM_PATIENCE = 300_000;
/** A file on its way by TFTP, of which only beginning and end are told. One that stands still is broken off after a minute. */
const TRANSFER_PATIENCE = 300_000;
/** What the cause is looked for in. */
export interface Evidence {
  readonly boot: Boot;
  readonly signs: Signs;
  readonly expected: Expectations;
  /** `UEFI x64`; undefined when the machine's firmware was never seen. */
  readonly firmware: string | undefined;
  readonly loader: string | undefined;
}

/** Why a boot that may go on doesn't; undefined while there is nothing to worry about. `now` as in the boot's entries. */
export function diagnose(evidence: Evidence, now: number): Stuck | undefined {
  const { boot, signs, expected } = evidence;
  const last = lastStage(boot);
  if (!last || isRunning(boot, expected)) return undefined;
  // It waited for approval, and goes on with its next poll.
  if (last.kind === 'script' && boot.profile === undefined) return undefined;
  if (now - signs.moved < patience(last.kind, evidence)) return undefined;
  return { stage: last.kind, since: signs.moved, cause: causeAt(last, evidence) };
}

/** Why a boot ended where it did, when others before it ended there as well and the next one has begun. */
export function diagnoseLoop(evidence: Evidence): Stuck | undefined {
  const last = lastStage(evidence.boot);
  return last && { stage: last.kind, since: evidence.signs.moved, cause: causeAt(last, evidence) };
}

function patience(stage: Stage, { signs, expected }: Evidence): number {
  // Of the first file large packets may be what doesn't get through, which is soon to be told.
  if (signs.fetching && stage !== 'ack') return TRANSFER_PATIENCE;
  switch (stage) {
    case 'document':
    case 'report':
      return SYSTEM_PATIENCE;
    case 'kernel':
      return expected.initrd || signs.forbidden !== undefined ? PATIENCE : KERNEL_PATIENCE;
    case 'initrd':
      return signs.forbidden === undefined ? KERNEL_PATIENCE : PATIENCE;
    default:
      return PATIENCE;
  }
}

function causeAt(last: TimelineEntry, evidence: Evidence): string {
  const { boot, signs, expected } = evidence;
  switch (last.kind) {
    case 'discover':
    case 'offer':
      if (isChainLoop(signs)) return chainLoop(evidence);
      return /address by another server$/.test(last.detail) ? NO_SERVER : noRequest(evidence);
    case 'ack':
      if (isChainLoop(signs)) return chainLoop(evidence);
      return /^iPXE /.test(last.detail) ? noScript(signs) : noLoader(evidence);
    case 'loader':
      return isChainLoop(signs) ? chainLoop(evidence) : deafLoader(evidence);
    case 'script':
      return undelivered(signs, 'kernel');
    case 'kernel':
      if (expected.initrd && !hasReached(boot, 'initrd')) return undelivered(signs, 'initrd');
      return noDocument(evidence);
    case 'initrd':
      // Some images have several initrds, and each is a stage.
      return signs.missing || signs.broken ? undelivered(signs, 'initrd') : noDocument(evidence);
    case 'document':
      return 'the node has its document, but reports nothing: look at its console, or log in and ask `systemctl --failed`';
    default:
      return `the node ${last.detail}, and then nothing more: look at its console, or log in and ask \`systemctl --failed\``;
  }
}

/** As a proxy, we offer no addresses ourselves. */
const NO_SERVER =
  'no DHCP server gave it an address: rackseed is a proxy here (dhcp.mode) and gives none itself; look at the other server, its free addresses and whom it serves';

function noRequest({ signs }: Evidence): string {
  if (signs.otherServer !== undefined) {
    return `another DHCP server (${signs.otherServer}) won: switch it off, or keep it out of this network`;
  }
  if (signs.hasOffer) {
    return 'the machine has an OFFER but asks for no address: another DHCP server or proxy on this network, or iPXE waits for a better one';
  }
  return 'no REQUEST followed the OFFER: another DHCP server won, or the OFFER does not reach the machine (VLAN, firewall, a switch port that forwards only after a while: PortFast)';
}

function noLoader({ signs, firmware = 'the firmware', loader = 'its loader' }: Evidence): string {
  const { broken, probed, fetching, missing } = signs;
  const sizes = 'large packets get lost: set tftp.blksize to 512, or make the MTU the same on the whole way';
  if (broken) {
    return `${broken.file} broke off ${times(broken.times)} ${broken.how}: ${sizes}`;
  }
  if (fetching !== undefined) return `${fetching.file} does not get through by TFTP: ${sizes}`;
  if (missing !== undefined) return `the loader is not to be had: ${missing}`;
  if (probed !== undefined) {
    return `${firmware} asked for the size of ${probed} and then for nothing more: ${sizes}`;
  }
  return `${firmware} has its address but never asked for ${loader}: a firewall holds up TFTP (UDP port 69 and above 1023), or ${firmware} needs another loader (loader: in machines/)`;
}

function deafLoader({ firmware = 'the firmware', loader = 'the loader' }: Evidence): string {
  return `${loader} was fetched, but no iPXE asks for an address: ${firmware} can't start it (Secure Boot, or another loader is needed: loader: in machines/), or its driver has no link`;
}

/** A boot before this one ended with its loader. */
function isChainLoop({ rounds }: Signs): boolean {
  return rounds?.stage === 'loader';
}

function chainLoop({ signs, firmware = 'firmware', loader = 'the loader' }: Evidence): string {
  return `chain loop: ${firmware} asks for an address again after ${loader} was fetched, ${times(signs.rounds?.count ?? 1)} before this; the loader starts over instead of going on: choose another one (loader: in machines/)`;
}

function noScript({ missing, forbidden }: Signs): string {
  const told = missing ?? forbidden;
  if (told !== undefined) return `iPXE has its address but no script: ${told}`;
  return "iPXE has its address but never asked for its script: something between them holds up HTTP (TCP, the network's http.port)";
}

function undelivered({ missing, broken, progress, forbidden }: Signs, what: 'kernel' | 'initrd'): string {
  if (missing !== undefined)
    return `no ${what}: ${missing}; put the file there, or correct the profile's boot`;
  if (broken) {
    return `${broken.file} broke off ${times(broken.times)} ${broken.how}: a bad cable or link, or too little memory in the machine`;
  }
  if (progress) return `${progress.file} stands still at ${share(progress.bytes, progress.size)}`;
  if (forbidden !== undefined) return `no ${what}: ${forbidden}`;
  return `the machine asks for no ${what}: too little memory for the files before it, or its iPXE can't run this image; its screen says more`;
}

function noDocument({ signs, expected }: Evidence): string {
  if (signs.forbidden !== undefined) {
    return `the document was refused: ${signs.forbidden}; restart the machine for a new token`;
  }
  if (signs.osHasAddress) {
    return `the operating system has an address but asks for no ${expected.document ?? 'document'}: is the image of the family that the profile says?`;
  }
  return 'kernel and initrd were fetched, and nothing after: the kernel panicked, or has no driver for the network card; look at the console';
}

/** `1.2 MB of 8.1 MB` as a share: `15 %`. */
export function share(bytes: number, size: number): string {
  return `${size > 0 ? Math.floor((100 * bytes) / size) : 100} %`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
