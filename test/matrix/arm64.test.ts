// Real arm64 firmware, emulated, from power-on until the machine says that it is up.
//
// iPXE for arm64 is in Debian's package `ipxe` from Debian 13 on: it is downloaded and unpacked, like the kernel and busybox of
// the guest, which is a double of a system. What can't be shown: snponly.efi for arm64 (not packaged; ipxe-arm64.efi, the next
// of the row, is loaded) and a Raspberry Pi.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ava from 'ava';
import { debianPackage } from '../support/debian-package.ts';
import { arm64Guest, boot } from './support/boot.ts';
import { checkBoot, detailsOf, type KnownBoard, titleOf } from './support/check.ts';
import type { Way } from './support/place.ts';

// One machine at a time.
const test = ava.serial;
const folder = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
const guest = await arm64Guest(folder);
test.after.always(() => rm(folder, { recursive: true }));

const rows: readonly (readonly [KnownBoard, Way])[] = [
  ['arm64', {}],
  ['arm64-http', {}],
  ['arm64', { beside: 'dnsmasq' }],
  ['arm64-http', { beside: 'dnsmasq' }],
  ['arm64', { beside: 'kea' }],
  ['arm64-http', { beside: 'kea' }],
  ['arm64', { relay: 'dnsmasq' }],
  ['arm64-http', { relay: 'dhcrelay' }],
  ['arm64', { relay: 'dhcrelay', beside: 'dnsmasq' }],
];

for (const [board, way] of rows) {
  test(titleOf(board, way), async (t) => {
    const ipxe = await debianPackage('ipxe', { suite: 'trixie', architecture: 'arm64' });
    const row = { board, ...way, firmware: { directory: `${ipxe}/usr/lib/ipxe` } };
    const booted = await boot(t, row, guest);
    checkBoot(t, row, booted);
    t.regex(detailsOf(booted, 'up')[0] ?? '', /aarch64, \d+ bytes of cloud-config/);
  });
}
