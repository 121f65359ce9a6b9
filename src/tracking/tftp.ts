import { READERS, readBootFileName } from '../boot/boot-file-name.ts';
import { share } from '../machines/diagnose.ts';
import { formatBytes } from '../machines/units.ts';
import { parseMac } from '../net/mac.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { trackAsset } from './http.ts';
import { reachLoader, reachScript } from './stages.ts';
import { type Tracking, transfer } from './tracking.ts';

/** What comes of a request that isn't refused. */
type TransferEvent = Exclude<TftpEvent, { type: 'dropped' | 'crashed' | 'refused' }>;

/** A machine's own script. */
const SCRIPT_NAME = /^([0-9a-f-]{17})\.ipxe$/i;

/** Puts what the TFTP server tells on timelines. */
export function trackTftp(tracking: Tracking, event: TftpEvent, now: number): void {
  if (event.type === 'dropped' || event.type === 'crashed') return;
  const machine = tracking.machineAt(event.client.address);
  if (!machine) return;
  const { mac } = machine;
  const { watch, isLoader } = tracking.parts;
  const { file } = event;
  const { broken, probed, fetching } = watch.signs(mac) ?? {};
  const made = readBootFileName(file);
  if (event.type === 'refused') {
    tracking.note(mac, 'refusal', `TFTP refused ${file}: ${event.detail}`, now);
    watch.note(mac, { missing: `${file}: ${event.detail}` }, now);
  } else if (event.type === 'done' && SCRIPT_NAME.test(file)) {
    reachScript(tracking, parseMac(file.slice(0, 17)) ?? mac, undefined, now);
  } else if (event.type === 'done' && made && made.kind !== 'autoexec' && !isLoader(file)) {
    reachScript(tracking, made.mac ?? mac, undefined, now, READERS[made.kind]);
  } else if (file.startsWith('assets/')) {
    asset(tracking, event, now);
  } else if (!isLoader(file)) {
    return;
  } else if (event.type === 'probe') {
    if (probed === undefined && !broken) watch.moved(mac, now);
    watch.note(mac, { probed: file }, now);
  } else if (event.type === 'started') {
    // The same file over and over isn't progress.
    if (broken) tracking.note(mac, 'retry', `asks for ${file} by TFTP again`, now);
    else watch.moved(mac, now);
    watch.note(mac, { fetching: { file, size: event.size } }, now);
  } else if (event.type === 'failed') {
    const how = `after ${came(event.bytes, fetching?.size)}`;
    tracking.note(mac, 'abort', `TFTP of ${file} broke off ${how}: ${event.detail}`, now);
    const times = (broken?.times ?? 0) + 1;
    watch.note(mac, { fetching: undefined, broken: { file, times, how } }, now);
  } else {
    const how = `TFTP (${file} ${transfer(event.bytes, event.milliseconds)})`;
    reachLoader(tracking, machine, file, how, now);
  }
}

/** Loaders without HTTP fetch what they boot by TFTP too. */
function asset(tracking: Tracking, event: TransferEvent, now: number): void {
  if (event.type === 'probe') return;
  const { address } = event.client;
  const machine = tracking.machineAt(address);
  const { watch } = tracking.parts;
  if (event.type === 'started') {
    if (!machine) return;
    watch.moved(machine.mac, now);
    watch.note(machine.mac, { fetching: { file: event.file, size: event.size } }, now);
    return;
  }
  const { bytes } = event;
  const complete = event.type === 'done';
  const fetching = machine && watch.signs(machine.mac)?.fetching;
  const size = !complete && fetching?.file === event.file ? fetching.size : bytes;
  const milliseconds = complete ? event.milliseconds : 0;
  if (machine) watch.note(machine.mac, { fetching: undefined }, now);
  trackAsset(tracking, { address, path: `/${event.file}`, bytes, size, complete, milliseconds }, now);
}

/** `1.2 MB of 8.1 MB (15 %)` */
function came(bytes: number, size: number | undefined): string {
  if (size === undefined) return formatBytes(bytes);
  return `${formatBytes(bytes)} of ${formatBytes(size)} (${share(bytes, size)})`;
}
