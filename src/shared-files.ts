import { readShared } from './boot/shared-bytes.ts';
import type { ServedFile } from './http/served-file.ts';

/**
 * Reads whole files into memory that every thread can send. However many ask for a file at one time, it is there once;
 * it goes when nobody holds it any more. Rejects with the file system's error.
 */
export function createSharedFiles(): (file: ServedFile) => Promise<Uint8Array> {
  const kept = new Map<string, { readonly etag: string; readonly bytes: WeakRef<Uint8Array> }>();
  const loading = new Map<string, Promise<Uint8Array>>();

  const load = async ({ path, etag }: ServedFile): Promise<Uint8Array> => {
    try {
      const bytes = await readShared(path);
      kept.set(path, { etag, bytes: new WeakRef(bytes) });
      return bytes;
    } finally {
      loading.delete(path + etag);
    }
  };

  return async (file) => {
    const known = kept.get(file.path);
    const bytes = known?.etag === file.etag ? known.bytes.deref() : undefined;
    if (bytes) return bytes;
    const key = file.path + file.etag;
    const promise = loading.get(key) ?? load(file);
    loading.set(key, promise);
    return promise;
  };
}
