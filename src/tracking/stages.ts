import type { AdmittedMachine } from '../boot/plan.ts';
import type { ScriptAnswer } from '../http/events.ts';
import type { SeenMachine, Stage } from '../machines/machine.ts';
import { hasReached, lastStage } from '../machines/timeline.ts';
import type { Mac } from '../net/mac.ts';
import { loaderFetched, loaderWorks } from './loaders.ts';
import type { Tracking } from './tracking.ts';

/** Whoever asks for its script after one of these has begun a new boot, whatever DHCP server it asked. */
const SYSTEM_STAGES: ReadonlySet<Stage> = new Set(['document', 'report', 'up', 'registered', 'ready']);

/** iPXE by its usual names. */
const IPXE = /ipxe|snponly|undionly/i;

/** A machine has fetched its loader, by TFTP or HTTP. */
export function reachLoader(
  tracking: Tracking,
  { mac, firmware = 'firmware', boot }: SeenMachine,
  file: string,
  how: string,
  now: number,
): void {
  const { registry, watch } = tracking.parts;
  const before = registry.get(mac)?.loader;
  registry.see(mac, tracking.network, now, { loader: file });
  loaderFetched(tracking, mac, file, now);
  const what = IPXE.test(file) ? 'iPXE' : 'its loader';
  const detail = `${firmware} → ${what} by ${how}`;
  if (lastStage(boot)?.kind !== 'loader') {
    tracking.reach(mac, 'loader', detail, now);
  } else if (before !== file) {
    tracking.reach(mac, 'loader', `then by ${how}`, now);
  } else {
    tracking.note(mac, 'retry', `${detail}, again`, now);
    watch.moved(mac, now);
  }
}

/** A machine has got its own script, or what `reader` takes for one. Without `answer`, it is the one it would get now. */
export function reachScript(
  tracking: Tracking,
  mac: Mac,
  answer: ScriptAnswer | undefined,
  now: number,
  reader = 'iPXE',
): void {
  const { registry, identify, decisions } = tracking.parts;
  loaderWorks(tracking, mac);
  const boot = registry.get(mac)?.boot;
  if (answer === 'hold' || identify(mac).admission !== 'boot') {
    // It asks every few seconds.
    if (boot && hasReached(boot, 'script')) registry.see(mac, tracking.network, now);
    else tracking.reach(mac, 'script', `${reader} waits for approval`, now);
    return;
  }
  const last = lastStage(boot);
  if (last && SYSTEM_STAGES.has(last.kind)) tracking.begin(mac, now);
  if (registry.get(mac)?.boot?.profile !== undefined) {
    tracking.note(mac, 'retry', `${reader} asks for its script again`, now);
    return;
  }
  const { profile } = identify(mac) as AdmittedMachine;
  const isImage = profile.boot.kind === 'image';
  const does = isImage ? `boots profile ${profile.name}` : 'boots from its disk';
  tracking.reach(mac, 'script', `${reader} → script: ${does}`, now);
  registry.giveProfile(mac, profile.name);
  decisions.scriptGiven(mac);
  if (!isImage) decisions.allGiven(mac);
}
