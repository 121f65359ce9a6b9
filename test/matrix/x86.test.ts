// Real x86 firmware, emulated, from power-on until the machine says that it is up: the ways that test/firmware/ doesn't go.
// There are the three firmwares with an address of ours, OVMF's PXE and QEMU's iPXE ROM beside dnsmasq, and OVMF's HTTP Boot
// beside Kea.
//
// What can't be shown with Debian's packages: a BIOS PXE ROM that isn't iPXE (QEMU has no other, so undionly.kpxe is loaded by
// nobody here), UEFI IA32 (its iPXE is not packaged), a Raspberry Pi's boot ROM, and the signed iPXE of iPXE's own release.

import ava from 'ava';
import { boot, labGuest } from './support/boot.ts';
import { checkBoot, type KnownBoard, titleOf } from './support/check.ts';
import type { Way } from './support/place.ts';

// One machine at a time.
const test = ava.serial;

const rows: readonly (readonly [KnownBoard, Way])[] = [
  ['bios', { beside: 'kea' }],
  ['uefi', { beside: 'kea' }],
  ['uefi-http', { beside: 'dnsmasq' }],
  ['bios', { relay: 'dnsmasq' }],
  ['uefi', { relay: 'dhcrelay' }],
  ['uefi-http', { relay: 'dnsmasq' }],
  ['bios', { relay: 'dnsmasq', beside: 'kea' }],
  ['uefi', { relay: 'dhcrelay', beside: 'dnsmasq' }],
  ['uefi-http', { relay: 'dhcrelay', beside: 'kea' }],
];

for (const [board, way] of rows) {
  test(titleOf(board, way), async (t) => {
    const row = { board, ...way, firmware: { directory: '/usr/lib/ipxe' } };
    const booted = await boot(t, row, await labGuest());
    checkBoot(t, row, booted);
    t.true(booted.story.at(-1)?.detail.includes('worker-01: 2 files, /dev/vda ext4 on /var/lib/docker'));
  });
}
