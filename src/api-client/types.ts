import type { Role } from '../http/admin/schemas.ts';
import type { EntryKind } from '../machines/machine.ts';
import type { MachineState } from '../machines/rack.ts';

// What the API answers has the types of its own schemas.
export type {
  Role,
  ShownBoot,
  ShownChange,
  ShownImportResult,
  ShownLease,
  ShownMachine,
  ShownToken,
} from '../http/admin/schemas.ts';

/** What somebody may do, from the least on; each may do what those before it may. */
export const ROLES = ['read', 'operator', 'admin'] as const satisfies readonly Role[];

/** Machines of which only some are wanted. */
export interface MachineFilter {
  readonly states?: readonly string[];
  readonly network?: string;
  /** Text to find in names, addresses and the like. */
  readonly search?: string;
}

/** A token that was just made: the only time that it is told. */
export interface NewToken {
  readonly name: string;
  readonly role: Role;
  readonly token: string;
}

/** Something that happened: a `boot`, `state`, `change` or `notice` event of `GET /v1/events`. */
export interface ShownEvent {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly type: string;
  readonly mac?: string;
  readonly hostname?: string;
  readonly detail: string;
  /** Of `boot`: the kind of the entry. */
  readonly kind?: EntryKind;
  /** Of `state`. */
  readonly state?: MachineState;
  readonly before?: MachineState;
  /** Of `change`. */
  readonly action?: string;
  readonly by?: string;
  /** Of `notice`. */
  readonly severity?: 'info' | 'warning' | 'error';
}
