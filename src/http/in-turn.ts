import type { Turn, Turns } from './turns.ts';

/**
 * A client that waits is sent a drop of its file so often, milliseconds: UEFI's HTTP gives up when nothing comes for 5 s,
 * GRUB after 30 s, and no loader but iPXE asks again when it is told to come later.
 */
const DROP_INTERVAL = 3_000;
/** Bytes in a drop. */
const DROP = 64;
/** Bytes read for the drops to come: all that a client holds while it waits. */
const HOARD = 4096;

/** Where a client's bytes come from. */
export interface TurnSource {
  /** The bytes from `start` up to `end`, a few, all at once. */
  readonly read: (start: number, end: number) => Promise<Buffer>;
  /** The bytes from `position` to the end of what the client wants, in slices. */
  readonly open: (position: number) => AsyncGenerator<Buffer>;
}

/**
 * The bytes from `start` up to `end` of a file: in drops until the client's turn has come, then the slices that `open`
 * gives, from where the drops ended. Gives the turn up at the end, wherever the consumer stops.
 */
export async function* inTurn(
  turns: Turns,
  turn: Turn,
  { start, end }: { readonly start: number; readonly end: number },
  { read, open }: TurnSource,
): AsyncGenerator<Buffer> {
  try {
    let position = start;
    let hoard: Buffer = Buffer.alloc(0);
    while (!(await turn.comes(DROP_INTERVAL)) && position < end) {
      turns.look();
      if (hoard.length === 0) hoard = await read(position, Math.min(position + HOARD, end));
      const drop = hoard.subarray(0, DROP);
      hoard = hoard.subarray(DROP);
      yield drop;
      position += drop.length;
    }
    yield* open(position);
  } finally {
    turn.end();
  }
}
