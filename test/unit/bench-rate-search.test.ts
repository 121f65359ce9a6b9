import test from 'ava';
import { findHighestRate } from '../../bench/benchmarks/rate-search.ts';

/** Searches against a server that sustains rates up to `limit`; gives the result and the rates tried. */
async function search(
  limit: number,
  options: { first?: number; highest?: number; refinements?: number } = {},
) {
  const tried: number[] = [];
  const best = await findHighestRate({
    first: options.first ?? 100,
    highest: options.highest ?? 10_000,
    refinements: options.refinements ?? 3,
    attempt: async (rate) => {
      tried.push(rate);
      return rate <= limit ? rate : undefined;
    },
  });
  return { best, tried };
}

test('a rate that is sustained is doubled until it is not, then the gap is halved', async (t) => {
  const { best, tried } = await search(1_000);
  t.deepEqual(tried, [100, 200, 400, 800, 1_600, 1_600, 1_200, 1_200, 1_000, 1_100, 1_100]);
  t.is(best, 1_000);
});

test('a first rate that is too high is halved', async (t) => {
  t.is((await search(30, { refinements: 0 })).best, 25);
});

test('no rate above the highest is tried', async (t) => {
  const { best, tried } = await search(Number.POSITIVE_INFINITY, { highest: 500 });
  t.is(best, 500);
  t.deepEqual(tried, [100, 200, 400, 500]);
});

test('a server that sustains nothing has no highest rate', async (t) => {
  t.is((await search(0)).best, undefined);
});

test('one failure is a disturbance, two are the limit', async (t) => {
  let disturbed = false;
  const best = await findHighestRate({
    first: 100,
    highest: 200,
    refinements: 0,
    attempt: async (rate) => {
      if (disturbed) return rate;
      disturbed = true;
      return undefined;
    },
  });
  t.is(best, 200);
});
