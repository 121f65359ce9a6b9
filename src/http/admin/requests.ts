import { Type } from 'typebox';
import { MACHINE_STATES } from '../../machines/rack.ts';

// What the admin API may be asked.

const closed = { additionalProperties: false } as const;

const HostName = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
  description: 'a DNS-1123 label',
});
const ProfileName = Type.String({
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
  maxLength: 253,
  description: 'a profile in profiles/',
});
/** The key of a label, as in machines/*.yaml. */
export const LABEL_KEY = '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$';
const LabelKey = Type.String({ pattern: LABEL_KEY, maxLength: 253 });
const LabelValue = Type.String({ maxLength: 1024 });
const MAX_LABELS = 64;

const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 }));
const Cursor = Type.Optional(Type.String({ maxLength: 1024, description: '`next` of the page before' }));

/** `{mac}` of a path. */
export const MacParams = Type.Object({
  mac: Type.String({
    pattern:
      '^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{12})$',
    description: 'hardware address of any of its cards, in any usual notation',
  }),
});

/** `GET /v1/machines` */
export const MachinesQuery = Type.Object(
  {
    limit: Limit,
    cursor: Cursor,
    state: Type.Optional(
      Type.String({
        pattern: `^(${MACHINE_STATES.join('|')})(,(${MACHINE_STATES.join('|')}))*$`,
        description: 'only machines in one of these states, parted by commas',
      }),
    ),
    network: Type.Optional(Type.String({ maxLength: 253, description: 'only machines of this network' })),
    q: Type.Optional(
      Type.String({
        maxLength: 253,
        description:
          'only machines that say this somewhere: name, hardware or network address, profile, labels, what they told about themselves',
      }),
    ),
  },
  closed,
);

/** `GET /v1/leases` */
export const LeasesQuery = Type.Object({ limit: Limit, cursor: Cursor }, closed);

/** Requests that change a machine. */
export const IfMatchHeader = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'the entity tag of the machine as it should be when it is changed' }),
  ),
});

/** `POST …/approve` */
export const ApproveBody = Type.Object(
  {
    profile: Type.Optional(ProfileName),
    hostname: Type.Optional(HostName),
    labels: Type.Optional(Type.Record(LabelKey, LabelValue, { ...closed, maxProperties: MAX_LABELS })),
  },
  closed,
);

/** `POST …/refuse` and others that need no more words. */
export const EmptyBody = Type.Object({}, closed);

/** `POST …/rename` */
export const RenameBody = Type.Object(
  { hostname: Type.Union([HostName, Type.Null()], { description: 'null takes its name away' }) },
  closed,
);

/** `POST …/label` */
export const LabelBody = Type.Object(
  {
    labels: Type.Record(LabelKey, Type.Union([LabelValue, Type.Null()]), {
      ...closed,
      maxProperties: MAX_LABELS,
      description: 'null takes a label away; those not named stay',
    }),
  },
  closed,
);

/** `POST …/assign` and `…/boot-once` */
export const ProfileBody = Type.Object(
  { profile: Type.Union([ProfileName, Type.Null()], { description: 'null takes it away' }) },
  closed,
);

/** `GET /v1/export` */
export const ExportQuery = Type.Object(
  { format: Type.Optional(Type.Enum(['csv', 'yaml'], { default: 'csv' })) },
  closed,
);

/** `POST /v1/import` */
export const ImportQuery = Type.Object(
  {
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'only tell what would become of it' }),
    ),
  },
  closed,
);

/** What `GET /v1/events` tells, by name. */
export const EVENT_TYPES = ['boot', 'state', 'change', 'notice', 'machine', 'forgotten'] as const;

/** `GET /v1/events` */
export const EventsQuery = Type.Object(
  {
    types: Type.Optional(
      Type.String({
        pattern: `^(${EVENT_TYPES.join('|')})(,(${EVENT_TYPES.join('|')}))*$`,
        description: 'only these, parted by commas',
      }),
    ),
  },
  closed,
);

/** Where to resume. */
export const EventsHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'tell everything that happened since this event' }),
  ),
});

const TokenName = Type.String({
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$',
  description: 'who or what uses it; the audit trail tells it',
});

/** `POST /v1/tokens` */
export const TokenBody = Type.Object(
  { name: TokenName, role: Type.Enum(['read', 'operator', 'admin']) },
  closed,
);

/** `POST /v1/images/pulls` */
export const PullBody = Type.Object(
  {
    image: Type.String({
      pattern: '^(flatcar|fedora-coreos|kubernetes|ipxe)(@[A-Za-z0-9.-]{1,40})?$',
      description: 'what to pull, and after an @ its channel or version: flatcar@beta, kubernetes@v1.36',
    }),
    arch: Type.Optional(
      Type.Enum(['amd64', 'arm64'], { description: "the machines' processor; amd64 unless given" }),
    ),
    follow: Type.Optional(Type.Boolean({ description: "let the family's current lead to it" })),
    sysext: Type.Optional(
      Type.Boolean({
        description: 'of kubernetes, the system extension for Flatcar instead of its programs',
      }),
    ),
  },
  closed,
);

/** `{id}` of a pull's path. */
export const PullParams = Type.Object({ id: Type.Integer({ minimum: 1 }) });

const ImagePart = Type.String({ pattern: '^[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]{0,100}$' });

/** `{family}/{version}` of an image's path. */
export const ImageParams = Type.Object({ family: ImagePart, version: ImagePart });

/** `{name}` of a path. */
export const TokenParams = Type.Object({ name: TokenName });
