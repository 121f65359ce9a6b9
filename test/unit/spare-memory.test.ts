import test from 'ava';
import { SpareMemory } from '../../src/spare-memory.ts';

const MIB = 1024 * 1024;
const QUIET = 0.01;
const BUSY = 0.5;

/** Looks in a row: share of work, and resident memory in MiB. */
type Looks = readonly (readonly [number, number])[];
const looks = (count: number, utilization: number, resident: number): Looks =>
  Array.from({ length: count }, () => [utilization, resident] as const);

/** What is said, and at which of the looks, counted from 1. */
function said(...parts: readonly Looks[]): string[] {
  const spare = new SpareMemory();
  return parts.flat().flatMap(([utilization, resident], index) => {
    const advice = spare.look(utilization, resident * MIB);
    return advice === undefined ? [] : [`${advice} ${index + 1}`];
  });
}

test('what the start took is given back once, when it has been quiet for nine looks', (t) => {
  t.deepEqual(said(looks(9, QUIET, 200), looks(60, QUIET, 140)), ['note 3', 'collect 9']);
});

test('while there is work, nothing is given back, and the quiet looks begin anew', (t) => {
  const [busy, short] = [looks(20, BUSY, 900), looks(8, QUIET, 900)];
  t.deepEqual(said(busy, short, busy, short), ['note 23', 'note 51']);
});

test('after a load that took much, it is given back again', (t) => {
  const start = [looks(9, QUIET, 200), looks(11, QUIET, 140)];
  t.deepEqual(said(...start, looks(10, BUSY, 900), looks(20, QUIET, 900)).slice(2), [
    'note 33',
    'collect 39',
  ]);
});

test('what is still in use after that is not tried for again and again', (t) => {
  t.deepEqual(said(looks(300, QUIET, 800)), ['note 3', 'collect 9']);
});

test('what had gone without being given back counts when it comes again', (t) => {
  const start = [looks(9, QUIET, 200), looks(11, QUIET, 140), looks(5, QUIET, 100)];
  t.deepEqual(said(...start, looks(5, BUSY, 120), looks(20, QUIET, 120)).slice(2), ['note 33', 'collect 39']);
});
