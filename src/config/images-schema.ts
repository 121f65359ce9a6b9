import { type StaticDecode, Type } from 'typebox';
import { size, webAddress } from './text.ts';

/** Who signs what is pulled: the families whose releases come with OpenPGP signatures. */
export const SIGNED_FAMILIES = ['flatcar', 'coreos', 'fedora-coreos'] as const;

/** What absent keys mean. Fingerprints are those that the distributions themselves tell. */
export const IMAGE_DEFAULTS = {
  keys: {
    flatcar: ['F88CFEDEFF29A5B4D9523864E25D9AED0593B34A'],
    coreos: ['04127D0BFABEC8871FFB2CCE50E0885593D2DCB4'],
    'fedora-coreos': [],
  },
  mirrors: {
    flatcar: 'https://{channel}.release.flatcar-linux.net',
    fedoraCoreos: 'https://builds.coreos.fedoraproject.org/streams',
    kubernetes: 'https://dl.k8s.io',
    sysext: 'https://extensions.flatcar.org/extensions/kubernetes',
    cni: 'https://api.github.com/repos/containernetworking/plugins',
    ipxe: 'https://api.github.com/repos/ipxe/ipxe',
  },
  downloads: 4,
} as const;

/** Fewest bytes a second that still get an image here within a day. */
export const LEAST_BANDWIDTH = 16 * 1024;

const closed = { additionalProperties: false } as const;

const fingerprints = (description: string, defaults: readonly string[]) =>
  Type.Optional(
    Type.Array(
      Type.String({
        title: 'fingerprint of an OpenPGP key',
        examples: [IMAGE_DEFAULTS.keys.flatcar[0]],
        pattern: '^(?:[0-9A-Fa-f]{4} *){10}$',
        description: 'The fingerprint of the primary key; its subkeys may change.',
      }),
      { description, default: [...defaults] },
    ),
  );

const mirror = (description: string, usual: string) =>
  Type.Optional(webAddress(usual)({ description, default: usual }));

/** `images` in rackseed.yaml. */
export const ImagesSchema = Type.Object(
  {
    keys: Type.Optional(
      Type.Object(
        {
          flatcar: fingerprints('Who may sign Flatcar.', IMAGE_DEFAULTS.keys.flatcar),
          coreos: fingerprints('Who may sign CoreOS Container Linux.', IMAGE_DEFAULTS.keys.coreos),
          fedora_coreos: fingerprints(
            'Who may sign Fedora CoreOS; with none, its checksums by HTTPS are trusted.',
            IMAGE_DEFAULTS.keys['fedora-coreos'],
          ),
        },
        {
          ...closed,
          description:
            'Who may sign images. The keys themselves are added with "rackseed images key add FILE" and must have one of these fingerprints.',
        },
      ),
    ),
    mirrors: Type.Optional(
      Type.Object(
        {
          flatcar: mirror(
            'Folder with amd64-usr and arm64-usr; {channel} stands for stable, beta, alpha or lts.',
            IMAGE_DEFAULTS.mirrors.flatcar,
          ),
          fedora_coreos: mirror('Folder with stable.json.', IMAGE_DEFAULTS.mirrors.fedoraCoreos),
          kubernetes: mirror('Folder with release/stable.txt.', IMAGE_DEFAULTS.mirrors.kubernetes),
          sysext: mirror(
            'Folder with system extensions of Kubernetes for Flatcar, and their SHA256SUMS.',
            IMAGE_DEFAULTS.mirrors.sysext,
          ),
          cni: mirror("The CNI plugins' project in GitHub's API.", IMAGE_DEFAULTS.mirrors.cni),
          ipxe: mirror("iPXE's project in GitHub's API.", IMAGE_DEFAULTS.mirrors.ipxe),
        },
        { ...closed, description: 'Where images are pulled from, instead of where they are published.' },
      ),
    ),
    bandwidth: Type.Optional(
      Type.Union([size({ description: 'A size with its unit.' }), Type.Integer({ minimum: 1 })], {
        title: 'size',
        examples: ['10MiB or a number of bytes'],
        description: 'Most that is pulled in a second; absent means as fast as it goes.',
      }),
    ),
    downloads: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 16,
        default: IMAGE_DEFAULTS.downloads,
        description: 'Files that are pulled at once.',
      }),
    ),
  },
  { ...closed, description: 'How images are pulled, and who vouches for them.' },
);

/** `images` in rackseed.yaml after validation, its texts parsed. */
export type ImagesInput = StaticDecode<typeof ImagesSchema>;
