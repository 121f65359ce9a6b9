import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readShared } from './shared-bytes.ts';

/** The loaders in the firmware folder. */
export interface FirmwareFolder {
  /** True when a file of this path was there at the last `refresh`. Asked for every DHCP message, so it never waits. */
  has(path: string): boolean;
  /**
   * The contents of a file, in a SharedArrayBuffer, so that any thread can send them as they are. Read once and again
   * when the file has changed; undefined when there is none. `path` is below the folder, without `..`.
   */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Looks again which files there are; throws an Error that names the folder when it can't be read. */
  refresh(): void;
}

/** Loaders are a few hundred kilobytes; a larger file in the folder is something else and isn't served from memory. */
const MAX_SIZE = 64 * 1024 * 1024;

/** The loaders in the folder that `directory` names now. */
export function openFirmwareFolder(directory: () => string): FirmwareFolder {
  let paths: ReadonlySet<string> = new Set();
  const contents = new Map<string, { readonly version: string; readonly bytes: Promise<Uint8Array> }>();

  return {
    has: (path) => paths.has(path),

    async read(path) {
      if (path.split('/').includes('..')) return undefined;
      const whole = join(directory(), path);
      const facts = await stat(whole).catch((error: NodeJS.ErrnoException) => {
        if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(error.code ?? '')) return undefined;
        throw error;
      });
      if (!facts?.isFile() || facts.size > MAX_SIZE) return undefined;
      const version = `${whole}:${facts.ino}:${facts.size}:${facts.mtimeMs}`;
      const known = contents.get(path);
      if (known?.version === version) return known.bytes;
      const bytes = readShared(whole);
      contents.set(path, { version, bytes });
      bytes.catch(() => contents.delete(path));
      return bytes;
    },

    refresh() {
      try {
        paths = new Set(filesIn(directory()));
      } catch (error) {
        throw new Error(
          `the firmware folder ${directory()} can't be read: ${(error as Error).message}; install the package ipxe`,
        );
      }
    },
  };
}

/**
 * The paths of the files in a firmware folder and in the folders below it, one deep: `snponly.efi`, `arm64/snponly.efi`.
 * Throws when it can't be read.
 */
export function filesIn(directory: string, depth = 1): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    if (depth === 0) return [];
    return filesIn(join(directory, entry.name), depth - 1).map((name) => `${entry.name}/${name}`);
  });
}
