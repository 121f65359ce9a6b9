import type { Config, MachineEntry } from '../config/config.ts';
import { noProfile } from '../config/machines.ts';
import type { Mac } from '../net/mac.ts';
import type { DecisionRecord } from './decisions.ts';
import { ChangeRefusal, type MachineChange } from './rack.ts';

/** A DNS-1123 label. */
const HOSTNAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const KEY_LENGTH = 253;
const VALUE_LENGTH = 1024;
const MAX_LABELS = 64;

/** What a change is judged by. */
export interface ChangeContext {
  readonly mac: Mac;
  readonly config: Config;
  /** What was decided before. */
  readonly record: DecisionRecord | undefined;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Who has a host name, other than this machine: `52:54:00:12:34:56 (machines/rack-1.yaml: machines[0])`. */
  readonly ownerOf: (hostname: string) => string | undefined;
}

/** A change to what is decided about a machine; `forget` takes that away instead, and `wake` leaves it as it is. */
export type DecisionChange = Exclude<MachineChange, { readonly action: 'forget' | 'wake' }>;

/** The decision after a change. Throws a ChangeRefusal. */
export function decide(change: DecisionChange, context: ChangeContext): DecisionRecord {
  const { mac, config, record, by, now } = context;
  const entry = config.machines.get(mac);
  const { action } = change;
  if (entry && (action === 'refuse' || action === 'retire')) {
    throw conflict(
      mac,
      `${placeOf(entry)} says that it boots, and goes first: take the machine out of the file`,
    );
  }
  const isAdmitted = entry !== undefined || (record?.verdict ?? 'approved') === 'approved';
  const isDecided = entry !== undefined || record !== undefined || config.unknownMachines === 'boot';
  if (!isDecided && action !== 'approve' && action !== 'refuse' && action !== 'retire') {
    throw conflict(mac, 'nobody has approved it yet: approve it first');
  }
  if (!isAdmitted && (action === 'boot-once' || action === 'adopt-disk')) {
    throw conflict(mac, `it is ${record?.verdict}: approve it first`);
  }
  const before: DecisionRecord = {
    ...(record ?? { mac, verdict: 'approved', labels: {}, adoptDisk: false, once: 'pending', revision: 0 }),
    // What was decided against a machine is over when somebody writes it down.
    ...(entry && { verdict: 'approved' }),
    by,
    at: now,
    // No less than the time, so that one that was forgotten and comes again never has a number it had before.
    revision: Math.max((record?.revision ?? 0) + 1, now),
  };
  return apply(change, before, entry, context);
}

function apply(
  change: DecisionChange,
  before: DecisionRecord,
  entry: MachineEntry | undefined,
  context: ChangeContext,
): DecisionRecord {
  const { mac, config } = context;
  switch (change.action) {
    case 'approve': {
      const { profile, hostname, labels } = change;
      let after: DecisionRecord = { ...before, verdict: 'approved' };
      if (profile !== undefined) after = withProfile(after, profile, entry, config);
      if (hostname !== undefined) after = withHostname(after, hostname, entry, context);
      return labels ? withLabels(after, labels, entry) : after;
    }
    case 'refuse':
    case 'retire':
      return {
        ...withoutOnce(before),
        verdict: change.action === 'refuse' ? 'refused' : 'retired',
      };
    case 'rename':
      return withHostname(before, change.hostname, entry, context);
    case 'label':
      return withLabels(before, change.labels, entry);
    case 'assign':
      return withProfile(before, change.profile, entry, config);
    case 'boot-once': {
      const { bootOnce: _, ...rest } = before;
      if (change.profile === null) return rest;
      requireProfile(mac, change.profile, config);
      return { ...rest, bootOnce: change.profile, once: 'pending' };
    }
    case 'adopt-disk':
      return { ...before, adoptDisk: true, once: 'pending' };
  }
}

function withoutOnce({ bootOnce: _, ...record }: DecisionRecord): DecisionRecord {
  return { ...record, adoptDisk: false, once: 'pending' };
}

function withProfile(
  { profile: _, ...rest }: DecisionRecord,
  profile: string | null,
  entry: MachineEntry | undefined,
  config: Config,
): DecisionRecord {
  const { mac } = rest;
  if (entry?.profile !== undefined && entry.profile !== profile) {
    throw conflict(mac, `${placeOf(entry)} says its profile is ${entry.profile}: change it there`);
  }
  if (profile === null) return rest;
  requireProfile(mac, profile, config);
  return { ...rest, profile };
}

function withHostname(
  { hostname: _, ...rest }: DecisionRecord,
  hostname: string | null,
  entry: MachineEntry | undefined,
  { ownerOf }: ChangeContext,
): DecisionRecord {
  const { mac } = rest;
  if (entry?.hostname !== undefined && entry.hostname !== hostname) {
    throw conflict(mac, `${placeOf(entry)} says its name is ${entry.hostname}: change it there`);
  }
  if (hostname === null) return rest;
  if (!HOSTNAME.test(hostname)) {
    const said = JSON.stringify(hostname.slice(0, 80));
    throw new ChangeRefusal(
      'invalid',
      `${said} is no host name: lower-case letters, digits and hyphens, at most 63, as worker-01`,
    );
  }
  const owner = ownerOf(hostname);
  if (owner !== undefined) throw conflict(mac, `the name ${hostname} belongs to ${owner}`);
  return { ...rest, hostname };
}

function withLabels(
  record: DecisionRecord,
  labels: Readonly<Record<string, string | null>>,
  entry: MachineEntry | undefined,
): DecisionRecord {
  const after = new Map(Object.entries(record.labels));
  for (const [key, value] of Object.entries(labels)) {
    const written = entry && Object.hasOwn(entry.labels, key) ? entry.labels[key] : undefined;
    if (entry && written !== undefined && written !== value) {
      throw conflict(record.mac, `${placeOf(entry)} says its label ${key} is ${written}: change it there`);
    }
    if (value === null) after.delete(key);
    else after.set(checkedKey(key), checkedValue(key, value));
  }
  if (after.size > MAX_LABELS) {
    throw new ChangeRefusal(
      'invalid',
      `${record.mac} would have ${after.size} labels; ${MAX_LABELS} is the most`,
    );
  }
  return { ...record, labels: Object.fromEntries(after) };
}

function checkedKey(key: string): string {
  if (LABEL_KEY.test(key) && key.length <= KEY_LENGTH) return key;
  const said = JSON.stringify(key.slice(0, 80));
  throw new ChangeRefusal(
    'invalid',
    `${said} is no key of a label: letters, digits, dots, hyphens and underscores, as rack`,
  );
}

function checkedValue(key: string, value: string): string {
  if (value.length <= VALUE_LENGTH && !/\p{C}/u.test(value)) return value;
  throw new ChangeRefusal(
    'invalid',
    `the value of the label ${key} must be one line of at most ${VALUE_LENGTH} characters`,
  );
}

function requireProfile(mac: Mac, profile: string, { profiles }: Config): void {
  if (profiles.has(profile)) return;
  const [message, expected] = noProfile(profile.slice(0, 80), [...profiles.keys()]);
  throw new ChangeRefusal('invalid', `${mac}: ${message} (expected ${expected})`);
}

function conflict(mac: Mac, why: string): ChangeRefusal {
  return new ChangeRefusal('conflict', `${mac}: ${why}`);
}

function placeOf({ place = 'its entry in machines/' }: MachineEntry): string {
  return place;
}

/** What a change was, for the audit trail: `approved, profile worker, hostname worker-07`. */
export function describeChange(change: MachineChange): string {
  switch (change.action) {
    case 'approve': {
      const { profile, hostname, labels } = change;
      return [
        'approved',
        profile === undefined ? '' : `profile ${profile}`,
        hostname === undefined ? '' : `hostname ${hostname}`,
        describeLabels(labels ?? {}),
      ]
        .filter((part) => part !== '')
        .join(', ');
    }
    case 'refuse':
      return 'refused';
    case 'retire':
      return 'retired';
    case 'forget':
      return 'forgotten';
    case 'wake':
      return 'woken: a magic packet was sent to its cards';
    case 'adopt-disk':
      return 'its next boot may format the Docker disk whatever it holds';
    case 'rename':
      return change.hostname === null ? 'has no name of its own any more' : `renamed to ${change.hostname}`;
    case 'label':
      return describeLabels(change.labels) || 'no label changed';
    case 'assign':
      return change.profile === null ? 'profile chosen by the rules again' : `profile ${change.profile}`;
    case 'boot-once':
      return change.profile === null
        ? 'no profile for one boot any more'
        : `next boot with ${change.profile}`;
  }
}

function describeLabels(labels: Readonly<Record<string, string | null>>): string {
  const parts = Object.entries(labels).map(([key, value]) =>
    value === null ? `without ${key}` : `${key}=${value}`,
  );
  return parts.length === 0 ? '' : `labels ${parts.join(' ')}`;
}
