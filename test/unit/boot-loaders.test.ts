import test from 'ava';
import { answerBoot } from '../../src/boot/answer.ts';
import { type FirmwareHints, recognise } from '../../src/boot/firmware.ts';
import { PXELINUX_FILE } from '../../src/boot/loaders.ts';
import { check } from '../support/config.ts';
import { SERVER } from '../support/dhcp.ts';

const NETWORK = `
networks:
  - name: kubernetes1
    interface: enp0s8
    address: 192.168.0.254/24
    dhcp: { mode: authoritative, range: 192.168.0.1-192.168.0.100 }
default_profile: worker
`;
const PROFILE = 'boot: { image: flatcar/1 }\n';

const read = (loaders: string) =>
  check({ 'rackseed.yaml': `${NETWORK}firmware:\n  loaders:\n${loaders}`, 'profiles/worker.yaml': PROFILE });

const ROWS = `
    - firmware: UEFI x64 with Secure Boot
      match: { arch: [7, 9] }
      files: [x86_64-sb/snponly-shim.efi, x86_64-sb/ipxe-shim.efi]
    - firmware: Raspberry Pi
      match: { arch: [0, 41], mac_prefix: [dc:a6:32, e4:5f:01] }
      reply: raspberry-pi
      files: [start4.elf]
    - firmware: x64 by HTTP
      match: { arch: 16, vendor_class: "HTTPClient:Arch:00016:UNDI:003001" }
      files: [mine.efi]
`;

function answer(loaders: string, hints: FirmwareHints) {
  const result = read(loaders);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const booter = recognise(hints, result.config.firmware.loaders);
  if (!booter) throw new Error('is no network booter');
  const boot = answerBoot(booter, true, {
    server: SERVER,
    baseUrl: 'http://192.168.0.254',
    isAvailable: (file) => !file.startsWith('x86_64/'),
  });
  if (typeof boot === 'string') throw new Error(boot);
  return { who: booter.name, file: boot.file, options: [...boot.options.keys()], boot };
}

const PXE = 'PXEClient:Arch:00000:UNDI:002001';
const cases: readonly [what: string, hints: FirmwareHints, who: string, file: string, options: number[]][] = [
  [
    'x64 gets the shim of its row',
    { architectures: [7], vendorClass: PXE },
    'UEFI x64 with Secure Boot',
    'x86_64-sb/snponly-shim.efi',
    [],
  ],
  [
    'a Raspberry Pi is told from a BIOS by its address, and gets its menu',
    { mac: 'dc:a6:32:00:00:01', architectures: [0], vendorClass: PXE },
    'Raspberry Pi',
    'start4.elf',
    [60, 43],
  ],
  [
    'a BIOS still gets what it always got',
    { mac: '52:54:00:00:00:01', architectures: [0], vendorClass: PXE },
    'BIOS',
    'undionly.kpxe',
    [60, 43],
  ],
  [
    'HTTP Boot is answered by HTTP without being told so',
    { architectures: [16], vendorClass: 'HTTPClient:Arch:00016:UNDI:003001' },
    'x64 by HTTP',
    'http://192.168.0.254/firmware/mine.efi',
    [60],
  ],
  [
    'another vendor class goes on to the usual rows',
    { architectures: [16], vendorClass: 'HTTPClient:Arch:00016:UNDI:003016' },
    'UEFI HTTP x64',
    'http://192.168.0.254/firmware/snponly.efi',
    [60],
  ],
  [
    'U-Boot gets the name of its configuration',
    { architectures: [22], vendorClass: 'U-Boot.armv8' },
    'U-Boot arm64',
    PXELINUX_FILE,
    [],
  ],
];

for (const [what, hints, who, file, options] of cases) {
  test(`with rows of its own in rackseed.yaml: ${what}`, (t) => {
    t.like(answer(ROWS, hints), { who, file, options });
  });
}

test('a Raspberry Pi finds its boot entry in option 43', (t) => {
  const { boot } = answer(ROWS, { mac: 'e4:5f:01:00:00:01', architectures: [0], vendorClass: PXE });
  const value = Buffer.from(boot.options.get(43) ?? []);
  t.deepEqual([value.at(0), value.at(-1)], [6, 255]);
  t.is(value.indexOf('Raspberry Pi Boot') - 5, 9, 'the menu: tag 9, length, type, length of the text');
  t.is(value[10], 3 + 'Raspberry Pi Boot'.length);
});

const mistakes: readonly [what: string, row: string, problem: RegExp][] = [
  [
    'HTTP Boot and PXE in one row',
    '    - { firmware: x, match: { arch: [7, 16] }, files: [a.efi] }',
    /16 boots by HTTP and the rest doesn't/,
  ],
  [
    'a reply that HTTP Boot does not understand',
    '    - { firmware: x, match: { arch: 16 }, reply: pxe, files: [a.efi] }',
    /understands nothing but http/,
  ],
  ['a row for everybody', '    - { firmware: x, match: {}, files: [a.efi] }', /match/],
  [
    'a file outside of the folder',
    '    - { firmware: x, match: { arch: 7 }, files: [../a.efi] }',
    /path of a loader file inside its folder/,
  ],
];

for (const [what, row, problem] of mistakes) {
  test(`refused in rackseed.yaml: ${what}`, (t) => {
    const result = read(`${row}\n`);
    t.false(result.ok);
    const told = result.ok ? '' : result.problems.map((one) => `${one.path} ${one.message}`).join('\n');
    t.regex(told, problem);
    t.regex(told, /firmware,loaders,0|firmware\.loaders\[0\]/);
  });
}
