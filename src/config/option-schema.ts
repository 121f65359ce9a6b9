import { type TSchema, Type } from 'typebox';
import { NAMED_OPTIONS, OPTION, type OptionType } from '../dhcp/options.ts';
import { anyText, destination, domainName, ipv4, oneOf } from './text.ts';

/** Why an option can't be set under `dhcp.options`: what decides it instead. */
export const RESERVED_OPTIONS: ReadonlyMap<number, string> = new Map<number, string>([
  [OPTION.pad, 'it only fills space'],
  [OPTION.end, 'it ends the list of options'],
  [OPTION.subnetMask, "it follows from the network's address"],
  [OPTION.broadcastAddress, "it follows from the network's address"],
  [OPTION.hostName, "it is each machine's hostname, set in machines/"],
  [OPTION.leaseTime, 'set dhcp.lease'],
  [OPTION.renewalTime, 'set dhcp.renew'],
  [OPTION.rebindingTime, 'set dhcp.rebind'],
  [OPTION.overload, 'the server decides it for each packet'],
  [OPTION.messageType, 'the server decides it for each packet'],
  [OPTION.serverIdentifier, "it is the network's address"],
  [OPTION.message, 'the server writes it when it refuses a request'],
  [OPTION.requestedAddress, 'only clients send it'],
  [OPTION.parameterRequestList, 'only clients send it'],
  [OPTION.maxMessageSize, 'only clients send it'],
  [OPTION.vendorClass, 'the server returns what the client sent'],
  [OPTION.clientIdentifier, 'the server returns what the client sent'],
  [OPTION.userClass, 'only clients send it'],
  [OPTION.rapidCommit, 'set dhcp.rapid_commit'],
  [OPTION.clientFqdn, "the server answers with the machine's hostname"],
  [OPTION.subnetSelection, 'the server returns what the client sent'],
  [OPTION.relayAgentInformation, 'only relay agents send it'],
  [OPTION.clientArchitecture, 'only clients send it'],
  [OPTION.clientInterface, 'only clients send it'],
  [OPTION.clientUuid, 'the server returns what the client sent'],
  [OPTION.bootFileName, "it follows from the machine's firmware; set loader in machines/"],
  [OPTION.ipxeEncapsulated, 'the server speaks to iPXE with it'],
]);

const route = Type.Object(
  {
    to: destination({ description: 'Destination network; 0.0.0.0/0 is the default route.' }),
    via: ipv4({ description: 'Router that leads there, an address in this network.' }),
  },
  { additionalProperties: false, title: 'route', examples: ['{ to: 10.0.0.0/8, via: 192.168.0.1 }'] },
);

/** `[{ to, via }]`: classless static routes. */
export const routes = (description: string) => Type.Array(route, { description });

const wholeNumber = (minimum: number, maximum: number) => (description: string) =>
  Type.Integer({ minimum, maximum, description });

/** How the value of an option of each type is written. */
export const OPTION_VALUES: { readonly [Type in OptionType]: (description: string) => TSchema } = {
  ipv4: (description) => ipv4({ description }),
  ipv4_list: (description) => Type.Array(ipv4({ description: 'An address.' }), { description, minItems: 1 }),
  uint8: wholeNumber(0, 0xff),
  uint16: wholeNumber(0, 0xffff),
  uint32: wholeNumber(0, 0xffffffff),
  int32: wholeNumber(-0x80000000, 0x7fffffff),
  boolean: (description) => Type.Boolean({ description }),
  string: (description) => anyText('text', '"some text"')({ description }),
  domain_list: (description) =>
    Type.Array(domainName({ description: 'A domain.' }), { description, minItems: 1 }),
  classless_routes: (description) => Type.Array(route, { description, minItems: 1 }),
  hex: (description) =>
    Type.String({
      title: 'string of hexadecimal bytes',
      examples: ['de:ad:be:ef'],
      pattern: '^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2})*$',
      description,
    }),
};

/** An option given by its number. */
export const numberedOption = Type.Object(
  {
    type: oneOf(Object.keys(OPTION_VALUES) as OptionType[], { description: 'How the value is encoded.' }),
    value: Type.Unknown({ description: 'The value, in the form its type asks for.' }),
  },
  { additionalProperties: false, description: 'An option by number: its type and value.' },
);

const byName = [...NAMED_OPTIONS].filter(([, { code }]) => !RESERVED_OPTIONS.has(code));

/** `dhcp.options`: options by name, or by number with a type. */
export const optionTable = Type.Object(
  Object.fromEntries(
    byName.map(([name, { code, type }]) => [
      name,
      Type.Optional(OPTION_VALUES[type](`DHCP option ${code}.`)),
    ]),
  ),
  {
    patternProperties: { '^(25[0-4]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$': numberedOption },
    additionalProperties: false,
    description: 'Further DHCP options: by name, or by number with a type and a value.',
  },
);
