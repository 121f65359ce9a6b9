import test from 'ava';
import { createTurns } from '../../src/kubernetes/turns.ts';

test('so many tasks run at the same time and no more, in the order they came', async (t) => {
  const turns = createTurns(2);
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const results = [0, 1, 2, 3].map((number) =>
    turns(async () => {
      begun.push(number);
      await new Promise<void>((resolve) => {
        finish[number] = resolve;
      });
      return number * 10;
    }),
  );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await settled();
  t.deepEqual(begun, [0, 1]);
  finish[1]?.();
  await settled();
  t.deepEqual(begun, [0, 1, 2]);
  finish[0]?.();
  finish[2]?.();
  await settled();
  finish[3]?.();
  t.deepEqual(await Promise.all(results), [0, 10, 20, 30]);
});

test('a task that fails makes room for the next, and its caller hears of it', async (t) => {
  const turns = createTurns(1);
  const failing = turns(() => Promise.reject(new Error('no key')));
  const next = turns(async () => 'fine');
  await t.throwsAsync(failing, { message: 'no key' });
  t.is(await next, 'fine');
});
