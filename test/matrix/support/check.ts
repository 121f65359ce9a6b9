import type { ExecutionContext } from 'ava';
import type { Booted, Row } from './boot.ts';
import type { Board } from './machine.ts';
import type { Way } from './place.ts';

/** What tells one firmware from another in what it does on the network. */
interface Habits {
  readonly name: string;
  /** Option 60 of its first request. */
  readonly vendorClass: string;
  /** How its loader came, as the timeline has it; absent for one that needs none. */
  readonly loader?: string;
  /** Beside another DHCP server it asks the boot server on port 4011. */
  readonly asksBootServer: boolean;
}

const HABITS: Readonly<Record<Exclude<Board, 'uefi-secure' | 'u-boot'>, Habits>> = {
  bios: { name: "QEMU's iPXE ROM", vendorClass: 'PXEClient:Arch:00000', asksBootServer: false },
  uefi: {
    name: 'OVMF by PXE',
    vendorClass: 'PXEClient:Arch:00007',
    loader: 'by TFTP (snponly.efi',
    asksBootServer: true,
  },
  'uefi-http': {
    name: 'OVMF by HTTP Boot',
    vendorClass: 'HTTPClient:Arch:00016',
    loader: 'by HTTP (snponly.efi',
    asksBootServer: false,
  },
  arm64: {
    name: 'AAVMF (arm64) by PXE',
    vendorClass: 'PXEClient:Arch:00011',
    loader: 'by TFTP (ipxe-arm64.efi',
    asksBootServer: true,
  },
  'arm64-http': {
    name: 'AAVMF (arm64) by HTTP Boot',
    vendorClass: 'HTTPClient:Arch:00019',
    loader: 'by HTTP (ipxe-arm64.efi',
    asksBootServer: false,
  },
};

/** Boards whose habits are known. */
export type KnownBoard = keyof typeof HABITS;

const STAGES = ['discover', 'offer', 'ack', 'loader', 'script', 'kernel', 'initrd', 'document', 'up'];

/** `OVMF by PXE boots through dhcrelay, beside kea`: a row as the title of its test. */
export function titleOf(board: KnownBoard, { beside, relay }: Way): string {
  const way = [relay && `through ${relay}`, beside && `beside ${beside}`].filter(Boolean).join(', ');
  return `${HABITS[board].name} boots ${way || 'with an address of ours'}`;
}

/** The first of each stage that a boot passed, in order. */
export function stagesOf({ story }: Booted): string[] {
  return [...new Set(story.map(({ kind }) => kind))].filter((kind) => STAGES.includes(kind));
}

/** The details of a boot's entries of one kind. */
export function detailsOf({ story }: Booted, kind: string): string[] {
  return story.flatMap((entry) => (entry.kind === kind ? [entry.detail] : []));
}

/** Checks that a boot passed all stages, the way that its row says. */
export function checkBoot(t: ExecutionContext, row: Row & { readonly board: KnownBoard }, booted: Booted) {
  const { vendorClass, loader, asksBootServer } = HABITS[row.board];
  t.deepEqual(
    stagesOf(booted),
    STAGES.filter((stage) => stage !== 'loader' || loader !== undefined),
  );
  t.true(booted.packets.includes(`"${vendorClass}`), `it says ${vendorClass}`);
  if (loader !== undefined) t.true(detailsOf(booted, 'loader')[0]?.includes(loader), loader);
  if (row.board.endsWith('http')) t.notRegex(booted.packets, /RRQ/, 'nobody asked for anything by TFTP');
  t.regex(detailsOf(booted, 'document')[0] ?? '', /^cloud-config \d/);
  checkWay(t, row, booted);
  const asked = /\.4011 > 192\.168\.0\.254\.4011: /.test(booted.packets);
  t.is(asked, asksBootServer && row.beside !== undefined, 'who asks on port 4011');
}

/** Checks who gave the address, and whether a relay agent stood between. */
export function checkWay(t: ExecutionContext, { beside, relay }: Way, booted: Booted) {
  const { address, packets } = booted;
  const ranges = relay
    ? { ours: /^10\.1\.0\.1[0-4]\d$/, theirs: /^10\.1\.0\.1[5-9]\d$/ }
    : { ours: /^192\.168\.0\.(?:\d\d?|100)$/, theirs: /^192\.168\.0\.1[5-9]\d$/ };
  t.regex(address, beside ? ranges.theirs : ranges.ours);
  const byProxy = detailsOf(booted, 'offer').map((detail) =>
    detail.includes('its address by another server'),
  );
  t.deepEqual([...new Set(byProxy)], [beside !== undefined], 'offers of a proxy');
  t.is(packets.includes('Gateway-IP 10.1.0.1'), relay !== undefined, 'giaddr');
  t.is(/Circuit-ID SubOption 1, length 5: down0/.test(packets), relay === 'dhcrelay', 'option 82');
}
