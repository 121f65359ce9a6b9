import type { Lease } from '../../dhcp/leases.ts';
import type { JournalEvent } from '../../machines/journal.ts';
import type { Boot } from '../../machines/machine.ts';
import type { MachineView } from '../../machines/rack.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import type { ShownBoot, ShownChange, ShownLease, ShownMachine } from './schemas.ts';

/** A time in milliseconds since the epoch as the API tells it: ISO 8601, UTC, with milliseconds. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** A machine as the API shows it. */
export function showMachine(machine: MachineView): ShownMachine {
  const { decision, address, attachment, stageAt, stuck, progress, labels, inventory, cards } = machine;
  return {
    mac: machine.mac,
    cards: [...cards],
    state: machine.state,
    since: isoTime(machine.since),
    hostname: machine.hostname,
    ...given('profile', machine.profile),
    ...given('index', machine.index),
    admission: machine.admission,
    reason: machine.reason,
    labels: { ...labels },
    ...given('place', machine.place),
    ...given('bootOnce', decision?.bootOnce),
    ...given('decidedBy', decision?.by),
    ...(decision && { decidedAt: isoTime(decision.at) }),
    ...(decision?.adoptDisk && { adoptDisk: true }),
    network: machine.network,
    ...(address !== undefined && { address: formatIpv4(address) }),
    ...given('firmware', machine.firmware),
    ...given('loader', machine.loader),
    ...(attachment && { attachment: { ...attachment } }),
    inventory: { ...inventory },
    firstSeen: isoTime(machine.firstSeen),
    lastSeen: isoTime(machine.lastSeen),
    ...given('stage', machine.stage),
    ...(stageAt !== undefined && { stageAt: isoTime(stageAt) }),
    ...(progress && { progress: { ...progress } }),
    ...(stuck && { stuck: { ...stuck, since: isoTime(stuck.since) } }),
    revision: machine.revision,
  };
}

/** A boot as the API shows it. */
export function showBoot({ number, began, entries }: Boot): ShownBoot {
  return {
    number,
    began: isoTime(began),
    entries: entries.map(({ kind, at, detail }) => ({ kind, at: isoTime(at), detail })),
  };
}

/** A lease of `network` as the API shows it. */
export function showLease(network: string, { address, mac, expires }: Lease): ShownLease {
  return {
    network,
    address: formatIpv4(address),
    ...given('mac', mac),
    ...(Number.isFinite(expires) && { expires: isoTime(expires) }),
  };
}

/** An entry of the audit trail as the API shows it. */
export function showChange(change: Extract<JournalEvent, { type: 'change' }>): ShownChange {
  const { id, at, action, by, mac, hostname, detail } = change;
  return {
    id,
    at: isoTime(at),
    action,
    by,
    ...given('mac', mac),
    ...given('hostname', hostname),
    detail,
  };
}

/** Something that happened, as the event stream tells it. */
export function showEvent(event: JournalEvent): object {
  const { id, at, ...rest } = event;
  return { id, at: isoTime(at), ...rest };
}

/** `value` under its name, or nothing at all when it is undefined. */
function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Key in Name]?: Exclude<Value, undefined> } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Exclude<Value, undefined> };
}
