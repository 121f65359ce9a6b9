import { Type } from 'typebox';
import { numberedOption, optionTable, routes } from './option-schema.ts';
import { addressRange, anyText, destination, domainName, duration, ipv4 } from './text.ts';

const closed = { additionalProperties: false } as const;

/** A time: with its unit, or as a number of seconds that is at least `minimum`. */
export const seconds = (key: { description: string; default?: number }, minimum: number) =>
  Type.Union([duration(key), Type.Integer({ minimum, maximum: 0xffffffff })], {
    title: 'duration',
    examples: ['90s, 15m, 1h, 7d or a number of seconds'],
    ...key,
  });

/** One range, or a list of them. */
export const ranges = (description: string) =>
  Type.Union(
    [
      addressRange({ description: 'First and last address to lease.' }),
      Type.Array(addressRange({ description: 'First and last address to lease.' }), { minItems: 1 }),
    ],
    { title: 'address range or list of ranges', examples: ['192.168.0.1-192.168.0.100'], description },
  );

/** What machines of one subnet are told. */
export const subnetKeys = {
  renew: Type.Optional(
    seconds(
      { description: 'When a machine begins to renew its lease (T1); half of the lease unless given.' },
      1,
    ),
  ),
  rebind: Type.Optional(
    seconds(
      {
        description:
          'When a machine that got no renewal asks any server (T2); seven eighths of the lease unless given.',
      },
      1,
    ),
  ),
  router: Type.Optional(ipv4({ description: 'Default router given to machines.' })),
  dns: Type.Optional(
    Type.Array(ipv4({ description: 'A name server.' }), { description: 'Name servers given to machines.' }),
  ),
  ntp: Type.Optional(
    Type.Array(ipv4({ description: 'A time server.' }), { description: 'Time servers given to machines.' }),
  ),
  domain: Type.Optional(domainName({ description: 'Domain of the machines.' })),
  search: Type.Optional(
    Type.Array(domainName({ description: 'A domain.' }), {
      description: 'Domains in which machines look short names up (option 119).',
    }),
  ),
  routes: Type.Optional(
    routes(
      'Classless static routes (option 121). Clients that read them ignore the router: name 0.0.0.0/0 here too.',
    ),
  ),
  options: Type.Optional(optionTable),
};

const subnetEntry = {
  subnet: destination({ description: 'The subnet, with its prefix length.' }),
  range: ranges('Addresses to lease: one range, or a list of ranges.'),
  lease: Type.Optional(seconds({ description: 'How long a lease lasts: 90s, 15m, 1h, 7d.' }, 1)),
  ...subnetKeys,
};

/** One entry of `shared`. */
export const SharedSubnetSchema = Type.Object(subnetEntry, {
  ...closed,
  description:
    'A further subnet on the same wire. What it does not say is as in dhcp, but for router and routes.',
});

/** One entry of `relayed`. */
export const RelayedSubnetSchema = Type.Object(
  {
    ...subnetEntry,
    relays: Type.Optional(
      Type.Array(ipv4({ description: 'Address of a relay agent (giaddr).' }), {
        minItems: 1,
        description:
          'Relay agents that may ask for addresses here; absent means any with an address in the subnet.',
      }),
    ),
    shared: Type.Optional(
      Type.Array(SharedSubnetSchema, { description: 'Further subnets on the same wire: one pool for all.' }),
    ),
  },
  {
    ...closed,
    description:
      'A subnet behind a relay agent. What it does not say is as in dhcp, but for router and routes.',
  },
);

/** `dhcp.vendor_options`. */
export const vendorOptions = Type.Array(
  Type.Object(
    {
      class: anyText(
        'vendor class, where * stands for any characters',
        'Cisco AP*',
      )({ description: 'What the vendor class of the client (option 60) must be.' }),
      options: Type.Record(
        Type.String({ pattern: '^(25[0-4]|2[0-4][0-9]|1[0-9]{2}|[1-9][0-9]?)$' }),
        numberedOption,
        {
          ...closed,
          minProperties: 1,
          description: "The vendor's own options, by number with a type and a value.",
        },
      ),
    },
    { ...closed, description: "A vendor's own options." },
  ),
  {
    description:
      'Vendor-specific information (option 43) by vendor class; the first that matches counts. Network boot has options of its own there, which go first.',
  },
);
