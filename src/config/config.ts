import type { AddressRange, Ipv4, Subnet } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/** Everything an administrator wrote, checked and resolved: what the rest of the program works with. */
export interface Config {
  /** The folder the files were read from, absolute. */
  readonly directory: string;
  readonly networks: readonly Network[];
  /** What a machine without an entry in machines/ gets. */
  readonly unknownMachines: UnknownMachinePolicy;
  /** The profile of a machine that names none; it is always in `profiles`. */
  readonly defaultProfile: string;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly machines: ReadonlyMap<Mac, MachineEntry>;
  readonly assets: {
    readonly directory: string /** Bytes of hot files kept in memory. */;
    readonly memory: number;
  };
  readonly firmware: { /** Where the iPXE binaries lie, absolute. */ readonly directory: string };
  readonly admin: { readonly listen: AdminListen };
  readonly store: { readonly directory: string };
}

/** `hold`: wait in iPXE for approval · `boot`: boot the default profile · `ignore`: no answer at all. */
export type UnknownMachinePolicy = 'hold' | 'boot' | 'ignore';

/** Where people and tools reach the service: loopback TCP, or a unix socket. */
export type AdminListen = { readonly host: string; readonly port: number } | { readonly path: string };

/** One provisioning network: an interface, our address on it, and what is served there. */
export interface Network {
  readonly name: string;
  readonly interface: string;
  /** Our address on the interface: DHCP server identifier, `siaddr`, and the host in every boot URL. */
  readonly address: Ipv4;
  readonly subnet: Subnet;
  readonly dhcp: DhcpSettings;
  readonly http: { readonly port: number };
  readonly tftp: TftpSettings;
}

export interface DhcpSettings {
  /** Addresses to lease, each range inside the subnet, none overlapping another. */
  readonly ranges: readonly AddressRange[];
  /** Lease time, seconds. */
  readonly lease: number;
  /** How long a declined address stays out of use, seconds. */
  readonly quarantine: number;
  /** What a BOOTP request (no option 53) gets. */
  readonly bootp: 'answer' | 'drop';
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly ntp: readonly Ipv4[];
  readonly domain?: string;
  /** Domain search list, option 119. */
  readonly search: readonly string[];
  /** Classless static routes, option 121. */
  readonly routes: readonly Route[];
  /** Options by number, already encoded: sent whether or not they were asked for. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export interface Route {
  readonly destination: Subnet;
  readonly router: Ipv4;
}

export interface TftpSettings {
  /** Largest `blksize` granted; undefined means what the interface's MTU carries. */
  readonly blksize?: number;
  /** Answer from port 69 instead of a new port per transfer, for clients behind NAT. */
  readonly singlePort: boolean;
}

/** A machine somebody wrote down in machines/. */
export interface MachineEntry {
  readonly mac: Mac;
  /** A DNS-1123 label. */
  readonly hostname?: string;
  readonly profile?: string;
  /** Reserved address: always this one, inside or outside the ranges. */
  readonly address?: Ipv4;
  /** File name in the firmware folder that replaces the loader table's choice. */
  readonly loader?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a node is: how it boots, and the cloud-config it reads. */
export interface Profile {
  readonly name: string;
  readonly boot: ProfileBoot;
  /** The cloud-config as written, placeholders still in its strings; undefined when the image needs none. */
  readonly cloudConfig?: Readonly<Record<string, unknown>>;
}

export type ProfileBoot =
  | { readonly kind: 'local-disk' }
  | {
      readonly kind: 'image';
      /** Folder below assets/. */
      readonly image: string;
      /** File name below the image's folder. */
      readonly kernel: string;
      readonly initrds: readonly string[];
      /** Kernel arguments; may hold placeholders. */
      readonly args: readonly string[];
    };

/** Gives the configuration in force now; it changes when the files do. */
export type ConfigSource = () => Config;
