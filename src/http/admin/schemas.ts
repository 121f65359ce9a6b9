import { type Static, type TObject, type TSchema, type TUnsafe, Type } from 'typebox';
import { NOTES, STAGES } from '../../machines/machine.ts';
import { MACHINE_STATES } from '../../machines/rack.ts';

// What the admin API answers. The OpenAPI document, the answers themselves and the types of its clients are made from this.

const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' });
const Text = Type.Optional(Type.String());
const Labels = Type.Record(Type.String(), Type.String());
const Address = Type.String({ format: 'ipv4' });

/** A schema with a name of its own in the OpenAPI document: elsewhere it is referred to by it. */
function named<Properties extends Record<string, TSchema>>(
  $id: string,
  properties: Properties,
): TObject<Properties> & { readonly $id: string } {
  return Object.assign(Type.Object(properties), { $id });
}

/** A reference to a named schema, with its type. */
export function ref<Schema extends TSchema & { readonly $id: string }>(
  schema: Schema,
): TUnsafe<Static<Schema>> {
  return Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#` });
}

/** A machine that was seen or approved. */
export const Machine = named('Machine', {
  mac: Type.String({ description: 'the card it was seen with last' }),
  cards: Type.Array(Type.String(), { description: 'all its cards' }),
  state: Type.Enum([...MACHINE_STATES]),
  since: Time,
  hostname: Type.String(),
  profile: Text,
  index: Type.Optional(Type.Integer({ minimum: 1, description: 'number among the machines of its profile' })),
  admission: Type.Enum(['boot', 'hold', 'ignore']),
  reason: Type.String({ description: 'what chose the profile, or why the machine may not boot' }),
  labels: Labels,
  place: Type.Optional(Type.String({ description: 'where it is written down, if it is' })),
  bootOnce: Type.Optional(Type.String({ description: 'the profile of its next boot only' })),
  decidedBy: Text,
  decidedAt: Type.Optional(Time),
  adoptDisk: Type.Optional(
    Type.Boolean({ description: 'its next boot may format the Docker disk whatever it holds' }),
  ),
  network: Type.String(),
  address: Type.Optional(Address),
  firmware: Text,
  loader: Text,
  attachment: Type.Optional(
    Type.Object(
      { circuit: Text, remote: Text },
      { description: 'the switch and port that the relay agent named (option 82)' },
    ),
  ),
  inventory: Type.Object({
    uuid: Text,
    serial: Text,
    asset: Text,
    manufacturer: Text,
    product: Text,
    buildarch: Text,
    platform: Text,
  }),
  firstSeen: Time,
  lastSeen: Time,
  stage: Type.Optional(Type.Enum([...STAGES])),
  stageAt: Type.Optional(Time),
  progress: Type.Optional(
    Type.Object({
      file: Type.String(),
      bytes: Type.Integer({ minimum: 0 }),
      size: Type.Integer({ minimum: 0 }),
    }),
  ),
  stuck: Type.Optional(Type.Object({ stage: Type.Enum([...STAGES]), since: Time, cause: Type.String() })),
  revision: Type.Integer({ minimum: 0, description: 'its entity tag' }),
});

/** One boot of a machine. */
export const Boot = named('Boot', {
  number: Type.Integer({ minimum: 1 }),
  began: Time,
  entries: Type.Array(
    Type.Object({ kind: Type.Enum([...STAGES, ...NOTES]), at: Time, detail: Type.String() }),
  ),
});

/** What a machine would get at its next boot. */
export const NextBoot = named('NextBoot', {
  script: Type.String({ description: 'for iPXE' }),
  document: Type.Optional(Type.Object({ format: Type.String(), text: Type.String() })),
});

/** A leased address. */
export const Lease = named('Lease', {
  network: Type.String(),
  address: Address,
  mac: Type.Optional(Type.String({ description: 'absent while a declined address is kept out of use' })),
  expires: Type.Optional(Type.String({ format: 'date-time', description: 'absent when it never does' })),
});

/** A provisioning network and the use of its addresses. */
export const NetworkUse = named('Network', {
  name: Type.String(),
  interface: Type.String(),
  address: Type.String({ description: 'our address with its prefix length' }),
  dhcp: Type.Object({
    mode: Type.Enum(['authoritative', 'proxy', 'auto'], { description: 'what the configuration says' }),
    role: Type.Enum(['authoritative', 'proxy'], {
      description: 'authoritative gives addresses now; proxy only says what to boot',
    }),
    otherServer: Type.Optional(
      Type.String({ description: 'another DHCP server that was heard in the last ten minutes' }),
    ),
  }),
  pool: Type.Object({
    size: Type.Integer({ minimum: 0 }),
    leased: Type.Integer({ minimum: 0 }),
    quarantined: Type.Integer({ minimum: 0 }),
  }),
  reservations: Type.Integer({ minimum: 0 }),
});

/** A profile, in short. */
export const Profile = named('Profile', {
  name: Type.String(),
  chain: Type.Array(Type.String(), { description: 'itself, and what it extends' }),
  image: Text,
  document: Text,
  kubernetes: Type.Boolean(),
  machines: Type.Integer({ minimum: 0 }),
});

/** A folder of assets that profiles boot from. */
export const Image = named('Image', {
  name: Type.String(),
  files: Type.Array(Type.Object({ name: Type.String(), size: Type.Integer({ minimum: 0 }) })),
  profiles: Type.Array(Type.String()),
  missing: Type.Array(Type.String(), { description: 'files that a profile names and that are not there' }),
  origin: Type.Optional(
    Type.String({
      description: 'what was pulled: flatcar@stable, or import; absent when somebody put it there',
    }),
  ),
  signedBy: Type.Optional(Type.String({ description: 'fingerprint of the key that vouches for it' })),
  links: Type.Optional(Type.Array(Type.String(), { description: 'links that lead to it: flatcar/current' })),
  uses: Type.Optional(
    Type.Array(Type.String(), { description: 'what in the configuration keeps it from being removed' }),
  ),
});

/** An image that is being pulled, or was. */
export const ImagePull = named('ImagePull', {
  id: Type.Integer({ minimum: 1 }),
  wanted: Type.String({ description: 'what somebody asked for: flatcar@stable' }),
  by: Type.String(),
  state: Type.Enum(['running', 'done', 'failed']),
  began: Time,
  ended: Type.Optional(Time),
  image: Type.Optional(Type.String({ description: 'once it is known which version that is' })),
  files: Type.Array(
    Type.Object({
      name: Type.String(),
      bytes: Type.Integer({ minimum: 0, description: 'that are here' }),
      size: Type.Optional(Type.Integer({ minimum: 0 })),
      done: Type.Boolean({ description: 'it is complete, and what it should be' }),
    }),
  ),
  problem: Type.Optional(Type.String({ description: 'why it failed' })),
  outcome: Type.Optional(Type.Enum(['new', 'repaired', 'unchanged'])),
  signedBy: Type.Optional(Type.String({ description: 'fingerprint of the key that vouches for it' })),
  followed: Type.Optional(Type.String({ description: 'the link that leads to it now' })),
});

/** The configuration in force, as it was read. Whatever is not listed here is not told. */
export const Settings = named('Settings', {
  directory: Type.String(),
  networks: Type.Array(
    Type.Object({
      name: Type.String(),
      interface: Type.String(),
      address: Type.String(),
      dhcp: Type.Object({
        ranges: Type.Array(Type.String()),
        lease: Type.Integer({ description: 'seconds' }),
        quarantine: Type.Integer({ description: 'seconds' }),
        bootp: Type.String(),
        router: Text,
        dns: Type.Array(Type.String()),
        ntp: Type.Array(Type.String()),
        domain: Text,
        search: Type.Array(Type.String()),
        routes: Type.Array(Type.String()),
        options: Type.Array(Type.Integer(), { description: 'numbers of the options that are set' }),
      }),
      http: Type.Object({ port: Type.Integer() }),
      tftp: Type.Object({ blksize: Type.Optional(Type.Integer()), singlePort: Type.Boolean() }),
    }),
  ),
  unknownMachines: Type.Enum(['hold', 'boot', 'ignore']),
  defaultProfile: Type.String(),
  kubernetes: Type.Optional(
    Type.Object({
      server: Type.String(),
      join: Type.String(),
      certificateLifetime: Type.Integer({ description: 'seconds' }),
      keyType: Type.String(),
      clusterDns: Type.Array(Type.String()),
      clusterDomain: Type.String(),
    }),
  ),
  assets: Type.Object({
    directory: Type.String(),
    memory: Type.Integer({ description: 'bytes' }),
  }),
  admin: Type.Object({
    listen: Type.String(),
    names: Type.Array(Type.String()),
    tls: Type.Boolean(),
  }),
  store: Type.Object({ directory: Type.String() }),
  version: Type.String(),
});

/** Something that somebody changed. */
export const Change = named('Change', {
  id: Type.Integer({ minimum: 1 }),
  at: Time,
  action: Type.String(),
  by: Type.String(),
  mac: Text,
  hostname: Text,
  detail: Type.String(),
});

/** What a caller may do; each role may do what those before it may. */
export const Role = Type.Enum(['read', 'operator', 'admin']);

/** An API token; the token itself is told only once, when it is made. */
export const ApiToken = named('ApiToken', {
  name: Type.String(),
  role: Role,
  created: Time,
  lastUsed: Type.Optional(Time),
});

/** What became of one row of an import. */
export const ImportResult = named('ImportResult', {
  line: Type.Integer({ minimum: 1 }),
  mac: Type.String(),
  outcome: Type.Enum(['approved', 'unchanged', 'refused', 'retired']),
  detail: Type.String(),
});

/** An error (RFC 9457), sent as `application/problem+json`. */
export const Problem = named('Problem', {
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'what is wrong, and what to do about it' }),
  errors: Type.Optional(
    Type.Array(Type.Object({ line: Type.Integer({ minimum: 1 }), detail: Type.String() }), {
      description: 'of an import',
    }),
  ),
});

/** All schemas with a name of their own. */
export const NAMED_SCHEMAS = [
  Machine,
  Boot,
  NextBoot,
  Lease,
  NetworkUse,
  Profile,
  Image,
  ImagePull,
  Settings,
  Change,
  ApiToken,
  ImportResult,
  Problem,
];

/** A machine as the API shows it. */
export type ShownMachine = Static<typeof Machine>;
export type ShownBoot = Static<typeof Boot>;
export type ShownLease = Static<typeof Lease>;
export type ShownNetwork = Static<typeof NetworkUse>;
export type ShownProfile = Static<typeof Profile>;
export type ShownImage = Static<typeof Image>;
export type ShownImagePull = Static<typeof ImagePull>;
export type ShownSettings = Static<typeof Settings>;
export type ShownChange = Static<typeof Change>;
export type ShownToken = Static<typeof ApiToken>;
export type ShownImportResult = Static<typeof ImportResult>;
export type Role = Static<typeof Role>;
