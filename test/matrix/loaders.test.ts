// Boot loaders that nobody here wrote and that bring no script of ours: each asks for its own kind of file by itself, and boots
// a machine until it says that it is up.
//
// What can't be shown with Debian's packages: iPXE signed for Secure Boot (it is in iPXE's own release only; the signed chain
// here is Debian's shim, GRUB and kernel), PXELINUX on a BIOS (its ROM would have to be another than iPXE), and GRUB with HTTP
// (the images that Debian builds for the network have no such module).

import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ava from 'ava';
import { debianPackage, ownSuite } from '../support/debian-package.ts';
import { arm64Guest, boot, labGuest } from './support/boot.ts';
import { checkWay, detailsOf, stagesOf } from './support/check.ts';
import { typeAt } from './support/console.ts';

// One machine at a time.
const test = ava.serial;
const folder = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
const guest = await arm64Guest(folder);
test.after.always(() => rm(folder, { recursive: true }));

test('iPXE 2.x asks for autoexec.ipxe by TFTP when it came so, and boots by it', async (t) => {
  const row = { board: 'uefi', firmware: { directory: await ipxe2() } } as const;
  const booted = await boot(t, row, await labGuest());
  t.regex(booted.packets, /RRQ "snponly\.efi" octet blksize/);
  t.regex(booted.packets, /RRQ "autoexec\.ipxe" octet/);
  t.regex(booted.console, /autoexec\.ipxe\.\.\. ok[\s\S]*iPXE 2\./);
  t.is(stagesOf(booted).at(-1), 'up');
  checkWay(t, {}, booted);
});

test('iPXE 2.x asks for autoexec.ipxe by HTTP when it came so, and boots by it', async (t) => {
  const row = { board: 'arm64-http', firmware: { directory: await ipxe2() } } as const;
  const booted = await boot(t, row, guest);
  t.notRegex(booted.packets, /RRQ/);
  t.regex(booted.console, /autoexec\.ipxe\.\.\. ok[\s\S]*iPXE 2\./);
  t.is(stagesOf(booted).at(-1), 'up');
  checkWay(t, {}, booted);
});

test('GRUB on arm64 reads the grub.cfg made for the machine at its address, and without HTTP boots by TFTP', async (t) => {
  const grub = await debianPackage('grub-efi-arm64-bin', {
    suite: await ownSuite(),
    architecture: 'arm64',
  });
  const directory = join(grub, 'usr/lib/grub/arm64-efi/monolithic');
  const loaders = [{ firmware: 'GRUB', match: { arch: 11 }, files: ['grubnetaa64.efi'] }];
  const row = { board: 'arm64', firmware: { directory, loaders } } as const;
  const booted = await boot(t, row, guest);
  t.deepEqual(detailsOf(booted, 'script'), ['GRUB → script: boots profile worker']);
  t.regex(booted.packets, /RRQ "\/grub\/grub\.cfg" octet/);
  t.regex(booted.packets, /RRQ "\/?assets\/lab\/vmlinuz" octet/);
  t.is(stagesOf(booted).at(-1), 'up');
  checkWay(t, {}, booted);
});

test('U-Boot on arm64 reads siaddr and file from the header, then pxelinux.cfg, and boots by TFTP', async (t) => {
  const row = {
    board: 'u-boot',
    firmware: { directory: await ipxe2() },
    // By itself it would start the UEFI loader: PXELINUX's way is another command.
    attend: ({ console }: { console: string }) =>
      typeAt(console, [
        [/stop autoboot/, ''],
        [/=> $/, 'dhcp && pxe get && pxe boot'],
      ]),
  } as const;
  const booted = await boot(t, row, guest);
  t.regex(booted.packets, /Vendor-Class \(60\), length 12: "U-Boot\.armv8"/);
  t.regex(booted.packets, /RRQ "extlinux\.conf" octet/);
  t.regex(booted.packets, /RRQ "pxelinux\.cfg\/01-52-52-52-52-52-52" octet/);
  t.regex(booted.packets, /RRQ "\/?assets\/lab\/vmlinuz" octet/);
  t.is(stagesOf(booted).at(-1), 'up');
  checkWay(t, {}, booted);
});

test('with Secure Boot, signed shim, GRUB and kernel boot one after another', async (t) => {
  const origin = { suite: await ownSuite(), architecture: 'amd64' };
  const shim = await debianPackage('shim-signed', origin);
  const grub = await debianPackage('grub-efi-amd64-signed', origin);
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await copyFile(join(shim, 'usr/lib/shim/shimx64.efi.signed'), join(directory, 'shimx64.efi'));
  const signed = join(grub, 'usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed');
  // By this name the shim asks for it.
  await copyFile(signed, join(directory, 'grubx64.efi'));
  const loaders = [
    { firmware: 'UEFI x64 with Secure Boot', match: { arch: [7, 9] }, files: ['shimx64.efi'] },
  ];
  const row = { board: 'uefi-secure', firmware: { directory, loaders } } as const;
  const booted = await boot(t, row, await labGuest());
  const [first, second] = detailsOf(booted, 'loader');
  t.regex(first ?? '', /by TFTP \(shimx64\.efi/);
  t.regex(second ?? '', /then by TFTP \(grubx64\.efi/);
  t.deepEqual(detailsOf(booted, 'script'), ['GRUB → script: boots profile worker']);
  t.regex(booted.console, /Secure boot enabled/, 'as the kernel tells');
  t.is(stagesOf(booted).at(-1), 'up');
  checkWay(t, {}, booted);
});

/** The folder of iPXE 2.x, which is in the Debian release to come. */
async function ipxe2(): Promise<string> {
  return join(await debianPackage('ipxe', { suite: 'forky', architecture: 'amd64' }), 'usr/lib/ipxe');
}
