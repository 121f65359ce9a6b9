import type { LoaderRow } from '../boot/loaders.ts';
import type { PxeReply } from '../boot/reply-style.ts';
import type { DhcpMode } from '../dhcp/other-servers.ts';
import type { AddressRange, Ipv4, Subnet } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { SIGNED_FAMILIES } from './images-schema.ts';
import type { WEBHOOK_EVENTS } from './webhook-schema.ts';

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
  /** Entries of machines/ for whatever machine is plugged in somewhere. */
  readonly ports: readonly PortEntry[];
  /** Rules that choose a profile by what a machine is, in order; the first that matches wins. */
  readonly rules: readonly SelectionRule[];
  /** The cluster that workers join; undefined when profiles have no kubernetes section. */
  readonly kubernetes?: ClusterSettings;
  readonly assets: {
    readonly directory: string /** Bytes of hot files kept in memory. */;
    readonly memory: number;
  };
  readonly images: ImageSettings;
  /** The mirror of container registries; undefined for none. */
  readonly mirror?: MirrorSettings;
  /** How the web is reached; undefined for the direct way. */
  readonly proxy?: ProxySettings;
  readonly firmware: FirmwareSettings;
  readonly admin: AdminSettings;
  readonly store: { readonly directory: string };
  /** How long the token in a machine's boot script lets it fetch its document, seconds. */
  readonly bootToken: number;
  /** Web servers that are told what happens to machines; no two have the same URL. */
  readonly webhooks: readonly Webhook[];
}

/** A mirror of container registries, for the machines of one network. */
export interface MirrorSettings {
  /** Name of the network on whose address it answers. */
  readonly network: string;
  readonly registries: readonly MirroredRegistry[];
  /** Most that the mirror of one registry keeps, bytes. */
  readonly size: number;
  /** Where it keeps that, absolute. */
  readonly directory: string;
}

/** A registry that has a mirror here. */
export interface MirroredRegistry {
  /** As names of images begin with it: `docker.io`. No two have the same. */
  readonly name: string;
  /** Where it is, without a slash at the end. */
  readonly url: string;
  /** Where its mirror answers; no two have the same. */
  readonly port: number;
  /** With whose rights is pulled; undefined for those of everybody. */
  readonly login?: { readonly username: string /** Absolute. */; readonly passwordFile: string };
}

/** Proxies on the way to the web. At least one of the two is there. */
export interface ProxySettings {
  /** URLs without a slash at the end and without a password. */
  readonly http?: string;
  readonly https?: string;
  /** What is reached without: hosts, domains that begin with a dot, and networks. */
  readonly noProxy: readonly string[];
}

/** How images are pulled, and who vouches for them. */
export interface ImageSettings {
  /** Fingerprints of the OpenPGP primary keys that may sign a family's releases: 40 hexadecimal digits in upper case. */
  readonly keys: Readonly<Record<SignedFamily, readonly string[]>>;
  /** Where the keys themselves lie, absolute; it need not be there. */
  readonly keyDirectory: string;
  /** Where releases are published, without a slash at the end. */
  readonly mirrors: {
    /** `{channel}` stands for the channel's name. */
    readonly flatcar: string;
    readonly fedoraCoreos: string;
    readonly kubernetes: string;
    readonly sysext: string;
    readonly cni: string;
    readonly ipxe: string;
  };
  /** Bytes a second; undefined for as fast as it goes. */
  readonly bandwidth?: number;
  /** Files pulled at once. */
  readonly downloads: number;
}

/** A family of images whose releases are signed. */
export type SignedFamily = (typeof SIGNED_FAMILIES)[number];

/** What firmware is given to run. */
export interface FirmwareSettings {
  /** Where the loaders lie, absolute. */
  readonly directory: string;
  /** The loader table: the rows of rackseed.yaml, then the usual ones. */
  readonly loaders: readonly LoaderRow[];
}

/** `hold`: wait in iPXE for approval · `boot`: boot the default profile · `ignore`: no answer at all. */
export type UnknownMachinePolicy = 'hold' | 'boot' | 'ignore';

/** Where people and tools reach the service. */
export interface AdminSettings {
  readonly listen: AdminListen;
  /** Where commands on this host reach it without a token: the same, or a unix socket beside the store. */
  readonly local: AdminListen;
  /** Host names, in lower case, by which it is known besides its address. */
  readonly names: readonly string[];
  /** PEM files, absolute; undefined for plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A TCP address, or a unix socket. */
export type AdminListen = { readonly host: string; readonly port: number } | { readonly path: string };

/** One provisioning network: an interface, our address on it, and what is served there. */
export interface Network {
  readonly name: string;
  readonly interface: string;
  /** Our address on the interface: DHCP server identifier, `siaddr`, and the host in every boot URL. */
  readonly address: Ipv4;
  readonly subnet: Subnet;
  readonly dhcp: DhcpSettings;
  /** Further subnets on the same wire. */
  readonly shared: readonly SubnetSettings[];
  /** Subnets behind relay agents. */
  readonly relayed: readonly RelayedSettings[];
  readonly http: { readonly port: number };
  /** Where machines fetch their keys. */
  readonly https: { readonly port: number };
  readonly tftp: TftpSettings;
  readonly syslog: SyslogSettings;
}

/** Addresses of one subnet, and what machines that have one are told. */
export interface AddressSettings {
  /** Addresses to lease, each range inside the subnet, none overlapping another. */
  readonly ranges: readonly AddressRange[];
  /** Lease time, seconds. */
  readonly lease: number;
  /** T1 and T2, seconds; undefined for RFC 2131's fractions of the lease. */
  readonly renewal?: number;
  readonly rebinding?: number;
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

export interface DhcpSettings extends AddressSettings {
  readonly mode: DhcpMode;
  /** How long a declined address stays out of use, seconds. */
  readonly quarantine: number;
  /** What a BOOTP request (no option 53) gets. */
  readonly bootp: 'answer' | 'drop';
  readonly rapidCommit: boolean;
  /** Look whether an address is in use before a machine is first offered it. */
  readonly conflictCheck: boolean;
  readonly vendorOptions: readonly VendorSettings[];
}

/** Option 43 for clients of one vendor class. */
export interface VendorSettings {
  /** `*` stands for any characters. */
  readonly vendorClass: string;
  readonly value: Uint8Array;
}

/** A subnet other than that of the interface. */
export interface SubnetSettings extends AddressSettings {
  readonly subnet: Subnet;
}

/** A subnet behind relay agents, and those on the same wire. */
export interface RelayedSettings extends SubnetSettings {
  /** Relay agents that may ask for addresses; empty means any with an address in one of the subnets. */
  readonly relays: readonly Ipv4[];
  readonly shared: readonly SubnetSettings[];
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

export interface SyslogSettings {
  /** Receive machines' messages on UDP port 514, and tell machines so by DHCP option 7. */
  readonly enabled: boolean;
}

/** What a webhook can be told of: states that a machine enters. */
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** A web server that is told what happens to machines. */
export interface Webhook {
  /** May hold a password in its path or query: not for logs. */
  readonly url: string;
  /** File with the key that signs messages, absolute. */
  readonly secretFile?: string;
  readonly events: readonly WebhookEvent[];
}

/** A machine somebody wrote down in machines/. */
export interface MachineEntry {
  readonly mac: Mac;
  /** `machines/rack-1.yaml: machines[0]`, for explanations; absent for a machine that nobody wrote down. */
  readonly place?: string;
  /** A DNS-1123 label. */
  readonly hostname?: string;
  readonly profile?: string;
  /** Reserved address: always this one, inside or outside the ranges. */
  readonly address?: Ipv4;
  /** File name in the firmware folder that replaces the loader table's choice. */
  readonly loader?: string;
  /** How its PXE firmware is told of its loader, in place of the firmware's usual way. */
  readonly pxeReply?: PxeReply;
  readonly labels: Readonly<Record<string, string>>;
  /** DHCP options by number, encoded: instead of the network's and the profile's. */
  readonly options?: ReadonlyMap<number, Uint8Array>;
  /** Somebody has agreed that this machine's Docker disk, whatever it holds, may be formatted. */
  readonly adoptDisk: boolean;
}

/** A place somebody wrote down in machines/: for whatever machine is plugged in there. */
export interface PortEntry extends Omit<MachineEntry, 'mac'> {
  readonly port: Port;
}

/** A port as relay agents name it (option 82, RFC 3046), printable. What is absent may be anything. */
export interface Port {
  readonly circuit?: string;
  readonly remote?: string;
}

/** Chooses a profile for machines by what they are. All conditions given must hold. */
export interface SelectionRule {
  /** `machines/rack-1.yaml: rules[0]`, for explanations. */
  readonly place: string;
  readonly match: RuleMatch;
  readonly profile: string;
  /** Added to the machine's own labels, which win. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Conditions of a rule. Texts are compared without regard to case; `*` stands for any characters. */
export interface RuleMatch {
  readonly mac?: Mac;
  /** The first bytes of the hardware address: `52:54:00`. */
  readonly macPrefix?: string;
  readonly uuid?: string;
  readonly serial?: string;
  readonly manufacturer?: string;
  readonly product?: string;
  /** iPXE's `${buildarch}`: x86_64, i386, arm64. */
  readonly arch?: string;
  /** Name of the network it was seen on. */
  readonly network?: string;
}

/** The cluster that machines join. */
export interface ClusterSettings {
  /** `https://192.168.0.254:6443` */
  readonly server: string;
  /** CA certificate file, absolute. */
  readonly ca: string;
  /** CA key file, absolute; needed where certificates are issued here. */
  readonly caKey?: string;
  /** How a machine gets its identity: a certificate issued here, or a bootstrap token made through the API. */
  readonly join: 'certificate' | 'token';
  /** Lifetime of issued certificates, seconds. */
  readonly certificateLifetime: number;
  readonly keyType: 'ecdsa' | 'rsa';
  /** Kubeconfig with which this service talks to the API server (tokens, CSRs, node labels, watching nodes). */
  readonly kubeconfig?: string;
  readonly clusterDns: readonly Ipv4[];
  readonly clusterDomain: string;
  /** Addresses of pods, and of services. */
  readonly podSubnet: Subnet;
  readonly serviceSubnet: Subnet;
}

/** The document an image reads at its first boot. */
export type DocumentFormat = 'cloud-config' | 'ignition' | 'cloud-init';

/** What a node is: how it boots, and the document it reads. Placeholders are still in its strings. */
export interface Profile {
  readonly name: string;
  /** This profile and those it extends, itself first. */
  readonly chain: readonly string[];
  readonly boot: ProfileBoot;
  /** DHCP options by number, encoded: instead of the network's. */
  readonly dhcpOptions?: ReadonlyMap<number, Uint8Array>;
  /** coreos-cloudinit's schema, merged along the chain; undefined when the image needs no document. */
  readonly cloudConfig?: Readonly<Record<string, unknown>>;
  /** What only Ignition can say: a fragment of a 3.3.0 config. */
  readonly ignition?: Readonly<Record<string, unknown>>;
  /** What only cloud-init can say: a fragment of its user-data. */
  readonly cloudInit?: Readonly<Record<string, unknown>>;
  readonly dockerDisk?: DockerDisk;
  /** Archives of container images below assets/, loaded before the kubelet starts. */
  readonly preload?: readonly string[];
  readonly kubernetes?: ProfileKubernetes;
  /** Where the profile's own files and units were written; absent for a profile that was read from no files. */
  readonly origins?: ProfileOrigins;
}

/** For explanations: `profiles/base.yaml:12, profiles/worker.yaml:8` by what it is. */
export interface ProfileOrigins {
  /** Files by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Units by name. */
  readonly units: ReadonlyMap<string, string>;
}

export type ProfileBoot =
  | { readonly kind: 'local-disk' }
  | {
      readonly kind: 'image';
      /** Folder below assets/. */
      readonly image: string;
      /** The link that led to `image` when the machine was identified: `flatcar/current`; absent for an image named itself. */
      readonly followed?: string;
      /** File name below the image's folder. */
      readonly kernel: string;
      readonly initrds: readonly string[];
      /** Root file system below the image's folder that the initrd downloads (Fedora CoreOS). */
      readonly rootfs?: string;
      /** Kernel arguments; may hold placeholders. */
      readonly args: readonly string[];
      /** Which document the image reads; by image family unless the profile says so. */
      readonly document: DocumentFormat;
      /** `https`: the document fetches its keys in a second step, by TLS · `inline`: it holds them itself. */
      readonly secrets: 'https' | 'inline';
    };

/** The local disk that holds containers' data, formatted at every boot. */
export interface DockerDisk {
  /** A path (`/dev/disk/by-id/…`, `/dev/vda`), `serial:…`, `auto` (exactly one candidate) or `largest`. */
  readonly device: string;
  /** Least size for `auto` and `largest`, bytes. */
  readonly minimumSize: number;
  readonly filesystem: 'ext4' | 'xfs' | 'btrfs';
  /** File system label that says the disk is ours. */
  readonly label: string;
  /** Folders that live on the disk, bind-mounted. */
  readonly directories: readonly string[];
  /** How long to wait for a slow disk, seconds. */
  readonly wait: number;
}

export interface ProfileKubernetes {
  readonly role: 'worker' | 'controller';
  /** Where the kubelet comes from. */
  readonly kubelet:
    | { readonly source: 'image' }
    /** `assets/kubernetes/VERSION/`: kubelet, kubectl, kubeadm, cni-plugins.tgz, each with its .sha512. */
    | { readonly source: 'assets'; readonly version: string }
    /** `assets/kubernetes/VERSION/kubernetes.raw` with its .sha512. */
    | { readonly source: 'sysext'; readonly version: string };
  /** Node labels; may hold placeholders. */
  readonly labels: Readonly<Record<string, string>>;
  /** `key=value:Effect` */
  readonly taints: readonly string[];
  /** Merged over our KubeletConfiguration (kubelet.config.k8s.io/v1beta1). */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Gives the configuration in force now; it changes when the files do. */
export type ConfigSource = () => Config;
