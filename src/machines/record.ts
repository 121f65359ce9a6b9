import type { Boot, SeenMachine, Stage } from './machine.ts';

/** A machine as it was written down when only the stages of its last boot were kept. */
export interface StagesOnly extends Omit<SeenMachine, 'boot'> {
  readonly boot: readonly { readonly stage: Stage; readonly at: number; readonly detail: string }[];
}

/** Reads a machine that this or an earlier version has written down. */
export function readMachine(record: SeenMachine | StagesOnly): SeenMachine {
  const { boot, ...machine } = record;
  if (!isList(boot)) return boot ? { ...machine, boot } : machine;
  const [first] = boot;
  if (!first) return machine;
  return {
    ...machine,
    boot: {
      number: 1,
      began: first.at,
      entries: boot.map(({ stage, at, detail }) => ({ kind: stage, at, detail })),
    },
  };
}

function isList(boot: Boot | StagesOnly['boot'] | undefined): boot is StagesOnly['boot'] {
  return Array.isArray(boot);
}
