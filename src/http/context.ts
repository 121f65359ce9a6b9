import type { AdmittedMachine } from '../boot/plan.ts';
import type { ConfigSource, Network } from '../config/config.ts';
import type { Inventory } from '../machines/machine.ts';
import type { Mac } from '../net/mac.ts';
import type { HttpEvent } from './events.ts';
import type { FileCache } from './file-cache.ts';

/** What the provisioning app's routes need from the rest of the service. */
export interface ProvisioningContext {
  /** The network whose machines talk to this app. */
  readonly network: Network;
  readonly config: ConfigSource;
  /** Hot files; one cache for all networks. */
  readonly cache: FileCache;
  /** A profile's kernel arguments with their placeholders filled in. */
  readonly fillArgs: (machine: AdmittedMachine, network: Network) => readonly string[];
  /** The cloud-config of a machine whose profile has one. */
  readonly renderDocument: (machine: AdmittedMachine, network: Network) => string;
  /** Told what a machine said about itself when it asked for its script. */
  readonly onInventory: (mac: Mac, inventory: Inventory, address: string) => void;
  readonly observe: (event: HttpEvent) => void;
}
