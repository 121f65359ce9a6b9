import type { AdmittedMachine } from '../boot/plan.ts';
import type { SeenMachine, Stage } from '../machines/machine.ts';
import { hasReached, lastStage } from '../machines/timeline.ts';
import type { Mac } from '../net/mac.ts';
import type { Tracking } from './tracking.ts';

/** Whoever asks for its script after one of these has begun a new boot, whatever DHCP server it asked. */
const SYSTEM_STAGES: ReadonlySet<Stage> = new Set(['document', 'report', 'up', 'registered', 'ready']);

/** A machine has fetched its loader, by TFTP or HTTP. */
export function reachLoader(
  tracking: Tracking,
  { mac, firmware = 'firmware', boot }: SeenMachine,
  file: string,
  how: string,
  now: number,
): void {
  const { registry, watch } = tracking.parts;
  registry.see(mac, tracking.network, now, { loader: file });
  const detail = `${firmware} → iPXE by ${how}`;
  if (lastStage(boot)?.kind !== 'loader') {
    tracking.reach(mac, 'loader', detail, now);
  } else {
    tracking.note(mac, 'retry', `${detail}, again`, now);
    watch.moved(mac, now);
  }
}

/** A machine has got its own script. Without `answer`, it is the one that it would get now. */
export function reachScript(
  tracking: Tracking,
  mac: Mac,
  answer: 'boot' | 'hold' | 'local-disk' | undefined,
  now: number,
): void {
  const { registry, identify, decisions } = tracking.parts;
  const boot = registry.get(mac)?.boot;
  if (answer === 'hold' || identify(mac).admission !== 'boot') {
    // It asks every few seconds.
    if (boot && hasReached(boot, 'script')) registry.see(mac, tracking.network, now);
    else tracking.reach(mac, 'script', 'iPXE waits for approval', now);
    return;
  }
  const last = lastStage(boot);
  if (last && SYSTEM_STAGES.has(last.kind)) tracking.begin(mac, now);
  if (registry.get(mac)?.boot?.profile !== undefined) {
    tracking.note(mac, 'retry', 'iPXE asks for its script again', now);
    return;
  }
  const { profile } = identify(mac) as AdmittedMachine;
  const isImage = profile.boot.kind === 'image';
  const does = isImage ? `boots profile ${profile.name}` : 'boots from its disk';
  tracking.reach(mac, 'script', `iPXE → script: ${does}`, now);
  registry.giveProfile(mac, profile.name);
  decisions.scriptGiven(mac);
  if (!isImage) decisions.allGiven(mac);
}
