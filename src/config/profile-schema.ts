import { type StaticDecode, Type } from 'typebox';
import { cloudConfig } from './cloud-config-schema.ts';
import { FAMILY_NAMES } from './image-family.ts';
import { optionTable } from './option-schema.ts';
import { anyText, duration, kubernetesVersion, oneOf, profileName, relativePath, size } from './text.ts';

/** What absent keys of a profile mean: seconds, bytes, and words as they are written. */
export const PROFILE_DEFAULTS = {
  device: 'auto',
  minimumSize: 1024 ** 3,
  filesystem: 'ext4',
  label: 'DOCKER_DATA',
  directories: ['/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet', '/var/log/pods'],
  wait: 30,
  role: 'worker',
  secrets: 'https',
} as const;

const closed = { additionalProperties: false } as const;

const boot = Type.Object(
  {
    image: Type.Optional(
      relativePath(
        'path of an image',
        'flatcar/4593.2.5',
      )({
        description: `Folder below assets/ with the kernel and the initrd. Its first part tells the image's family: ${FAMILY_NAMES.join(', ')}; any other is taken for a homemade image.`,
      }),
    ),
    kernel: Type.Optional(
      relativePath(
        'path of a kernel file',
        'vmlinuz',
      )({
        description:
          "Kernel in the image's folder; absent means the name the image's family uses. Fedora CoreOS has none: its names change with every release.",
      }),
    ),
    initrd: Type.Optional(
      Type.Union(
        [
          relativePath('path of an initrd file', 'initrd.img')({ description: 'The initrd.' }),
          Type.Array(relativePath('path of an initrd file', 'initrd.img')({ description: 'An initrd.' })),
        ],
        {
          title: 'path of an initrd file inside its folder, or a list of them',
          examples: ['initrd.img'],
          description: "Initrds in the image's folder; absent means the name the image's family uses.",
        },
      ),
    ),
    rootfs: Type.Optional(
      relativePath(
        'path of a root file system',
        'rootfs.img',
      )({
        description:
          "Root file system in the image's folder, which the initrd of Fedora CoreOS downloads. It may be a second initrd instead, for twice the memory.",
      }),
    ),
    args: Type.Optional(
      Type.Array(
        anyText('kernel argument', 'console=ttyS0,115200n8')({ description: 'A kernel argument.' }),
        {
          description: 'Kernel arguments; may hold placeholders.',
        },
      ),
    ),
    document: Type.Optional(
      oneOf(['cloud-config', 'ignition', 'cloud-init'], {
        description:
          'Which document the image reads. Absent means: ignition for fedora-coreos; cloud-init for almalinux, atomic, centos, debian, fedora, rhel, rocky and ubuntu; cloud-config for flatcar (which reads ignition too), coreos and all others.',
      }),
    ),
    secrets: Type.Optional(
      oneOf(['https', 'inline'], {
        description:
          'How keys get to the machine. https: its document holds none and fetches them by TLS, for which the image needs curl and tar unless it reads Ignition; inline: they are in the document, which goes over the network as it is.',
        default: PROFILE_DEFAULTS.secrets,
      }),
    ),
    local_disk: Type.Optional(
      Type.Literal(true, { description: "Boot from the machine's own disk instead of an image." }),
    ),
  },
  { ...closed, description: 'What the machine boots.' },
);

const dockerDisk = Type.Object(
  {
    device: Type.Optional(
      Type.String({
        title: 'disk',
        examples: ['auto, largest, serial:S4EVNX0, /dev/disk/by-id/…'],
        pattern: '^(auto|largest|serial:[^\\s/]+|/dev/[^\\s]+|.*\\{\\{.*)$',
        default: PROFILE_DEFAULTS.device,
        description:
          'The disk: its path, its serial number, auto (the only one that could be meant) or largest. May hold placeholders.',
      }),
    ),
    minimum_size: Type.Optional(
      Type.Union([size({ description: 'A size with its unit.' }), Type.Integer({ minimum: 0 })], {
        title: 'size',
        examples: ['20GiB or a number of bytes'],
        description: 'Disks smaller than this are passed over by auto and largest.',
        default: PROFILE_DEFAULTS.minimumSize,
      }),
    ),
    filesystem: Type.Optional(
      oneOf(['ext4', 'xfs', 'btrfs'], {
        description: 'File system it is formatted with.',
        default: PROFILE_DEFAULTS.filesystem,
      }),
    ),
    label: Type.Optional(
      Type.String({
        title: 'label of letters, digits, dots, hyphens and underscores, at most 16',
        examples: ['DOCKER_DATA'],
        pattern: '^[A-Za-z0-9._-]{1,16}$',
        default: PROFILE_DEFAULTS.label,
        description:
          'File system label that tells later boots that the disk is ours. At most 12 characters for xfs.',
      }),
    ),
    directories: Type.Optional(
      Type.Array(
        Type.String({
          title: 'absolute path of letters, digits, dots, hyphens and underscores, outside /usr',
          examples: ['/var/lib/docker'],
          pattern: '^(?!/usr(/|$))(/(?!\\.{1,2}(/|$))[A-Za-z0-9._-]+)+$',
          description: 'A folder.',
        }),
        {
          minItems: 1,
          uniqueItems: true,
          default: [...PROFILE_DEFAULTS.directories],
          description: 'Folders that live on the disk.',
        },
      ),
    ),
    wait: Type.Optional(
      Type.Union([duration({ description: 'A duration.' }), Type.Integer({ minimum: 1, maximum: 180 })], {
        title: 'duration of at most 3 minutes',
        examples: ['30s'],
        default: PROFILE_DEFAULTS.wait,
        description: 'How long to wait for a slow disk.',
      }),
    ),
  },
  {
    ...closed,
    description:
      'A local disk for what containers write, formatted at every boot. One that holds something else is left alone until the machine has adopt_disk.',
  },
);

const kubernetes = Type.Object(
  {
    role: Type.Optional(
      oneOf(['worker', 'controller'], {
        description: 'What the node is; its role label is set through the API.',
        default: PROFILE_DEFAULTS.role,
      }),
    ),
    kubelet: Type.Optional(
      Type.Object(
        {
          source: oneOf(['image', 'assets', 'sysext'], {
            description:
              'image: the image has one; assets: programs in assets/kubernetes/VERSION/; sysext: assets/kubernetes/VERSION/kubernetes.raw.',
          }),
          version: Type.Optional(
            kubernetesVersion({ description: 'Version of Kubernetes, for assets and sysext.' }),
          ),
        },
        { ...closed, description: "Where the kubelet comes from; absent means the image's own." },
      ),
    ),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Labels the node registers with; values may hold placeholders.',
      }),
    ),
    taints: Type.Optional(
      Type.Array(
        Type.String({
          title: 'taint',
          examples: ['dedicated=storage:NoSchedule'],
          description: 'key=value:Effect or key:Effect.',
        }),
        { description: 'Taints the node registers with; may hold placeholders.' },
      ),
    ),
    config: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Put over the KubeletConfiguration (kubelet.config.k8s.io/v1beta1).',
      }),
    ),
  },
  { ...closed, description: 'Makes the machine a node of the cluster in rackseed.yaml.' },
);

const anything = (description: string) => Type.Optional(Type.Unknown({ description }));

const ignition = Type.Object(
  {
    ignition: anything('Further configs, timeouts and certificate authorities.'),
    kernelArguments: anything('Kernel arguments that must or must not be there.'),
    passwd: anything('Users and groups.'),
    storage: anything('Disks, file systems, files, folders and links.'),
    systemd: anything('Units.'),
  },
  { ...closed, description: 'What only Ignition can say: a piece of a config, version 3.3.0.' },
);

/** profiles/*.yaml */
export const ProfileSchema = Type.Object(
  {
    extends: Type.Optional(
      profileName({
        description:
          'Profile that this one is put on top of: mappings key by key, write_files by path, units, drop_ins and users by name; other lists replace.',
      }),
    ),
    boot: Type.Optional(boot),
    docker_disk: Type.Optional(dockerDisk),
    preload: Type.Optional(
      Type.Array(
        relativePath('path of an archive', 'preload/pause.tar')({ description: 'An archive of images.' }),
        {
          minItems: 1,
          uniqueItems: true,
          description:
            'Archives of container images below assets/ (ctr images export, docker save), which machines load before the kubelet starts: into containerd with a kubernetes section, else into Docker. Their SHA-256 is checked.',
        },
      ),
    ),
    kubernetes: Type.Optional(kubernetes),
    dhcp: Type.Optional(
      Type.Object(
        { options: Type.Optional(optionTable) },
        {
          ...closed,
          description: 'Told by DHCP to machines of this profile only, instead of what others are told.',
        },
      ),
    ),
    cloud_config: Type.Optional(cloudConfig),
    ignition: Type.Optional(ignition),
    cloud_init: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'What only cloud-init can say: a piece of its user-data.',
      }),
    ),
  },
  { ...closed, title: 'profile', description: 'What a node is: how it boots and the document it reads.' },
);

/** A profile after validation. */
export type ProfileInput = StaticDecode<typeof ProfileSchema>;
