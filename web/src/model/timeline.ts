import { type Boot, STAGES, type Stage } from './api.ts';

/** A line of a boot's story, ready to show. Times are milliseconds. */
export interface TimelineRow {
  readonly entry: Boot['entries'][number];
  /** False for notes: retries, refusals, messages and the like. */
  readonly isStage: boolean;
  /** After the boot began. */
  readonly offset: number;
  /** From this stage to the next one; absent for notes and for the last stage. */
  readonly took?: number;
}

/** The story of a boot with how long each stage took. */
export function timelineRows(boot: Boot): readonly TimelineRow[] {
  const began = Date.parse(boot.began);
  return boot.entries.map((entry, index) => {
    const at = Date.parse(entry.at);
    const next = isStage(entry.kind) && boot.entries.slice(index + 1).find(({ kind }) => isStage(kind));
    return {
      entry,
      isStage: isStage(entry.kind),
      offset: Math.max(0, at - began),
      ...(next && { took: Math.max(0, Date.parse(next.at) - at) }),
    };
  });
}

/** A stage on the way to a node, and when this boot reached it first, in milliseconds after it began. */
export interface TrackStep {
  readonly stage: Stage;
  readonly offset?: number;
}

/** All stages in their order. A boot may skip some: what needs no loader has none. */
export function trackOf(boot: Boot): readonly TrackStep[] {
  const began = Date.parse(boot.began);
  return STAGES.map((stage) => {
    const reached = boot.entries.find(({ kind }) => kind === stage);
    return { stage, ...(reached && { offset: Math.max(0, Date.parse(reached.at) - began) }) };
  });
}

/** How long a boot took: until the last stage that it reached, milliseconds. */
export function bootLength(boot: Boot): number {
  const last = boot.entries.findLast(({ kind }) => isStage(kind));
  return last ? Math.max(0, Date.parse(last.at) - Date.parse(boot.began)) : 0;
}

function isStage(kind: string): kind is Stage {
  return (STAGES as readonly string[]).includes(kind);
}
