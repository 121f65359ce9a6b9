import type { ShownBoot, ShownMachine } from '../api-client/types.ts';
import type { Stage } from '../machines/machine.ts';
import { isStage } from '../machines/timeline.ts';

/** A virtual machine's way through its boot. */
export interface MachineProgress {
  /** What the configuration calls it, or the lab's own name for it until the service has seen it. */
  readonly hostname: string;
  readonly mac: string;
  readonly address?: string;
  /** What its DHCP packets say it is: `BIOS`, `UEFI x64`, `UEFI x64 HTTP`, `iPXE`. */
  readonly firmware?: string;
  /** True when it waits in iPXE for somebody's approval. */
  readonly held: boolean;
  readonly stages: readonly StageReached[];
}

export interface StageReached {
  readonly stage: Stage;
  /** Milliseconds after the machine was switched on. */
  readonly after: number;
  readonly detail: string;
}

/**
 * Puts what the service says about a machine and its last boot beside when it was switched on (milliseconds since the epoch).
 * What it remembers from before that is left out. Both are undefined for a machine it hasn't seen.
 */
export function progressOf(
  machine: { readonly name: string; readonly mac: string; readonly poweredOn: number },
  seen: ShownMachine | undefined,
  boot: ShownBoot | undefined,
): MachineProgress {
  return {
    hostname: seen?.hostname ?? machine.name,
    mac: machine.mac,
    ...(seen?.address !== undefined && { address: seen.address }),
    ...(seen?.firmware !== undefined && { firmware: seen.firmware }),
    held: seen?.admission === 'hold',
    stages: (boot?.entries ?? []).flatMap(({ kind, at, detail }) => {
      const after = Date.parse(at) - machine.poweredOn;
      return isStage(kind) && after >= 0 ? [{ stage: kind, after, detail }] : [];
    }),
  };
}

/** True when the machine has told that it is up. */
export function isUp(progress: MachineProgress): boolean {
  return progress.stages.some(({ stage }) => stage === 'up');
}

/** How far a machine has come, in words: `worker-01 (52:54:00:00:00:01) is at kernel since 20.1 s after power-on`. */
export function describePosition({ hostname, mac, held, stages }: MachineProgress): string {
  const who = `${hostname} (${mac})`;
  const last = stages.at(-1);
  if (!last) return `${who} has not sent a DHCP packet`;
  const where = `${who} reached ${last.stage} ${formatSeconds(last.after)} after power-on`;
  return held ? `${where} and waits for approval` : where;
}

/** `20.1 s` */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
