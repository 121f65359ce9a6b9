import test from 'ava';
import { ConnectionLimit } from '../../src/http/connection-limit.ts';

/** Opens connections until one is refused; gives how many were taken. */
function openAll(limit: ConnectionLimit, addressOf: (number: number) => string): number {
  for (let number = 0; number < 20_000; number += 1) {
    if (limit.open(addressOf(number)) !== undefined) return number;
  }
  return 20_000;
}

test('an address has 128 connections, and another one for each that it closes', (t) => {
  const limit = new ConnectionLimit();
  t.is(
    openAll(limit, () => 'a'),
    128,
  );
  t.regex(limit.open('a') ?? '', /^a has 128 connections open, and gets no more until it closes some$/);
  limit.close('a');
  t.is(limit.open('a'), undefined);
  t.is(limit.open('b'), undefined, 'others have theirs');
});

test('all together have 12,288', (t) => {
  const limit = new ConnectionLimit();
  t.is(
    openAll(limit, (number) => `address ${number % 100}`),
    12_288,
  );
  t.regex(limit.open('another') ?? '', /12288 connections are open/);
});

test('a trouble is told once a minute for each address, and each kind of trouble by itself', (t) => {
  const limit = new ConnectionLimit();
  const told = [0, 1, 59_999, 60_000].map((now) => limit.isNews('a', '408', now));
  t.deepEqual(told, [true, false, false, true]);
  t.true(limit.isNews('a', '503', 1));
  t.true(limit.isNews('b', '408', 1));
});
