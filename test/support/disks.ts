import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { run, runChecked } from './process.ts';

const MIB = 1024 ** 2;

/** A disk of this system's: a file behind a loop device. */
export interface TestDisk {
  /** `/dev/loop3` */
  readonly device: string;
  /** SHA-256 of everything on it. */
  hash(): Promise<string>;
  /** Its file system, as blkid sees it: `{ TYPE: 'ext4', LABEL: … }`. */
  tags(): Promise<Readonly<Record<string, string>>>;
}

export interface DiskOptions {
  readonly mebibytes?: number;
  readonly readOnly?: boolean;
  /** Writes what is on the disk, through its file. */
  readonly content?: (file: string) => Promise<unknown>;
}

/** True when this system lets us make loop devices. */
export async function canMakeDisks(): Promise<boolean> {
  return process.getuid?.() === 0 && (await run(['losetup', '--find'])).code === 0;
}

/** Makes a disk that is gone when the test ends; its file lies in `folder`. */
export async function diskFor(
  t: ExecutionContext,
  folder: string,
  name: string,
  { mebibytes = 48, readOnly = false, content }: DiskOptions = {},
): Promise<TestDisk> {
  const file = join(folder, `${name}.img`);
  await runChecked(['truncate', `--size=${mebibytes}M`, file]);
  await content?.(file);
  const losetup = ['losetup', '--find', '--show', ...(readOnly ? ['--read-only'] : []), file];
  const device = (await runChecked(losetup)).trim();
  t.teardown(() => run(['losetup', '--detach', device]));
  return {
    device,
    async hash() {
      await runChecked(['blockdev', '--flushbufs', device]);
      return createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
    },
    async tags() {
      await runChecked(['blockdev', '--flushbufs', device]);
      const { stdout } = await run(['blkid', '-p', '-o', 'export', device]);
      return Object.fromEntries(stdout.split('\n').map((line) => line.split('=', 2) as [string, string]));
    },
  };
}

/** A file system of somebody's. */
export function ext4(label: string): (file: string) => Promise<unknown> {
  return (file) => runChecked(['mkfs.ext4', '-q', '-F', '-L', label, file]);
}

/** An MBR with one Linux partition, as fdisk writes it. */
export async function partitionTable(file: string): Promise<void> {
  const sector = Buffer.alloc(512);
  sector[446 + 4] = 0x83;
  sector.writeUInt32LE(2048, 446 + 8);
  sector.writeUInt32LE(8192, 446 + 12);
  sector.writeUInt16LE(0xaa55, 510);
  await writeAt(file, 0, sector);
}

/** Bytes that no program knows, in the middle of the first MiB. */
export async function unknownData(file: string): Promise<void> {
  await writeAt(file, MIB / 2, Buffer.from('somebody keeps this'));
}

/** The label of an LVM physical volume (lib/format_text/layout.h of LVM2), in the disk's second sector. */
export async function lvmMember(file: string): Promise<void> {
  const sector = Buffer.alloc(512);
  sector.write('LABELONE', 0);
  sector.writeBigUInt64LE(1n, 8);
  sector.writeUInt32LE(32, 20);
  sector.write('LVM2 001', 24);
  sector.write('0123456789abcdef0123456789abcdef', 32);
  sector.writeUInt32LE(lvmChecksum(sector.subarray(20)), 16);
  await writeAt(file, 512, sector);
}

/** CRC-32 with LVM's own start value, and not inverted. */
function lvmChecksum(bytes: Uint8Array): number {
  let crc = 0xf597a6cf;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc >>> 0;
}

/** The superblock of an md member, version 1.2 (drivers/md/md_p.h of Linux): 4 KiB from the start. */
export async function raidMember(file: string): Promise<void> {
  const superblock = Buffer.alloc(256);
  superblock.writeUInt32LE(0xa92b4efc, 0);
  superblock.writeUInt32LE(1, 4);
  superblock.write('0123456789abcdef', 16);
  superblock.write('rack:0', 32);
  superblock.writeUInt32LE(1, 72);
  superblock.writeBigUInt64LE(16n, 128);
  superblock.writeBigUInt64LE(8n, 144);
  await writeAt(file, 4096, superblock);
}

async function writeAt(file: string, position: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
}
