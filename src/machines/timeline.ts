import { type Boot, type EntryKind, STAGES, type Stage, type TimelineEntry } from './machine.ts';

/** Stages kept of one boot: one that goes round in circles is explained by the first of them. */
const MAX_STAGES = 64;
/** Other entries kept of one boot: the last of them tell how it ended. */
export const MAX_NOTES = 200;
/** Longest detail kept, characters. */
const DETAIL_LENGTH = 512;

const STAGE_NAMES: ReadonlySet<string> = new Set(STAGES);

/** True for the entry of a stage, false for a note. */
export function isStage(kind: EntryKind): kind is Stage {
  return STAGE_NAMES.has(kind);
}

/**
 * The boot with one more entry, its detail on one line of bounded length. Undefined when there is nothing to add: the last
 * entry says the same (a retransmission), or there are too many stages. The oldest of more than `maxNotes` notes goes.
 */
export function addEntry(boot: Boot, entry: TimelineEntry, maxNotes = MAX_NOTES): Boot | undefined {
  const { entries } = boot;
  const { kind, at } = entry;
  const detail = oneLine(entry.detail);
  const last = entries.at(-1);
  if (last?.kind === kind && last.detail === detail) return undefined;
  const alike = entries.filter((other) => isStage(other.kind) === isStage(kind)).length;
  if (isStage(kind)) {
    if (alike >= MAX_STAGES) return undefined;
    return { ...boot, entries: [...entries, { kind, at, detail }] };
  }
  const oldest = alike < maxNotes ? -1 : entries.findIndex((other) => !isStage(other.kind));
  const kept = entries.filter((_, index) => index !== oldest);
  return { ...boot, entries: [...kept, { kind, at, detail }] };
}

/** The last stage that a boot has reached. */
export function lastStage(boot: Boot | undefined): (TimelineEntry & { readonly kind: Stage }) | undefined {
  return boot?.entries.findLast((entry): entry is TimelineEntry & { readonly kind: Stage } =>
    isStage(entry.kind),
  );
}

/** True when the boot's timeline has an entry of the kind. */
export function hasReached(boot: Boot, kind: EntryKind): boolean {
  return boot.entries.some((entry) => entry.kind === kind);
}

/** What a `report` entry says about a stage that a node told of: `reports disk: /dev/vda formatted`. */
export function describeReport(stage: string, detail: string): string {
  return `reports ${stage}${detail && `: ${detail}`}`;
}

/** True when the node has told of this stage in a boot. */
export function hasReported(boot: Boot, stage: string): boolean {
  const said = describeReport(stage, '');
  return boot.entries.some(
    ({ kind, detail }) => kind === 'report' && (detail === said || detail.startsWith(`${said}: `)),
  );
}

function oneLine(text: string): string {
  const line = text.replace(/\p{C}+/gu, ' ').trim();
  return line.length <= DETAIL_LENGTH ? line : `${line.slice(0, DETAIL_LENGTH - 1)}…`;
}

/**
 * How far a boot has come, as a number that grows: the place of its last stage, where the DHCP of the iPXE that a loader
 * brought comes after the loader.
 */
export function positionOf(boot: Boot): number {
  const last = lastStage(boot);
  if (!last) return -1;
  const place = STAGES.indexOf(last.kind);
  const loader = STAGES.indexOf('loader');
  return place < loader && hasReached(boot, 'loader') ? loader + (place + 1) / (loader + 1) : place;
}
