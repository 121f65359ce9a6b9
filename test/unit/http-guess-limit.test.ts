import test from 'ava';
import { GuessLimit } from '../../src/http/guess-limit.ts';

const ADDRESS = '192.168.0.66';
const MINUTE = 60_000;

/** What is told of so many wrong tokens, one each millisecond. */
function guess(limit: GuessLimit, count: number, start: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const block = limit.block(ADDRESS, start + index);
    if (block) return block.untold === undefined ? [] : `refused, ${block.untold} untold`;
    return limit.isNews(ADDRESS, 'unknown', start + index) ? 'unknown' : [];
  }).flat();
}

test('a thousand guesses are told of twice: the first, and that there will be no more answers', (t) => {
  const limit = new GuessLimit();
  t.deepEqual(guess(limit, 1000, 0), ['unknown', 'refused, 9 untold']);
});

test('who has shown ten wrong tokens is refused for a minute, whatever it shows then', (t) => {
  const limit = new GuessLimit();
  guess(limit, 9, 0);
  t.is(limit.block(ADDRESS, 100), undefined);
  limit.isNews(ADDRESS, 'unknown', 100);
  t.truthy(limit.block(ADDRESS, 100));
  t.truthy(limit.block(ADDRESS, 100 + MINUTE - 1));
  t.is(limit.block(ADDRESS, 100 + MINUTE), undefined);
});

test('ten wrong tokens in more than a minute are no guessing', (t) => {
  const limit = new GuessLimit();
  for (let count = 0; count < 30; count += 1) {
    limit.isNews(ADDRESS, 'unknown', count * 7_000);
    t.is(limit.block(ADDRESS, count * 7_000), undefined);
  }
});

test('each kind of fault is told once a minute', (t) => {
  const limit = new GuessLimit();
  t.true(limit.isNews(ADDRESS, 'unknown', 0));
  t.false(limit.isNews(ADDRESS, 'unknown', 1));
  t.true(limit.isNews(ADDRESS, 'expired', 2));
  t.true(limit.isNews('192.168.0.67', 'unknown', 3));
  t.true(limit.isNews(ADDRESS, 'unknown', MINUTE));
});

test('what was told to nobody is counted for the next time', (t) => {
  const limit = new GuessLimit();
  guess(limit, 1000, 0);
  t.deepEqual(guess(limit, 1000, 2 * MINUTE), ['unknown', 'refused, 998 untold']);
});

test('a hundred thousand addresses cost no more memory than some thousand', (t) => {
  const limit = new GuessLimit();
  for (let count = 0; count < 100_000; count += 1) limit.isNews(`address ${count}`, 'unknown', 0);
  t.true(limit.isNews('address 0', 'unknown', 1), 'it was forgotten');
  t.false(limit.isNews('address 99999', 'unknown', 1));
});

test('a clock that is set back refuses nobody for longer', (t) => {
  const limit = new GuessLimit();
  guess(limit, 10, 10 * MINUTE);
  t.truthy(limit.block(ADDRESS, 10 * MINUTE + 10));
  t.is(limit.block(ADDRESS, MINUTE), undefined);
  t.true(limit.isNews(ADDRESS, 'unknown', MINUTE));
});
