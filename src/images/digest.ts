import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** The digest of a file. */
export interface Digest {
  readonly algorithm: 'sha256' | 'sha512';
  /** Hexadecimal, in lower case. */
  readonly hex: string;
}

const LENGTHS = { sha256: 64, sha512: 128 } as const;

/** A digest as publishers write it; undefined for text that is none. */
export function parseDigest(algorithm: Digest['algorithm'], text: string): Digest | undefined {
  const hex = text.trim().toLowerCase();
  return new RegExp(`^[0-9a-f]{${LENGTHS[algorithm]}}$`).test(hex) ? { algorithm, hex } : undefined;
}

/** True when both are the same digest. */
export function sameDigest(a: Digest, b: Digest): boolean {
  return a.algorithm === b.algorithm && a.hex === b.hex;
}

/** `sha512 1f8e…`: enough of it for people to tell two apart. */
export function shortDigest({ algorithm, hex }: Digest): string {
  return `${algorithm} ${hex.slice(0, 16)}…`;
}

/**
 * The SHA-512 of a file as a Flatcar or Container Linux DIGESTS file tells it: sections `# SHA512 HASH`, in each a line for
 * every file. `names` are the names it may have there, the best one first; undefined when it has none of them.
 */
export function findInDigests(text: string, names: readonly string[]): Digest | undefined {
  const found = new Map<string, Digest>();
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const [, heading] = /^# (\S+) HASH\s*$/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    const [, hex = '', name = ''] = /^([0-9a-f]+)\s+\*?(\S+)\s*$/i.exec(line) ?? [];
    const digest = section === 'SHA512' ? parseDigest('sha512', hex) : undefined;
    if (digest && !found.has(name)) found.set(name, digest);
  }
  return names.map((name) => found.get(name)).find((digest) => digest !== undefined);
}

/** The digest of a file's bytes, read as a stream. Rejects with the file system's error. */
export async function hashFile(
  path: string,
  algorithm: Digest['algorithm'],
  signal?: AbortSignal,
): Promise<Digest> {
  const hash = createHash(algorithm);
  const stream = createReadStream(path, { highWaterMark: 256 * 1024, ...(signal && { signal }) });
  for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
  return { algorithm, hex: hash.digest('hex') };
}
