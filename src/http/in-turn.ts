import { readPart } from './file-reader.ts';
import type { ServedFile } from './served-file.ts';
import type { Turn, Turns } from './turns.ts';

/**
 * A client that waits is sent a drop of its file so often, milliseconds: UEFI's HTTP gives up when nothing comes for 5 s,
 * GRUB after 30 s, and no loader but iPXE asks again when it is told to come later.
 */
const DROP_INTERVAL = 3_000;
/** Bytes in a drop. */
const DROP = 64;
/** Bytes read from disk for the drops to come: all that a client holds while it waits. */
const HOARD = 4096;

/**
 * The bytes from `start` up to `end` of a file: in drops until the client's turn has come, then the slices that `open`
 * gives, from where the drops ended. Gives the turn up at the end, wherever the consumer stops.
 */
export async function* inTurn(
  turns: Turns,
  turn: Turn,
  { file, start, end }: { readonly file: ServedFile; readonly start: number; readonly end: number },
  open: (position: number) => AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  try {
    let position = start;
    while (!turn.hasCome && position < end) {
      const hoard = await readPart(file, position, Math.min(position + HOARD, end));
      for (let at = 0; at < hoard.length && !turn.hasCome; at += DROP) {
        const drop = hoard.subarray(at, at + DROP);
        yield drop;
        position += drop.length;
        if (!(await turn.comes(DROP_INTERVAL))) turns.look();
      }
    }
    yield* open(position);
  } finally {
    turn.end();
  }
}
