import { type StaticDecode, Type } from 'typebox';
import { AdminSchema } from './admin-schema.ts';
import { ClusterSchema } from './cluster-schema.ts';
import { ImagesSchema } from './images-schema.ts';
import { LoaderSchema } from './loader-schema.ts';
import { MirrorSchema } from './mirror-schema.ts';
import { optionTable } from './option-schema.ts';
import { ProfileSchema } from './profile-schema.ts';
import { ProxySchema } from './proxy-schema.ts';
import {
  RelayedSubnetSchema,
  ranges,
  SharedSubnetSchema,
  seconds,
  subnetKeys,
  vendorOptions,
} from './subnet-schema.ts';
import {
  anyText,
  directory,
  hostname,
  interfaceAddress,
  interfaceName,
  ipv4,
  mac,
  macPrefix,
  name,
  oneOf,
  profileName,
  relativePath,
  size,
} from './text.ts';
import { WebhooksSchema } from './webhook-schema.ts';

// One source for three things: the types below, what is accepted, and the JSON Schemas that editors use.
// A title says what a value is ("IPv4 address"); error messages are made from it.

/** What absent keys mean: seconds, bytes, and words as they are written. */
export const DEFAULTS = {
  lease: 3600,
  quarantine: 600,
  bootp: 'drop',
  rapidCommit: false,
  conflictCheck: true,
  httpPort: 80,
  httpsPort: 443,
  bootToken: 900,
  singlePort: false,
  syslog: true,
  unknownMachines: 'hold',
  assets: '../assets',
  memory: 1024 ** 3,
  lmdb: '/var/lib/rackseed',
} as const;

const closed = { additionalProperties: false } as const;

const dhcp = Type.Object(
  {
    mode: oneOf(['authoritative', 'proxy', 'auto'], {
      description:
        'authoritative: the only DHCP server on this network; it refuses addresses it did not give. proxy: another server gives the addresses, this one only says what to boot. auto: proxy as long as another server is heard.',
    }),
    range: Type.Optional(
      ranges('Addresses to lease: one range, or a list of ranges. In mode proxy none are needed.'),
    ),
    lease: Type.Optional(
      seconds({ description: 'How long a lease lasts: 90s, 15m, 1h, 7d.', default: DEFAULTS.lease }, 1),
    ),
    quarantine: Type.Optional(
      seconds(
        {
          description: 'How long an address stays unused after a client found it taken.',
          default: DEFAULTS.quarantine,
        },
        0,
      ),
    ),
    bootp: Type.Optional(
      oneOf(['answer', 'drop'], {
        description: 'What BOOTP requests get, which old ROMs send instead of DHCP.',
        default: DEFAULTS.bootp,
      }),
    ),
    rapid_commit: Type.Optional(
      Type.Boolean({
        default: DEFAULTS.rapidCommit,
        description:
          'Give an address in two messages instead of four to systems that ask for it (RFC 4039); only where no other DHCP server is.',
      }),
    ),
    conflict_check: Type.Optional(
      Type.Boolean({
        default: DEFAULTS.conflictCheck,
        description:
          'Look by ARP or ICMP echo whether somebody uses an address before a machine is first offered it.',
      }),
    ),
    ...subnetKeys,
    vendor_options: Type.Optional(vendorOptions),
  },
  { ...closed, description: 'What machines are told by DHCP.' },
);

/** One entry of `networks`. */
export const NetworkSchema = Type.Object(
  {
    name: name({ description: 'Name of this network, for logs and placeholders.' }),
    interface: interfaceName({ description: 'The one interface to serve; no other is ever answered on.' }),
    address: interfaceAddress({ description: 'Our address on the interface, with the prefix length.' }),
    dhcp,
    shared: Type.Optional(
      Type.Array(SharedSubnetSchema, { description: 'Further subnets on the same wire: one pool for all.' }),
    ),
    relayed: Type.Optional(Type.Array(RelayedSubnetSchema, { description: 'Subnets behind relay agents.' })),
    http: Type.Optional(
      Type.Object(
        {
          port: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 65535,
              default: DEFAULTS.httpPort,
              description: 'Port machines fetch scripts and images from.',
            }),
          ),
        },
        { ...closed, description: 'The HTTP server that machines talk to.' },
      ),
    ),
    https: Type.Optional(
      Type.Object(
        {
          port: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 65535,
              default: DEFAULTS.httpsPort,
              description: 'Port machines fetch their keys from.',
            }),
          ),
        },
        { ...closed, description: 'The HTTPS server that gives machines their keys.' },
      ),
    ),
    tftp: Type.Optional(
      Type.Object(
        {
          blksize: Type.Optional(
            Type.Integer({
              minimum: 8,
              maximum: 65464,
              description:
                "Largest block size granted (RFC 2348); absent means what the interface's MTU carries.",
            }),
          ),
          single_port: Type.Optional(
            Type.Boolean({
              default: DEFAULTS.singlePort,
              description: 'Answer from port 69 itself, for clients behind NAT or a firewall.',
            }),
          ),
        },
        { ...closed, description: 'The TFTP server.' },
      ),
    ),
    syslog: Type.Optional(
      Type.Object(
        {
          enabled: Type.Optional(
            Type.Boolean({
              default: DEFAULTS.syslog,
              description:
                'Receive messages of iPXE, the kernel and the node on UDP port 514, and tell machines so (option 7).',
            }),
          ),
        },
        { ...closed, description: "The syslog receiver, which puts machines' messages on their timelines." },
      ),
    ),
  },
  { ...closed, description: 'A provisioning network.' },
);

/** rackseed.yaml */
export const RackseedSchema = Type.Object(
  {
    networks: Type.Array(NetworkSchema, {
      minItems: 1,
      description: 'The provisioning networks, one for each interface.',
    }),
    unknown_machines: Type.Optional(
      oneOf(['hold', 'boot', 'ignore'], {
        description:
          'What a machine without an entry in machines/ gets. hold: it waits in iPXE for approval; boot: the default profile; ignore: no answer.',
        default: DEFAULTS.unknownMachines,
      }),
    ),
    default_profile: profileName({ description: 'Profile of every machine that names none.' }),
    kubernetes: Type.Optional(ClusterSchema),
    assets: Type.Optional(
      Type.Object(
        {
          directory: Type.Optional(
            directory({ description: 'What machines download: images and more.', default: DEFAULTS.assets }),
          ),
          memory: Type.Optional(
            Type.Union([size({ description: 'A size with its unit.' }), Type.Integer({ minimum: 0 })], {
              title: 'size',
              examples: ['512MiB, 1GiB or a number of bytes'],
              description: 'Memory for files that many machines ask for at once.',
              default: DEFAULTS.memory,
            }),
          ),
        },
        { ...closed, description: 'Files that machines download.' },
      ),
    ),
    images: Type.Optional(ImagesSchema),
    mirror: Type.Optional(MirrorSchema),
    proxy: Type.Optional(ProxySchema),
    firmware: Type.Optional(
      Type.Object(
        {
          directory: Type.Optional(
            directory({
              description:
                'Where the iPXE binaries lie; absent means ../ipxe/firmware when it exists, else /usr/lib/ipxe.',
            }),
          ),
          loaders: Type.Optional(
            Type.Array(LoaderSchema, {
              description:
                'Rows of the loader table, put before the usual ones: the first that matches firmware says what it gets.',
            }),
          ),
        },
        { ...closed, description: 'The boot loaders handed to firmware.' },
      ),
    ),
    admin: Type.Optional(AdminSchema),
    boot_token: Type.Optional(
      seconds(
        {
          description:
            "How long the token in a machine's boot script lets it fetch its document: from its script to the running system.",
          default: DEFAULTS.bootToken,
        },
        1,
      ),
    ),
    webhooks: Type.Optional(WebhooksSchema),
    store: Type.Optional(
      Type.Object(
        {
          lmdb: Type.Optional(
            directory({ description: 'Folder of the lease database.', default: DEFAULTS.lmdb }),
          ),
        },
        { ...closed, description: 'What must survive a restart.' },
      ),
    ),
  },
  { ...closed, title: 'rackseed.yaml', description: 'The networks that rackseed serves, and how.' },
);

const labels = (description: string) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$' }), Type.String(), {
    ...closed,
    description,
  });

const ownOptions = (description: string) =>
  Type.Object({ options: Type.Optional(optionTable) }, { ...closed, description });

/** One entry of `machines`. */
export const MachineSchema = Type.Object(
  {
    mac: Type.Optional(mac({ description: 'Hardware address of the card the machine boots from.' })),
    port: Type.Optional(
      Type.Object(
        {
          circuit: Type.Optional(
            anyText('circuit ID', 'ge-0/0/12')({ description: 'The port (option 82, sub-option 1).' }),
          ),
          remote: Type.Optional(
            anyText('remote ID', 'switch-3')({ description: 'The switch (option 82, sub-option 2).' }),
          ),
        },
        {
          ...closed,
          minProperties: 1,
          description:
            'Instead of mac: the entry is for whatever machine is plugged in there, as relay agents say. Text, or bytes as 00:01:0c, the way it is shown for machines.',
        },
      ),
    ),
    hostname: Type.Optional(hostname({ description: 'Name of the machine and of its node.' })),
    profile: Type.Optional(
      profileName({ description: 'Profile in profiles/; absent means the default profile.' }),
    ),
    address: Type.Optional(ipv4({ description: 'Address that only this machine gets.' })),
    loader: Type.Optional(
      relativePath(
        'path of a loader file',
        'undionly.kpxe',
      )({ description: 'File in the firmware folder, instead of the one its firmware would get.' }),
    ),
    pxe_reply: Type.Optional(
      oneOf(['plain', 'option_43', 'port_4011'], {
        description:
          'How its PXE firmware is told of its loader, where the usual way does not work. plain: siaddr and file alone; option_43: with option 60 and 43.6 = 8; port_4011: with option 60, and again on UDP port 4011.',
      }),
    ),
    labels: Type.Optional(labels('Free values for profiles: {{ machine.labels.rack }}.')),
    dhcp: Type.Optional(ownOptions('Told to this machine only, instead of what others are told.')),
    adopt_disk: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          "Format the machine's Docker disk whatever it holds. Take it out again after the first boot.",
      }),
    ),
  },
  { ...closed, description: 'A machine that is known by its hardware address, or a place by its port.' },
);

const pattern = (what: string, example: string) =>
  Type.Optional(
    anyText(`${what}, where * stands for any characters`, example)({ description: `Its ${what}.` }),
  );

/** One entry of `rules`. */
export const RuleSchema = Type.Object(
  {
    match: Type.Object(
      {
        mac: Type.Optional(mac({ description: 'Its hardware address.' })),
        mac_prefix: Type.Optional(macPrefix({ description: 'What its hardware address begins with.' })),
        uuid: pattern('system UUID', '4c4c4544-*'),
        serial: pattern('serial number', 'CZ1*'),
        manufacturer: pattern('manufacturer', 'Dell*'),
        product: pattern('product name', 'PowerEdge*'),
        arch: pattern('architecture', 'x86_64'),
        network: pattern('network', 'kubernetes1'),
      },
      {
        ...closed,
        minProperties: 1,
        description:
          'What the machine is: all of it must hold. Compared without regard to case; * stands for any characters.',
      },
    ),
    profile: profileName({ description: 'Profile that such a machine gets.' }),
    labels: Type.Optional(labels("Added to the machine's own labels, which win.")),
  },
  { ...closed, description: 'A rule that chooses a profile.' },
);

/** machines/*.yaml */
export const MachinesSchema = Type.Object(
  {
    machines: Type.Optional(Type.Array(MachineSchema, { description: 'The machines.' })),
    rules: Type.Optional(
      Type.Array(RuleSchema, {
        description:
          'Choose a profile for machines whose entry names none; the first that matches wins. They let nobody in: a machine without an entry gets what unknown_machines says.',
      }),
    ),
  },
  {
    ...closed,
    title: 'machines',
    description: 'Machines that have a name, a profile or an address of their own, and rules for the others.',
  },
);

/** An entry of `networks` after validation, its texts parsed. */
export type NetworkInput = StaticDecode<typeof NetworkSchema>;
/** rackseed.yaml after validation, its texts parsed. */
export type RackseedInput = StaticDecode<typeof RackseedSchema>;
/** An entry of `machines` after validation, its texts parsed. */
export type MachineInput = StaticDecode<typeof MachineSchema>;
/** An entry of `rules` after validation, its texts parsed. */
export type RuleInput = StaticDecode<typeof RuleSchema>;

/** The JSON Schemas for editors, by file name: pretty-printed, and the same text for the same schema. */
export function editorSchemas(): ReadonlyMap<string, string> {
  const files = { rackseed: RackseedSchema, profile: ProfileSchema, machines: MachinesSchema };
  return new Map(
    Object.entries(files).map(([name, schema]) => {
      const document = { $schema: 'http://json-schema.org/draft-07/schema#', ...schema };
      return [`${name}.schema.json`, `${JSON.stringify(document, null, 2)}\n`];
    }),
  );
}
