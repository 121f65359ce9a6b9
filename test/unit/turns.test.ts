import test from 'ava';
import { type Turn, Turns } from '../../src/http/turns.ts';

const MIB = 1024 * 1024;
/** How many are sent large files at one time, and how many of one address. */
const ROOM = 16;
const ROOM_PER_ADDRESS = 8;

/** Turns at a time that the test sets, all places of each address from `address(first)` on taken. */
function setUp() {
  const clock = { now: 0 };
  const turns = new Turns(() => clock.now);
  const take = (count: number, first = 0) =>
    Array.from({ length: count }, (_, index) => turns.take(address(first + index)));
  return { clock, turns, take };
}

const address = (index: number) => `10.0.${index >> 8}.${index & 255}`;
const come = (turns: readonly Turn[]) => turns.filter(({ hasCome }) => hasCome).length;

test('16 clients have a turn at once, and those who wait have theirs in the order in which they came', (t) => {
  const { turns, take } = setUp();
  const first = take(ROOM);
  t.is(come(first), ROOM);
  const [a, b] = take(2, ROOM);
  t.is(turns.waiting, 2);
  first[10]?.end();
  t.deepEqual([a?.hasCome, b?.hasCome], [true, false]);
  a?.end();
  t.true(b?.hasCome);
});

test('who leaves the queue is not waited for', (t) => {
  const { turns, take } = setUp();
  const [first] = take(ROOM);
  const [a, b] = take(2, ROOM);
  a?.end();
  first?.end();
  t.true(b?.hasCome);
  t.is(turns.waiting, 0);
});

test('one address has 8 turns at most; others pass by', (t) => {
  const { turns } = setUp();
  const greedy = Array.from({ length: 100 }, () => turns.take('10.0.0.1'));
  t.is(come(greedy), ROOM_PER_ADDRESS);
  t.true(turns.take('10.0.0.2').hasCome);
  greedy[0]?.end();
  t.is(come(greedy.slice(1)), ROOM_PER_ADDRESS);
});

test('who takes less than 1 MiB in 10 s holds up nobody', (t) => {
  const { clock, turns, take } = setUp();
  const first = take(ROOM);
  const queue = take(ROOM, ROOM);
  clock.now = 9_999;
  turns.look();
  t.is(come(queue), 0, 'too early to say');
  for (const [index, turn] of first.entries()) turn.progress(index < 2 ? MIB - 1 : MIB);
  clock.now = 10_000;
  turns.look();
  t.is(come(queue), 2);
  // Their speed counts, not what they have taken before; those who came later are looked at later.
  clock.now = 20_000;
  turns.look();
  t.is(come(queue), ROOM);
});

test('slow clients are not let pass without end', (t) => {
  const { clock, turns, take } = setUp();
  const all = take(2_000);
  for (let round = 1; round <= 80; round += 1) {
    clock.now = round * 10_000;
    turns.look();
  }
  t.is(come(all), 1024 + ROOM);
  all[0]?.end();
  turns.look();
  t.is(come(all), 1024 + ROOM + 1, 'one that left lets another pass');
});

test('a turn can be waited for, as long as one likes', async (t) => {
  const { take } = setUp();
  const [first] = take(ROOM);
  const [turn] = take(1, ROOM);
  t.true(await first?.comes(0));
  // Waiting keeps no process alive; this does.
  const alive = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(alive));
  t.false(await turn?.comes(1));
  const coming = turn?.comes(600_000);
  first?.end();
  t.true(await coming);
});
