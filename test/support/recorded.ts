import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../fixtures/dhcp/', import.meta.url);

/** The requests that a program sent, by the name of its file: a DISCOVER and a REQUEST. */
export function recorded(name: string): readonly Buffer[] {
  const lines = readFileSync(new URL(`${name}.hex`, FOLDER), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => Buffer.from(line, 'hex'));
}

/** Every recorded request. */
export function allRecorded(): readonly Buffer[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.hex'));
  return files.flatMap((file) => recorded(file.replace('.hex', '')));
}

/** A recorded request of iPXE's with one feature's tag taken out of its option 175, as an iPXE built without it sends it. */
export function withoutFeature(packet: Uint8Array, tag: number): Buffer {
  const bytes = Buffer.from(packet);
  let at = 240;
  while (bytes[at] !== 175) at += 2 + (bytes[at + 1] ?? 0);
  const length = bytes[at + 1] ?? 0;
  const features = bytes.subarray(at + 2, at + 2 + length);
  let from = 0;
  while (features[from] !== tag) from += 2 + (features[from + 1] ?? 0);
  const to = from + 2 + (features[from + 1] ?? 0);
  return Buffer.concat([
    bytes.subarray(0, at + 1),
    Buffer.of(length - (to - from)),
    features.subarray(0, from),
    features.subarray(to),
    bytes.subarray(at + 2 + length),
  ]);
}

/** Random numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A packet damaged in one to four places: bytes changed, bits flipped, cut short, filled, or lengthened. */
export function mutate(packet: Uint8Array, random: () => number): Buffer {
  let bytes = Buffer.from(packet);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let times = 1 + below(4); times > 0; times -= 1) {
    const at = below(Math.max(1, bytes.length));
    switch (below(6)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        bytes = Buffer.concat([bytes, Buffer.from(Array.from({ length: below(300) }, () => below(256)))]);
        break;
      case 2:
        bytes.fill(below(256), at, Math.min(bytes.length, at + below(40)));
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(below(256), below(256)), bytes.subarray(at)]);
        break;
      case 4:
        if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      default:
        if (bytes.length > 0) bytes[at] = below(256);
    }
  }
  return bytes;
}
