import test from 'ava';
import {
  Clock,
  type ClockChange,
  changeBetween,
  describeChange,
  shiftedEnd,
  wrongYear,
} from '../../src/clock.ts';

const DAY = 24 * 3_600_000;
const NOON = Date.UTC(2026, 2, 1, 12);

const steps: readonly (readonly [what: string, wall: number, steady: number, by: number | undefined])[] = [
  ['time passes', 60_000, 60_000, undefined],
  ['NTP turns the clock a little', 64_000, 60_000, undefined],
  ['it is set a day forward', DAY + 1_000, 1_000, DAY],
  ['it is set a day back', 1_000 - DAY, 1_000, -DAY],
  ['the host slept for an hour', 3_600_000, 0, 3_600_000],
];

for (const [what, wall, steady, by] of steps) {
  test(`${what}: that is ${by === undefined ? 'no change' : `a change by ${by} ms`}`, (t) => {
    t.is(changeBetween({ wall: NOON, steady: 7 }, { wall: NOON + wall, steady: 7 + steady })?.by, by);
  });
}

test('a clock tells that it was set before it gives a time from after that', (t) => {
  let moment = { wall: NOON, steady: 0 };
  const told: (ClockChange | number)[] = [];
  const clock = new Clock(
    () => moment,
    (change) => told.push(change),
  );
  moment = { wall: NOON + 1_000, steady: 1_000 };
  told.push(clock.now());
  moment = { wall: NOON + 2_000 + DAY, steady: 2_000 };
  told.push(clock.now(), clock.now());
  t.deepEqual(told, [
    NOON + 1_000,
    { by: DAY, before: NOON + 2_000 },
    NOON + 2_000 + DAY,
    NOON + 2_000 + DAY,
  ]);
});

test('what is left of a lease stays the same, whichever way the clock is set', (t) => {
  for (const by of [DAY, -DAY, -NOON])
    t.is(shiftedEnd(NOON + 3_600_000, { by, before: NOON }), NOON + by + 3_600_000);
  t.is(shiftedEnd(Number.POSITIVE_INFINITY, { by: DAY, before: NOON }), Number.POSITIVE_INFINITY);
});

test('a lease from before the clock was wrong ends when it was to, once the clock is right again', (t) => {
  t.is(shiftedEnd(NOON + 3_600_000, { by: NOON - 60_000, before: 60_000 }), NOON + 3_600_000);
});

test('a change is told in words', (t) => {
  t.is(
    describeChange({ by: -DAY, before: NOON }),
    "this host's clock was set back from 2026-03-01T12:00:00Z to 2026-02-28T12:00:00Z",
  );
  t.regex(wrongYear(0) ?? '', /says 1970: .*timedatectl set-ntp true/);
  t.is(wrongYear(NOON), undefined);
});
