import test from 'ava';
import { answerBoot } from '../../src/boot/answer.ts';
import { type FirmwareHints, recognise } from '../../src/boot/firmware.ts';
import { SERVER } from '../support/dhcp.ts';

const THERE = new Set(['undionly.kpxe', 'snponly.efi', 'ipxe.efi', 'snponly-arm64.efi', 'mine.efi']);
const HTTP = 0x13;
const BZIMAGE = 0x18;
const EFI = 0x24;

function answer(hints: Partial<FirmwareHints>, override?: string, there = THERE) {
  const booter = recognise({ architectures: [], ...hints });
  if (!booter) return undefined;
  const context = {
    server: SERVER,
    baseUrl: 'http://192.168.0.254',
    isAvailable: (file: string) => there.has(file),
  };
  const boot = answerBoot(booter, hints.vendorClass !== undefined, {
    ...context,
    ...(override !== undefined && { override }),
  });
  return { who: booter.name, boot };
}

const PXE = 'PXEClient:Arch:00000:UNDI:002001';
const cases: readonly [what: string, hints: Partial<FirmwareHints>, who: string, file: string][] = [
  ['BIOS', { architectures: [0], vendorClass: PXE }, 'BIOS', 'undionly.kpxe'],
  ['UEFI x64, code 7', { architectures: [7], vendorClass: PXE }, 'UEFI x64', 'snponly.efi'],
  ['UEFI x64, code 9', { architectures: [9], vendorClass: PXE }, 'UEFI x64', 'snponly.efi'],
  ['UEFI arm64', { architectures: [11], vendorClass: PXE }, 'UEFI arm64', 'snponly-arm64.efi'],
  [
    'a list of architectures, the first unknown',
    { architectures: [8, 7], vendorClass: PXE },
    'UEFI x64',
    'snponly.efi',
  ],
  [
    'firmware without option 93',
    { vendorClass: 'PXEClient:Arch:00007:UNDI:003016' },
    'UEFI x64',
    'snponly.efi',
  ],
  ['a PXE client that tells nothing else', { vendorClass: 'PXEClient' }, 'BIOS', 'undionly.kpxe'],
  [
    'UEFI HTTP Boot x64',
    { architectures: [16], vendorClass: 'HTTPClient:Arch:00016:UNDI:003001' },
    'UEFI HTTP x64',
    'http://192.168.0.254/firmware/snponly.efi',
  ],
  [
    'iPXE by its user class',
    { architectures: [0], userClass: 'iPXE' },
    'iPXE',
    'http://192.168.0.254/boot.ipxe',
  ],
  [
    'iPXE for BIOS with HTTP and Linux',
    { architectures: [0], userClass: 'iPXE', ipxeFeatures: new Set([HTTP, BZIMAGE]) },
    'iPXE',
    'http://192.168.0.254/boot.ipxe',
  ],
  [
    'iPXE for UEFI with HTTP',
    { architectures: [7], userClass: 'iPXE', ipxeFeatures: new Set([HTTP, EFI]) },
    'iPXE',
    'http://192.168.0.254/boot.ipxe',
  ],
  [
    'a card’s iPXE without HTTP',
    { architectures: [0], userClass: 'iPXE', ipxeFeatures: new Set([BZIMAGE]) },
    'BIOS iPXE',
    'undionly.kpxe',
  ],
  [
    'VirtualBox’s iPXE without support for Linux',
    { architectures: [0], userClass: 'iPXE', ipxeFeatures: new Set([HTTP]) },
    'BIOS iPXE',
    'undionly.kpxe',
  ],
];

for (const [what, hints, who, file] of cases) {
  test(`${what} gets ${file}`, (t) => {
    const result = answer(hints);
    t.is(result?.who, who);
    t.like(result?.boot, { file, server: SERVER });
  });
}

test('a plain DHCP client gets no boot file', (t) => {
  t.is(answer({ vendorClass: 'MSFT 5.0' }), undefined);
  t.is(answer({}), undefined);
});

test('BIOS is told to fetch the file at once: options 60 and 43.6 = 8', (t) => {
  const boot = answer({ architectures: [0], vendorClass: PXE })?.boot;
  t.deepEqual(typeof boot === 'object' && [...boot.options], [
    [60, Buffer.from('PXEClient')],
    [43, Uint8Array.of(6, 1, 8, 255)],
  ]);
});

test('UEFI gets neither option 60 nor 43, so that it takes siaddr and file as they are', (t) => {
  const boot = answer({ architectures: [7], vendorClass: PXE })?.boot;
  t.is(typeof boot === 'object' && boot.options.size, 0);
});

test('UEFI HTTP Boot gets option 60 "HTTPClient", without which it drops the offer', (t) => {
  const boot = answer({ architectures: [16], vendorClass: 'HTTPClient:Arch:00016' })?.boot;
  t.deepEqual(typeof boot === 'object' && boot.options.get(60), Buffer.from('HTTPClient'));
});

test('option 60 goes only to who sent it', (t) => {
  const boot = answer({ architectures: [0] })?.boot;
  t.is(typeof boot === 'object' && boot.options.size, 0);
});

test('iPXE is told that no proxy will come, which saves it two seconds', (t) => {
  const boot = answer({ userClass: 'iPXE' })?.boot;
  t.deepEqual(typeof boot === 'object' && boot.options.get(175), Uint8Array.of(176, 1, 1));
});

test('a machine’s own loader replaces the table’s choice for its firmware, not for its iPXE', (t) => {
  t.like(answer({ architectures: [7], vendorClass: PXE }, 'mine.efi')?.boot, { file: 'mine.efi' });
  t.like(answer({ userClass: 'iPXE' }, 'mine.efi')?.boot, { file: 'http://192.168.0.254/boot.ipxe' });
});

test('the next loader of a row is taken when the first is not in the folder', (t) => {
  t.like(answer({ architectures: [7] }, undefined, new Set(['ipxe.efi']))?.boot, { file: 'ipxe.efi' });
});

test('firmware without a loader is explained in words', (t) => {
  t.is(
    answer({ architectures: [6] })?.boot,
    'UEFI IA32 needs one of snponly-i386.efi, i386/snponly.efi, ipxe-i386.efi, i386/ipxe.efi in the firmware folder',
  );
  t.is(answer({ architectures: [2], vendorClass: PXE })?.boot, 'no loader is known for architecture 2');
});
