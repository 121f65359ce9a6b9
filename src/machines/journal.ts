import type { Mac } from '../net/mac.ts';
import type { EntryKind } from './machine.ts';
import type { ChangeAction, MachineState, MachineView } from './rack.ts';

/** Something that happened, as it is told to the journal. */
export type Happening =
  /** An entry of a machine's timeline. */
  | {
      readonly type: 'boot';
      readonly mac: Mac;
      readonly hostname: string;
      readonly kind: EntryKind;
      readonly detail: string;
    }
  /** A machine is in another state now; `detail` says why. */
  | {
      readonly type: 'state';
      readonly mac: Mac;
      readonly hostname: string;
      readonly state: MachineState;
      /** Absent for a machine that was never seen before. */
      readonly before?: MachineState;
      readonly detail: string;
    }
  /** Somebody changed something: the audit trail. */
  | {
      readonly type: 'change';
      readonly action:
        | ChangeAction
        | 'create-token'
        | 'revoke-token'
        | 'import'
        | 'pull-image'
        | 'remove-image';
      readonly by: string;
      readonly mac?: Mac;
      readonly hostname?: string;
      readonly detail: string;
    }
  /** Something about the service itself, for people. */
  | { readonly type: 'notice'; readonly severity: 'info' | 'warning' | 'error'; readonly detail: string };

/** What happened, when, and its number: each is larger than the one before, also after a restart. */
export type JournalEvent = Happening & {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** What happened of late, for whoever looks on. */
export interface Journal {
  publish(happening: Happening): void;
  /** The events after `id`, the oldest first; undefined when some of them are no longer kept. */
  since(id: number): readonly JournalEvent[] | undefined;
  /** The number of the last event; 0 when there was none. */
  readonly lastId: number;
  /** The changes that people made, the newest first; kept apart, so that a busy network doesn't displace them. */
  changes(): readonly Extract<JournalEvent, { type: 'change' }>[];
  /** Calls `listener` with every event to come, until the function it gives is called. */
  subscribe(listener: (event: JournalEvent) => void): () => void;
  /** Calls `listener` with machines that have changed, each at most twice a second, until the function it gives is called. */
  subscribeMachines(
    listener: (machines: readonly MachineView[], forgotten: readonly Mac[]) => void,
  ): () => void;
}
