import test from 'ava';
import { Pace } from '../../src/http/pace.ts';

const MIB = 1024 * 1024;

/** Turns of an event loop that begin when they are told to. */
function manualTurns() {
  let next: (() => void) | undefined;
  return {
    nextTurn: (begin: () => void) => {
      next = begin;
    },
    get isAwaited() {
      return next !== undefined;
    },
    /** Begins a turn and lets everything happen that it brings. */
    async begin() {
      const begin = next;
      next = undefined;
      begin?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('a few writes begin in each turn of the event loop, in the order in which they were asked for', async (t) => {
  const turns = manualTurns();
  const pace = new Pace(turns.nextTurn);
  const written: number[] = [];
  for (let index = 0; index < 10; index++) void pace.write(MIB).then(() => written.push(index));
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(written, [0, 1, 2, 3]);
  await turns.begin();
  t.deepEqual(written, [0, 1, 2, 3, 4, 5, 6, 7]);
  await turns.begin();
  t.deepEqual(written, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('who comes later does not overtake those who wait', async (t) => {
  const turns = manualTurns();
  const pace = new Pace(turns.nextTurn);
  const written: string[] = [];
  for (const name of 'abcdef') void pace.write(MIB).then(() => written.push(name));
  await turns.begin();
  t.is(written.join(''), 'abcdef');
  for (const name of 'ghi') void pace.write(MIB).then(() => written.push(name));
  await new Promise((resolve) => setImmediate(resolve));
  t.is(written.join(''), 'abcdefgh');
  await turns.begin();
  t.is(written.join(''), 'abcdefghi');
});

test('when nothing is written, nothing keeps the event loop turning', async (t) => {
  const turns = manualTurns();
  const pace = new Pace(turns.nextTurn);
  t.false(turns.isAwaited);
  await pace.write(MIB);
  t.true(turns.isAwaited);
  await turns.begin();
  t.false(turns.isAwaited);
});
