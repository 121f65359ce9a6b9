import { type StaticDecode, Type } from 'typebox';
import { size, webAddress } from './text.ts';

/** What absent keys mean: bytes. */
export const MIRROR_DEFAULTS = { size: 50 * 1024 ** 3 } as const;

/** Fewest bytes that hold what one worker runs. */
export const LEAST_MIRROR = 1024 ** 3;

/** Most registries: each costs a process. */
const MAX_REGISTRIES = 16;

const closed = { additionalProperties: false } as const;

const RegistrySchema = Type.Object(
  {
    name: Type.String({
      title: 'name of a registry, as it stands in names of images',
      examples: ['docker.io'],
      pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$',
      description: 'The registry, as names of images begin with it.',
    }),
    port: Type.Integer({
      minimum: 1024,
      maximum: 65535,
      description: 'Port at which workers reach its mirror.',
    }),
    url: Type.Optional(
      webAddress('https://registry-1.docker.io')({
        description:
          'Where the registry is; absent means https:// and its name, and for docker.io its server.',
      }),
    ),
    username: Type.Optional(
      Type.String({
        title: 'user name',
        examples: ['puller'],
        pattern: '^[^\\s:]+$',
        description:
          'User with whom the mirror pulls, of a registry whose users log in at a token server; absent means without.',
      }),
    ),
    password_file: Type.Optional(
      Type.String({
        title: 'file',
        examples: ['/etc/rackseed/registry-password'],
        pattern: '^[^\\0]+$',
        description: "File with that user's password.",
      }),
    ),
  },
  { ...closed, description: 'A registry that workers pull from.' },
);

/** `mirror` in rackseed.yaml. */
export const MirrorSchema = Type.Object(
  {
    network: Type.Optional(
      Type.String({
        title: 'name of a network',
        examples: ['kubernetes1'],
        description:
          'Network on whose address it answers, for machines of that network; absent means the only one.',
      }),
    ),
    registries: Type.Array(RegistrySchema, {
      minItems: 1,
      maxItems: MAX_REGISTRIES,
      description: 'What is mirrored. Names of images stay as they are.',
    }),
    size: Type.Optional(
      Type.Union([size({ description: 'A size with its unit.' }), Type.Integer({ minimum: LEAST_MIRROR })], {
        title: 'size',
        examples: ['50GiB or a number of bytes'],
        default: MIRROR_DEFAULTS.size,
        description:
          'Most that the mirror of one registry keeps. It is looked at each hour; a mirror that has more is emptied and begins anew.',
      }),
    ),
  },
  {
    ...closed,
    description:
      'A mirror of container registries on this host, for workers without internet; absent means none. It needs the Debian package docker-registry.',
  },
);

/** `mirror` in rackseed.yaml after validation, its texts parsed. */
export type MirrorInput = StaticDecode<typeof MirrorSchema>;
