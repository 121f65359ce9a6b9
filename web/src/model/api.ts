import type { Role } from '../../../src/http/admin/schemas.ts';
import type { EntryKind } from '../../../src/machines/machine.ts';
import type { MachineState } from '../../../src/machines/rack.ts';

// What the admin API answers has the types of its own schemas. Times are ISO 8601 in UTC, sizes are bytes.
export type {
  Role,
  ShownBoot as Boot,
  ShownChange as Change,
  ShownImage as Image,
  ShownImagePull as ImagePull,
  ShownLease as Lease,
  ShownMachine as Machine,
  ShownNetwork as Network,
  ShownProfile as Profile,
  ShownSettings as Settings,
  ShownToken as Token,
} from '../../../src/http/admin/schemas.ts';
export { type EntryKind, STAGES, type Stage } from '../../../src/machines/machine.ts';
export { MACHINE_STATES, type MachineState, type NextBoot } from '../../../src/machines/rack.ts';

/** From the least on; each may do what those before it may. */
export const ROLES = ['read', 'operator', 'admin'] as const satisfies readonly Role[];

/** Who asks, of `GET /v1/me`. */
export interface Me {
  readonly name: string;
  readonly role: Role;
}

export const EVENT_TYPES = ['boot', 'state', 'change', 'notice'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** An event of `GET /v1/events`; which of the optional keys it has goes by its type. */
export interface JournalEvent {
  readonly id: number;
  readonly at: string;
  readonly type: EventType;
  readonly detail: string;
  readonly mac?: string;
  readonly hostname?: string;
  readonly kind?: EntryKind;
  readonly state?: MachineState;
  readonly before?: MachineState;
  readonly action?: string;
  readonly by?: string;
  readonly severity?: 'info' | 'warning' | 'error';
}
