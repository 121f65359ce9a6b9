import type { AdmittedMachine } from '../boot/plan.ts';
import type { ConfigSource, Network } from '../config/config.ts';
import type { BootTokens } from '../machines/boot-tokens.ts';
import type { Identity } from '../machines/identity.ts';
import type { Inventory } from '../machines/machine.ts';
import type { Mac } from '../net/mac.ts';
import type { DocumentRequest, RenderedDocument } from '../provision/document.ts';
import type { SecretsDelivery } from '../provision/secrets.ts';
import type { HttpEvent } from './events.ts';
import type { FileCache } from './file-cache.ts';
import type { GuessLimit } from './guess-limit.ts';
import type { RenderedDocuments } from './rendered-documents.ts';
import type { ServedFile } from './served-file.ts';
import type { Turns } from './turns.ts';

/** What the provisioning app's routes need from the rest of the service. */
export interface ProvisioningContext {
  /** The network whose machines talk to this app. */
  readonly network: Network;
  readonly config: ConfigSource;
  /** Who a machine that boots is, by all that is known of it. */
  readonly identify: (mac: Mac) => Identity;
  /** Hot files; one cache for all networks. */
  readonly cache: FileCache;
  /** Rejects with DamagedFile when a file below assets/ is not what was pulled; reads each file once. */
  readonly checkFile: (file: ServedFile) => Promise<void>;
  /** Who is sent a large file now, and who waits for it. */
  readonly turns: Turns;
  /** A profile's kernel arguments with their placeholders filled in. */
  readonly fillArgs: (machine: AdmittedMachine, network: Network) => readonly string[];
  /**
   * A document of a machine whose profile has one of that format. Rejects with a Refusal when what the document is made
   * from can't be had now.
   */
  readonly renderDocument: (
    machine: AdmittedMachine,
    network: Network,
    request: DocumentRequest,
    /** How the machine is to fetch its keys; without it the document holds them. */
    delivery?: SecretsDelivery,
  ) => Promise<RenderedDocument>;
  /** What was rendered for boots that are going on; shared by all apps. */
  readonly rendered: RenderedDocuments;
  /** The tokens in machines' scripts. */
  readonly tokens: BootTokens;
  /** Who shows wrong ones. */
  readonly guesses: GuessLimit;
  /** The certificate of the CA by which machines know the HTTPS app, PEM. */
  readonly bootCa: () => string;
  /** The time, milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * The address leased to a machine, in dotted notation; the last one after its lease has ended, until somebody else gets
   * it. `from` is where a request came from that says it is the machine's: another DHCP server's lease is known by that only.
   */
  readonly leasedAddress: (mac: Mac, from: string) => string | undefined;
  /**
   * True beside another DHCP server, which may give a machine's system another address than its iPXE. A token is then good
   * wherever `leasedAddress` finds its machine.
   */
  readonly addressesMove?: () => boolean;
  /** The machine that has, or last had, an address. */
  readonly machineAt: (address: string) => Mac | undefined;
  /** The machine that told this SMBIOS uuid, in any case of letters. */
  readonly findByUuid: (uuid: string) => Mac | undefined;
  /** Told what a machine said about itself when it asked for its script. */
  readonly onInventory: (mac: Mac, inventory: Inventory, address: string) => void;
  readonly observe: (event: HttpEvent) => void;
}
