/** What inputs are changed with. */
export interface Mutator {
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  /** Inputs to take pieces from. */
  readonly corpus: readonly Uint8Array[];
  /** Pieces that mean something to the parser. */
  readonly tokens: readonly Uint8Array[];
  /** Bytes; what is longer is cut. */
  readonly maxLength: number;
}

/** Bytes at which lengths, signs and terminators turn. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 0x0a, 0x20, 0x2e, 0x2f, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
/** Words at which counters and lengths turn. */
const WORDS = [0, 1, 0xff, 0x100, 0x240, 0x5c0, 0x7fff, 0x8000, 0xffff];
/** Longest piece that is moved or filled at once. */
const PIECE = 64;

type Operation = (bytes: Buffer, mutator: Mutator, below: (limit: number) => number) => Buffer;

const OPERATIONS: readonly Operation[] = [
  (bytes, _, below) => with8(bytes, below(bytes.length), (byte) => byte ^ (1 << below(8))),
  (bytes, _, below) => with8(bytes, below(bytes.length), () => below(256)),
  (bytes, _, below) => with8(bytes, below(bytes.length), () => EDGES[below(EDGES.length)] ?? 0),
  (bytes, _, below) => with8(bytes, below(bytes.length), (byte) => byte + below(17) - 8),
  (bytes, _, below) => {
    if (bytes.length < 2) return bytes;
    bytes.writeUInt16BE(WORDS[below(WORDS.length)] ?? 0, below(bytes.length - 1));
    return bytes;
  },
  (bytes, _, below) => bytes.fill(below(256), ...piece(bytes, below)),
  (bytes, _, below) => {
    const [from, to] = piece(bytes, below);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, _, below) => insert(bytes, below(bytes.length + 1), bytes.subarray(...piece(bytes, below))),
  (bytes, _, below) =>
    insert(bytes, below(bytes.length + 1), Buffer.alloc(1 + below(PIECE), EDGES[below(EDGES.length)])),
  (bytes, _, below) =>
    insert(
      bytes,
      below(bytes.length + 1),
      Buffer.from(Array.from({ length: 1 + below(8) }, () => below(256))),
    ),
  (bytes, { tokens }, below) => insert(bytes, below(bytes.length + 1), one(tokens, below)),
  (bytes, { tokens }, below) => overwrite(bytes, below(bytes.length + 1), one(tokens, below)),
  (bytes, { corpus }, below) => {
    const other = Buffer.from(one(corpus, below));
    return insert(bytes, below(bytes.length + 1), other.subarray(...piece(other, below)));
  },
  (bytes, { corpus }, below) => {
    const other = one(corpus, below);
    return Buffer.concat([
      bytes.subarray(0, below(bytes.length + 1)),
      other.subarray(below(other.length + 1)),
    ]);
  },
  (bytes, { corpus }, below) => {
    const other = one(corpus, below);
    const at = below(other.length + 1);
    return overwrite(bytes, at, other.subarray(at, at + 1 + below(PIECE)));
  },
  (bytes, _, below) => bytes.subarray(0, below(bytes.length + 1)),
];

/** An input made from `parent` by a few random changes; `parent` itself stays as it is. */
export function mutate(parent: Uint8Array, mutator: Mutator): Buffer {
  const { random, maxLength } = mutator;
  const below = (limit: number) => Math.floor(random() * limit);
  let bytes: Buffer = Buffer.from(parent);
  // One to sixteen changes, mostly few.
  for (let times = 1 << Math.min(below(5), below(5)); times > 0; times -= 1) {
    const operation = OPERATIONS[below(OPERATIONS.length)];
    if (operation) bytes = operation(bytes, mutator, below).subarray(0, maxLength);
  }
  return bytes;
}

function with8(bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  const byte = bytes[at];
  if (byte !== undefined) bytes[at] = change(byte) & 0xff;
  return bytes;
}

function insert(bytes: Buffer, at: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
}

function overwrite(bytes: Buffer, at: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + added.length)]);
}

function piece(bytes: Uint8Array, below: (limit: number) => number): [from: number, to: number] {
  const from = below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + below(PIECE))];
}

function one(list: readonly Uint8Array[], below: (limit: number) => number): Uint8Array {
  return list[below(list.length)] ?? new Uint8Array();
}
