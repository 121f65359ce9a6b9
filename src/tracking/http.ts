import type { HttpEvent } from '../http/events.ts';
import { bootFileAt } from '../images/pin.ts';
import { share } from '../machines/diagnose.ts';
import { type Expectations, expectationsOf, hasEverything } from '../machines/expectations.ts';
import { describeReport } from '../machines/timeline.ts';
import { formatBytes } from '../machines/units.ts';
import type { Mac } from '../net/mac.ts';
import { reachLoader, reachScript } from './stages.ts';
import { type Tracking, transfer } from './tracking.ts';

const ASSETS = '/assets/';

/** Puts what the provisioning app tells on timelines. */
export function trackHttp(tracking: Tracking, event: HttpEvent, now: number): void {
  switch (event.type) {
    case 'script':
      reachScript(tracking, event.mac as Mac, event.answer, now, event.reader);
      break;
    case 'asset-progress': {
      const found = bootFile(tracking, event);
      const { bytes, size } = event;
      if (found) tracking.parts.watch.downloads(found.mac, { file: found.file, bytes, size }, now);
      break;
    }
    case 'asset':
      trackAsset(tracking, event, now);
      break;
    case 'document':
      // Of cloud-init's files, the one that the others only lead to.
      if (event.file === undefined || event.file === 'user-data') {
        tracking.reach(event.mac as Mac, 'document', `${event.format} ${formatBytes(event.bytes)}`, now);
        tracking.parts.decisions.allGiven(event.mac as Mac);
      }
      break;
    case 'secrets':
      tracking.reach(event.mac as Mac, 'document', `its keys (${formatBytes(event.bytes)}) by HTTPS`, now);
      break;
    case 'phone-home':
      if (event.stage === 'up') {
        const detail = event.detail ? `is up: ${event.detail}` : 'is up';
        tracking.reach(event.mac as Mac, 'up', detail, now);
      } else {
        tracking.reach(event.mac as Mac, 'report', describeReport(event.stage, event.detail), now);
      }
      break;
    case 'refused':
      refused(tracking, event, now);
      break;
  }
}

/** A file that machines download has been delivered, completely or not. */
export function trackAsset(
  tracking: Tracking,
  event: Omit<Extract<HttpEvent, { type: 'asset' }>, 'type' | 'source'>,
  now: number,
): void {
  const { address, path, bytes, size, complete, milliseconds } = event;
  const { watch, registry, decisions } = tracking.parts;
  if (path.startsWith('/firmware/')) {
    const machine = tracking.machineAt(address);
    const file = nameOf(path);
    const how = `HTTP (${file} ${transfer(bytes, milliseconds)})`;
    if (machine && complete) reachLoader(tracking, machine, file, how, now);
    return;
  }
  const found = bootFile(tracking, event);
  if (!found) return;
  const { mac, file, stage, expected } = found;
  watch.downloaded(mac);
  if (complete) {
    tracking.reach(mac, stage, `${stage} ${file} (${transfer(bytes, milliseconds)})`, now);
    const boot = registry.get(mac)?.boot;
    if (boot && expected.document === undefined && hasEverything(boot, expected)) decisions.allGiven(mac);
  } else {
    const how = `after ${formatBytes(bytes)} of ${formatBytes(size)} (${share(bytes, size)})`;
    tracking.note(mac, 'abort', `${stage} ${file} broke off ${how}`, now);
    watch.note(mac, { broken: { file, times: (watch.signs(mac)?.broken?.times ?? 0) + 1, how } }, now);
  }
}

interface BootFile {
  readonly mac: Mac;
  readonly stage: 'kernel' | 'initrd';
  readonly file: string;
  readonly expected: Expectations;
}

/** What a machine downloads, if it is part of what it boots. */
function bootFile(
  tracking: Tracking,
  { address, path }: { readonly address: string; readonly path: string },
): BootFile | undefined {
  const machine = tracking.machineAt(address);
  const identity = machine && tracking.parts.identify(machine.mac);
  if (identity?.admission !== 'boot' || identity.profile.boot.kind !== 'image') return undefined;
  const { mac, profile } = identity;
  const { boot } = identity.profile;
  const found = path.startsWith(ASSETS) ? bootFileAt(boot, path.slice(ASSETS.length)) : undefined;
  if (found === undefined) return undefined;
  return {
    mac,
    stage: found === boot.kernel ? 'kernel' : 'initrd',
    file: nameOf(path),
    expected: expectationsOf(profile),
  };
}

function refused(tracking: Tracking, event: Extract<HttpEvent, { type: 'refused' }>, now: number): void {
  const { route, status, reason, address, isRepeated } = event;
  const mac = (event.mac as Mac | undefined) ?? tracking.machineAt(address)?.mac;
  if (mac === undefined || isRepeated) return;
  const detail = `HTTP ${status} to ${address}: ${reason}`;
  if (tracking.hasTimeline(mac)) tracking.note(mac, 'refusal', detail, now);
  else tracking.parts.warn(`${mac}: ${detail}`);
  // It says more about the connection than about what the machine wanted.
  if (route === 'connection') return;
  const isFile = route.startsWith('/assets') || route.startsWith('/firmware');
  tracking.parts.watch.note(mac, isFile ? { missing: reason } : { forbidden: reason }, now);
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}
