import { readdirSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The loaders in the firmware folder. */
export interface FirmwareFolder {
  /** True when a file of this name was there at the last `refresh`. Asked for every DHCP message, so it never waits. */
  has(name: string): boolean;
  /**
   * The contents of a loader, in a SharedArrayBuffer, so that any thread can send them as they are. Read once and again
   * when the file has changed; undefined when there is none.
   */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Looks again which files there are; throws an Error that names the folder when it can't be read. */
  refresh(): void;
}

/** Loaders are a few hundred kilobytes; a larger file in the folder is something else and isn't served from memory. */
const MAX_SIZE = 64 * 1024 * 1024;

/** The loaders in the folder that `directory` names now. */
export function openFirmwareFolder(directory: () => string): FirmwareFolder {
  let names = new Set<string>();
  const contents = new Map<string, { readonly version: string; readonly bytes: Promise<Uint8Array> }>();

  return {
    has: (name) => names.has(name),

    async read(name) {
      if (name.includes('/')) return undefined;
      const path = join(directory(), name);
      const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (!facts?.isFile() || facts.size > MAX_SIZE) return undefined;
      const version = `${path}:${facts.ino}:${facts.size}:${facts.mtimeMs}`;
      const known = contents.get(name);
      if (known?.version === version) return known.bytes;
      const bytes = readShared(path);
      contents.set(name, { version, bytes });
      bytes.catch(() => contents.delete(name));
      return bytes;
    },

    refresh() {
      try {
        names = new Set(readdirSync(directory()));
      } catch (error) {
        throw new Error(
          `the firmware folder ${directory()} can't be read: ${(error as Error).message}; install the package ipxe`,
        );
      }
    },
  };
}

async function readShared(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(new SharedArrayBuffer(size));
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}
