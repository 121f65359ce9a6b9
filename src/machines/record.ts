import type { Boot, SeenMachine, Stage, TimelineEntry } from './machine.ts';

/** A machine as it was written down when only the stages of its last boot were kept. */
export interface StagesOnly extends Omit<SeenMachine, 'boot'> {
  readonly boot: readonly { readonly stage: Stage; readonly at: number; readonly detail: string }[];
}

/** Gives the one text that stands for all texts like it. */
type Share = <Text extends string>(text: Text) => Text;

/**
 * Gives a function that reads machines that this or an earlier version has written down. What it gives takes little memory:
 * machines have most of their texts in common, and hold no part of what they were read from.
 */
export function machineReader(): (record: SeenMachine | StagesOnly) => SeenMachine {
  const texts = new Map<string, string>();
  const share: Share = (text) => {
    const known = texts.get(text);
    if (known !== undefined) return known as typeof text;
    // One that was cut out of a longer text keeps all of that.
    const copy = Buffer.from(text).toString() as typeof text;
    texts.set(copy, copy);
    return copy;
  };
  return (record) => readMachine(record, share);
}

function readMachine(record: SeenMachine | StagesOnly, share: Share): SeenMachine {
  const { address, firmware, loader, loaders, attachment, standing } = record;
  const boot = readBoot(record.boot, share);
  return {
    mac: share(record.mac),
    network: share(record.network),
    firstSeen: record.firstSeen,
    lastSeen: record.lastSeen,
    ...(address !== undefined && { address }),
    ...(firmware !== undefined && { firmware: share(firmware) }),
    ...(loader !== undefined && { loader: share(loader) }),
    ...(loaders && { loaders: shareAll(loaders, share) }),
    ...(attachment && { attachment: shareAll(attachment, share) }),
    inventory: shareAll(record.inventory, share),
    ...(boot && { boot }),
    ...(standing && { standing: { state: share(standing.state), since: standing.since } }),
  };
}

function readBoot(boot: Boot | StagesOnly['boot'] | undefined, share: Share): Boot | undefined {
  if (!boot) return undefined;
  if (isList(boot)) {
    const entries = boot.map(({ stage, at, detail }) => readEntry({ kind: stage, at, detail }, share));
    return entries[0] && { number: 1, began: entries[0].at, entries };
  }
  const { number, began, profile, entries } = boot;
  return {
    number,
    began,
    ...(profile !== undefined && { profile: share(profile) }),
    entries: entries.map((entry) => readEntry(entry, share)),
  };
}

function readEntry({ kind, at, detail }: TimelineEntry, share: Share): TimelineEntry {
  return { kind: share(kind), at, detail: share(detail) };
}

/** A copy of a value with all texts in it shared. */
function shareAll<Value>(value: Value, share: Share): Value {
  if (typeof value === 'string') return share(value);
  if (Array.isArray(value)) return value.map((item) => shareAll(item, share)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const shared = Object.entries(value).map(([key, item]) => [key, shareAll(item, share)]);
  return Object.fromEntries(shared) as Value;
}

function isList(boot: Boot | StagesOnly['boot']): boot is StagesOnly['boot'] {
  return Array.isArray(boot);
}
