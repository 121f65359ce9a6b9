import type { ApiTokenStorage } from '../api-tokens/api-tokens.ts';
import type { Lease } from '../dhcp/leases.ts';
import type { LeaseStore } from '../dhcp/server.ts';
import type { MachineTokens } from '../machines/boot-tokens.ts';
import type { DecisionRecord } from '../machines/decisions.ts';
import type { JournalStore } from '../machines/event-journal.ts';
import type { MachineIndex } from '../machines/indexes.ts';
import type { Boot, SeenMachine } from '../machines/machine.ts';
import type { Mac } from '../net/mac.ts';
import type { WebhookPositions } from '../notify/notifier.ts';

/** What must survive a restart. Every `commit` resolves once the change would survive the loss of this process or host. */
export interface Store extends LeaseStore, ApiTokenStorage {
  /** All leases on record, ended ones included. */
  leases(): Iterable<Lease>;
  /** All machines on record. */
  machines(): Iterable<SeenMachine>;
  /** Writes a machine down; losing the last moments of a machine's story harms nobody, so this doesn't wait. */
  saveMachine(machine: SeenMachine): void;
  removeMachine(mac: Mac): void;
  /** The boots of a machine that have ended, the newest first. */
  boots(mac: Mac): readonly Boot[];
  /** Writes a boot down that has ended; only a machine's last ones are kept. */
  saveBoot(mac: Mac, boot: Boot): void;
  removeBoots(mac: Mac): void;
  /** All decisions about machines on record. */
  decisions(): Iterable<DecisionRecord>;
  /** Both resolve once the change would survive the loss of this process or host. */
  saveDecision(decision: DecisionRecord): Promise<void>;
  removeDecision(mac: Mac): Promise<void>;
  /** What happened, and the changes that people made. */
  readonly events: JournalStore;
  readonly changes: JournalStore;
  /** All indexes on record. */
  indexes(): Iterable<MachineIndex>;
  saveIndex(index: MachineIndex): void;
  removeIndex(index: MachineIndex): void;
  /** The boot tokens of all machines on record. */
  bootTokens(): Iterable<MachineTokens>;
  /** Resolves once they would survive the loss of this process or host. */
  saveBootTokens(tokens: MachineTokens): Promise<void>;
  removeBootTokens(mac: Mac): void;
  /** How far webhooks were told. */
  readonly webhooks: WebhookPositions;
  /** Takes what was read of the file out of this process's memory; what is read again comes back. */
  unmapPages(): void;
  /** Waits for what is being written, then closes. */
  close(): Promise<void>;
}
