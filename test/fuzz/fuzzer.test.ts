import test from 'ava';
import { seededRandom } from '../support/recorded.ts';
import { Coverage, Reach } from './coverage.ts';
import { readSteps, writeSteps } from './frames.ts';
import { fuzz } from './fuzzer.ts';
import { mutate } from './mutate.ts';
import { findingText } from './report.ts';
import { shrink } from './shrink.ts';
import type { Finding, FuzzTarget } from './target.ts';

/** A double of a parser that fails deep inside: at four letters in a row, each of which is a step. */
function brokenTarget(): FuzzTarget {
  return {
    name: 'broken',
    about: 'a parser with a mistake',
    seeds: () => [Buffer.from('nothing of interest')],
    maxLength: 64,
    limit: 1_000,
    run(bytes) {
      const text = Buffer.from(bytes).toString('latin1');
      if (text.includes('WXYZ')) throw new TypeError('broken');
      return ['W', 'WX', 'WXY'].map((step) => `${step} ${text.includes(step)}`);
    },
  };
}

/** Fuzzes a target until something is found, or for so many batches. */
async function run(target: FuzzTarget, batches = 20_000): Promise<readonly Finding[]> {
  const coverage = new Coverage();
  const found: Finding[] = [];
  let left = batches;
  await fuzz(target, {
    seed: 7,
    coverage,
    isOver: () => found.length > 0 || --left < 0,
    watch: () => {},
    onFinding: (finding) => found.push(finding),
  });
  coverage.stop();
  return found;
}

test('a mistake deep inside is found step by step, and its input made as small as can be', async (t) => {
  const [finding] = await run(brokenTarget());
  t.is(Buffer.from(finding?.input ?? []).toString(), 'WXYZ');
  t.like(finding, { target: 'broken', seed: 7 });
});

test('a finding is told with its seed, its input and the command that repeats it', async (t) => {
  const [finding] = await run(brokenTarget());
  if (!finding) return t.fail();
  const text = findingText(finding);
  t.regex(text, /^broken: TypeError: broken\n/);
  t.regex(
    text,
    /\n {2}seed {3}7\n {2}input {2}5758595a\n {2}again {2}npm run fuzz -- --target broken --input 5758595a$/,
  );
});

test('a mistake is told once, however many inputs show it', async (t) => {
  const target: FuzzTarget = {
    ...brokenTarget(),
    run(bytes) {
      throw new RangeError(`broken at ${bytes.length}`);
    },
  };
  t.is((await run(target, 3)).length, 1);
});

test('an input that takes too long is a finding', async (t) => {
  const target: FuzzTarget = {
    ...brokenTarget(),
    limit: 5,
    run() {
      const end = performance.now() + 20;
      while (performance.now() < end);
      return [];
    },
  };
  const [finding] = await run(target, 1);
  t.regex(finding?.error ?? '', /^takes \d+ ms, more than 5 ms$/);
});

test('mutation leaves its parent alone, keeps to the length, and does the same for the same random numbers', (t) => {
  const parent = Buffer.from('a parent of some length');
  const mutants = () => {
    const mutator = {
      random: seededRandom(3),
      corpus: [parent],
      tokens: [Buffer.from('token')],
      maxLength: 40,
    };
    return Array.from({ length: 2_000 }, () => mutate(parent, mutator));
  };
  const first = mutants();
  t.is(parent.toString(), 'a parent of some length');
  t.true(first.every(({ length }) => length <= 40));
  t.deepEqual(first, mutants());
  t.true(new Set(first.map((bytes) => bytes.toString('hex'))).size > 1_500);
  t.true(first.some((bytes) => bytes.includes('token')));
});

test('an empty input can be mutated', (t) => {
  const mutator = { random: seededRandom(1), corpus: [], tokens: [], maxLength: 10 };
  for (let n = 0; n < 1_000; n += 1) t.true(mutate(new Uint8Array(), mutator).length <= 10);
});

test('shrinking leaves out what is not needed, and makes the rest plain', async (t) => {
  const fails = async (bytes: Uint8Array) => bytes.includes(7) && bytes.length >= 3;
  t.deepEqual(await shrink(Uint8Array.of(1, 2, 3, 7, 5, 6, 9, 9), fails), Uint8Array.of(0, 0, 7));
});

test('the steps of an input are read as they were written, and any bytes are steps', (t) => {
  const steps = [
    [1, Buffer.from('one')],
    [255, Buffer.alloc(0)],
  ] as const;
  t.deepEqual(
    readSteps(writeSteps(steps), 9).map(({ control, payload }) => [control, Buffer.from(payload)]),
    steps.map(([control, payload]) => [control, Buffer.from(payload)]),
  );
  t.is(readSteps(writeSteps([...steps, ...steps]), 3).length, 3);
  t.deepEqual(
    readSteps(Buffer.from('xyz'), 9).map(({ control }) => control),
    [0x78],
  );
});

test('coverage tells which code of the product ran since the last look, and what of it is new', async (t) => {
  const { parseMac } = await import('../../src/net/mac.ts');
  const coverage = new Coverage();
  t.teardown(() => coverage.stop());
  parseMac('52:54:00:00:00:01');
  const good = coverage.take();
  parseMac('x');
  const bad = coverage.take();
  mutate(Buffer.of(1), { random: () => 0, corpus: [], tokens: [], maxLength: 1 });
  t.deepEqual(coverage.take(), []);
  const reach = new Reach();
  reach.add(good);
  t.true(reach.size > 0);
  t.false(reach.isNew(good));
  t.true(reach.isNew(bad));
  reach.add(bad);
  t.false(reach.isNew(bad));
});
