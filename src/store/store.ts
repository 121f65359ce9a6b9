import type { Lease } from '../dhcp/leases.ts';
import type { LeaseStore } from '../dhcp/server.ts';
import type { MachineIndex } from '../machines/indexes.ts';
import type { SeenMachine } from '../machines/machine.ts';
import type { Mac } from '../net/mac.ts';

/** What must survive a restart. Every `commit` resolves once the change would survive the loss of this process or host. */
export interface Store extends LeaseStore {
  /** All leases on record, ended ones included. */
  leases(): Iterable<Lease>;
  /** All machines on record. */
  machines(): Iterable<SeenMachine>;
  /** Writes a machine down; losing the last moments of a machine's story harms nobody, so this doesn't wait. */
  saveMachine(machine: SeenMachine): void;
  removeMachine(mac: Mac): void;
  /** All indexes on record. */
  indexes(): Iterable<MachineIndex>;
  saveIndex(index: MachineIndex): void;
  removeIndex(index: MachineIndex): void;
  /** Waits for what is being written, then closes. */
  close(): Promise<void>;
}
