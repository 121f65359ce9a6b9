import test from 'ava';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { MESSAGES_PER_BOOT, MESSAGES_PER_SECOND, MessageLimits } from '../../src/syslog/limits.ts';

const A = parseMac('52:54:00:00:00:01') as Mac;
const B = parseMac('52:54:00:00:00:02') as Mac;

/** Counts `messages` of a machine, one each `interval` milliseconds; gives what became of them. */
function say(limits: MessageLimits, mac: Mac, boot: number, messages: number, from = 0, interval = 0) {
  return Array.from({ length: messages }, (_, index) => limits.count(mac, boot, from + index * interval));
}
const taken = (verdicts: readonly unknown[]) => verdicts.filter((verdict) => verdict === 'take').length;

test('a machine may say as much at once as in a second, and the first message too many is marked', (t) => {
  const verdicts = say(new MessageLimits(), A, 1, MESSAGES_PER_SECOND + 3);
  t.is(taken(verdicts), MESSAGES_PER_SECOND);
  t.deepEqual(verdicts.slice(MESSAGES_PER_SECOND), [
    { limit: 'rate', first: true },
    { limit: 'rate', first: false },
    { limit: 'rate', first: false },
  ]);
});

test('after a while a machine may speak again, at its rate', (t) => {
  const limits = new MessageLimits();
  say(limits, A, 1, 2 * MESSAGES_PER_SECOND);
  t.is(taken(say(limits, A, 1, 10, 100)), MESSAGES_PER_SECOND / 10);
  t.is(taken(say(limits, A, 1, 2 * MESSAGES_PER_SECOND, 60_000)), MESSAGES_PER_SECOND);
});

test('a boot has so many messages, and the next one as many again', (t) => {
  const limits = new MessageLimits();
  const verdicts = say(limits, A, 1, MESSAGES_PER_BOOT + 2, 0, 1_000);
  t.is(taken(verdicts), MESSAGES_PER_BOOT);
  t.deepEqual(verdicts.slice(-2), [
    { limit: 'boot', first: true },
    { limit: 'boot', first: false },
  ]);
  t.is(limits.count(A, 2, 2_000_000), 'take');
});

test('a machine that says too much takes nothing from another', (t) => {
  const limits = new MessageLimits();
  say(limits, A, 1, 1_000);
  t.is(limits.count(B, 1, 0), 'take');
});

test('a clock that is set back neither silences a machine nor gives it more', (t) => {
  const limits = new MessageLimits();
  say(limits, A, 1, MESSAGES_PER_SECOND, 1_000_000);
  t.deepEqual(limits.count(A, 1, 0), { limit: 'rate', first: true });
  t.is(limits.count(A, 1, 1_000), 'take');
});
