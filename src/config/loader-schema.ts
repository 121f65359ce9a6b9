import { type StaticDecode, Type } from 'typebox';
import { REPLY_STYLES } from '../boot/loaders.ts';
import { anyText, macPrefix, oneOf, relativePath } from './text.ts';

const closed = { additionalProperties: false } as const;

const arch = Type.Integer({ minimum: 0, maximum: 65535 });
const prefix = macPrefix({ description: 'What a hardware address begins with.' });

/** One entry of `firmware.loaders`. */
export const LoaderSchema = Type.Object(
  {
    firmware: anyText(
      'name of the firmware',
      'UEFI x64 with Secure Boot',
    )({ description: 'What it is called on timelines.' }),
    match: Type.Object(
      {
        arch: Type.Optional(
          Type.Union([arch, Type.Array(arch, { minItems: 1 })], {
            title: 'architecture type or list of them',
            examples: ['7 or [7, 9]'],
            description:
              'Architecture types of DHCP option 93: 0 BIOS, 6 UEFI IA32, 7 and 9 UEFI x64, 11 UEFI arm64, 16 UEFI HTTP x64, 19 UEFI HTTP arm64, 21 and 22 U-Boot.',
          }),
        ),
        vendor_class: Type.Optional(
          anyText(
            'beginning of a vendor class',
            'PXEClient:Arch:00007:UNDI:003016',
          )({ description: 'What DHCP option 60 begins with.' }),
        ),
        mac_prefix: Type.Optional(
          Type.Union([prefix, Type.Array(prefix, { minItems: 1 })], {
            title: 'beginning of a MAC address or list of them',
            examples: ['dc:a6:32 or [dc:a6:32, e4:5f:01]'],
            description: 'What its hardware address begins with.',
          }),
        ),
      },
      {
        ...closed,
        minProperties: 1,
        description: 'What the firmware says about itself: all of it must hold.',
      },
    ),
    reply: Type.Optional(
      oneOf(REPLY_STYLES, {
        description:
          'How it is answered. pxe: options 60 and 43.6 = 8; plain: neither; http: a URL; raspberry-pi: the menu entry its ROM wants. Absent: as its architecture usually is.',
      }),
    ),
    files: Type.Array(
      relativePath(
        'path of a loader file',
        'x86_64-sb/snponly-shim.efi',
      )({ description: 'A file in the firmware folder.' }),
      {
        minItems: 1,
        description:
          'The first that is there is offered; the next ones to a machine that comes back from it as firmware.',
      },
    ),
  },
  { ...closed, description: 'A kind of firmware, and the loaders it gets.' },
);

/** An entry of `firmware.loaders` after validation. */
export type LoaderInput = StaticDecode<typeof LoaderSchema>;
