import test from 'ava';
import { Watchfulness } from '../../src/tftp/watchfulness.ts';

/** How many waits begin without watching until the next that does. */
function waitsBefore(watchfulness: Watchfulness): number {
  let count = 0;
  while (!watchfulness.begins()) count++;
  return count;
}

test('as long as packets come while they are watched for, every wait begins with watching', (t) => {
  const watchfulness = new Watchfulness();
  for (let wait = 0; wait < 100; wait++) {
    t.true(watchfulness.begins());
    watchfulness.learn(true);
  }
});

test('where nothing comes so soon, watching is tried less and less often, but at every 64th wait', (t) => {
  const watchfulness = new Watchfulness();
  const pauses = Array.from({ length: 9 }, () => {
    const pause = waitsBefore(watchfulness);
    watchfulness.learn(false);
    return pause;
  });
  t.deepEqual(pauses, [0, 1, 3, 7, 15, 31, 63, 63, 63]);
});

test('one packet that came in time makes every wait watch again', (t) => {
  const watchfulness = new Watchfulness();
  for (let miss = 0; miss < 10; miss++) {
    waitsBefore(watchfulness);
    watchfulness.learn(false);
  }
  waitsBefore(watchfulness);
  watchfulness.learn(true);
  t.is(waitsBefore(watchfulness), 0);
  watchfulness.learn(false);
  t.is(waitsBefore(watchfulness), 1, 'and a miss counts as the first again');
});
