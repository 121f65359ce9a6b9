import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Webhook } from '../../src/config/config.ts';
import { EventJournal, type JournalStore } from '../../src/machines/event-journal.ts';
import type { JournalEvent } from '../../src/machines/journal.ts';
import type { MachineState } from '../../src/machines/machine.ts';
import { MachineFeed } from '../../src/machines/machine-feed.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import type { NotifyEvent } from '../../src/notify/events.ts';
import { Notifier, type WebhookPositions } from '../../src/notify/notifier.ts';
import { CAPACITY } from '../../src/notify/sender.ts';
import { type Received, webhookReceiverFor } from '../support/webhook-receiver.ts';

const MAC = parseMac('52:54:00:00:00:01') as Mac;

/** A journal's store in memory, in place of LMDB. */
class MemoryJournalStore implements JournalStore {
  readonly events: JournalEvent[] = [];
  all = () => this.events;
  async append(events: readonly JournalEvent[]): Promise<void> {
    this.events.push(...events);
  }
}

/** Webhooks' positions in memory, in place of LMDB. */
class MemoryPositions implements WebhookPositions {
  readonly map = new Map<string, number>();
  keys = () => this.map.keys();
  get = (key: string) => this.map.get(key);
  save = (key: string, id: number) => void this.map.set(key, id);
  remove = (key: string) => void this.map.delete(key);
}

/** What a service keeps over a restart, and the parts of it that notify. */
function serviceFor(t: ExecutionContext, { capacity = 5_000, now = Date.now } = {}) {
  const store = new MemoryJournalStore();
  const changes = new MemoryJournalStore();
  const positions = new MemoryPositions();
  return {
    positions,
    /** Starts them; they stop with the test at the latest. */
    start(webhooks: readonly Webhook[]) {
      const onError = (error: Error) => t.fail(error.message);
      const journal = new EventJournal({
        events: store,
        changes,
        feed: new MachineFeed({ view: () => undefined, isStranger: () => false, onError }),
        now,
        onError,
        capacity: { events: capacity, changes: 10 },
      });
      const told: NotifyEvent[] = [];
      const notifier = new Notifier({
        webhooks,
        journal,
        machine: () => undefined,
        positions,
        observe: (event) => told.push(event),
      });
      const stop = async () => {
        await notifier.stop();
        journal.flush();
      };
      t.teardown(stop);
      return {
        notifier,
        told,
        stop,
        state: (state: MachineState, detail = '') =>
          journal.publish({ type: 'state', mac: MAC, hostname: 'worker-01', state, detail }),
        other: () => journal.publish({ type: 'notice', severity: 'info', detail: '' }),
      };
    },
  };
}

const details = (received: readonly Received[]) =>
  received.map(({ body }) => (JSON.parse(body) as { detail: string }).detail);

/** Waits for what happens within this process, a matter of milliseconds. */
async function until(happens: () => boolean): Promise<void> {
  while (!happens()) await pause(5);
}

test('a webhook hears of the states it names, in their order', async (t) => {
  const hook = await webhookReceiverFor(t);
  const { state, other, told } = serviceFor(t).start([{ url: hook.url, events: ['stuck', 'ready'] }]);
  state('discovered', 'a');
  state('stuck', 'b');
  other();
  state('booting', 'c');
  state('ready', 'd');
  await hook.waitFor(2);
  await until(() => told.length === 2);
  t.deepEqual(details(hook.received), ['b', 'd']);
  t.deepEqual(new Set(told.map(({ type }) => type)), new Set(['delivered']));
});

test('a message that is not taken is sent again, and the next one after it', async (t) => {
  const hook = await webhookReceiverFor(t, (response, index) => response.writeHead(index ? 200 : 500).end());
  const { state, told } = serviceFor(t).start([{ url: hook.url, events: ['stuck'] }]);
  state('stuck', 'a');
  state('stuck', 'b');
  const received = await hook.waitFor(3);
  await until(() => told.length === 3);
  t.deepEqual(details(received), ['a', 'a', 'b']);
  t.is(received[0]?.headers['x-rackseed-delivery'], received[1]?.headers['x-rackseed-delivery']);
  const { origin } = new URL(hook.url);
  t.deepEqual(told, [
    { type: 'failed', hook: origin, failures: 1, reason: 'it answers 500', pause: 1_000 },
    { type: 'delivered', hook: origin, failures: 1 },
    { type: 'delivered', hook: origin, failures: 0 },
  ]);
});

test('a webhook that hangs keeps neither another one nor a stop waiting', async (t) => {
  const hanging = await webhookReceiverFor(t, () => {});
  const hook = await webhookReceiverFor(t);
  const webhooks = [hanging, hook].map(({ url }): Webhook => ({ url, events: ['stuck'] }));
  const { state, stop } = serviceFor(t).start(webhooks);
  for (const detail of ['a', 'b', 'c']) state('stuck', detail);
  t.deepEqual(details(await hook.waitFor(3)), ['a', 'b', 'c']);
  t.is((await hanging.waitFor(1)).length, 1);
  const started = performance.now();
  await stop();
  t.true(performance.now() - started < 1_000);
});

test('after a restart a webhook hears what it has missed, and nothing twice', async (t) => {
  let broken = false;
  const hook = await webhookReceiverFor(t, (response) => response.writeHead(broken ? 500 : 200).end());
  const webhooks: Webhook[] = [{ url: hook.url, events: ['stuck'] }];
  const service = serviceFor(t);
  const first = service.start(webhooks);
  first.state('stuck', 'a');
  await until(() => first.told.length === 1);
  broken = true;
  first.state('stuck', 'b');
  first.state('ready', 'not for it');
  first.state('stuck', 'c');
  await until(() => first.told.length === 2);
  await first.stop();
  broken = false;
  const second = service.start(webhooks);
  second.state('stuck', 'd');
  await until(() => second.told.length === 3);
  t.deepEqual(details(hook.received), ['a', 'b', 'b', 'c', 'd']);
  await second.stop();
  const third = service.start(webhooks);
  third.state('stuck', 'e');
  await until(() => third.told.length === 1);
  t.deepEqual(details(hook.received).slice(5), ['e']);
});

test('what the journal no longer has after a restart is missed, and that is said', async (t) => {
  const hook = await webhookReceiverFor(t);
  const webhooks: Webhook[] = [{ url: hook.url, events: ['stuck'] }];
  const service = serviceFor(t, { capacity: 3 });
  const first = service.start(webhooks);
  await first.notifier.stop();
  for (let count = 0; count < 5; count += 1) first.other();
  await first.stop();
  // As if it had been told of no more than that when it ended.
  const [key = ''] = service.positions.keys();
  service.positions.save(key, 1);
  const second = service.start(webhooks);
  t.deepEqual(second.told, [{ type: 'gap', hook: new URL(hook.url).origin }]);
  second.state('stuck', 'a');
  t.deepEqual(details(await hook.waitFor(1)), ['a']);
});

test('a message that has been tried for an hour is given up, a younger one is not', async (t) => {
  let now = Date.now() - 3_600_001;
  const hook = await webhookReceiverFor(t, (response, index) => response.writeHead(index ? 200 : 500).end());
  const service = serviceFor(t, { now: () => now });
  const { state, told } = service.start([{ url: hook.url, events: ['stuck'] }]);
  state('stuck', 'old');
  now = Date.now();
  state('stuck', 'young');
  t.deepEqual(details(await hook.waitFor(2)), ['old', 'young']);
  const { origin } = new URL(hook.url);
  t.deepEqual(told[1], { type: 'given-up', hook: origin, reason: 'too-old', messages: 1, first: true });
});

test('of more messages than may wait the oldest are given up, each is counted and the first is marked', async (t) => {
  const hook = await webhookReceiverFor(t, () => {});
  const { state, told } = serviceFor(t).start([{ url: hook.url, events: ['stuck'] }]);
  for (let count = 0; count < CAPACITY + 3; count += 1) state('stuck');
  const { origin } = new URL(hook.url);
  const overflow = { type: 'given-up', hook: origin, reason: 'overflow', messages: 1 } as const;
  t.deepEqual(
    told,
    [true, false, false].map((first) => ({ ...overflow, first })),
  );
});

test('a changed configuration adds webhooks, ends others and changes what they hear of', async (t) => {
  const [gone, stays, added] = await Promise.all([1, 2, 3].map(() => webhookReceiverFor(t)));
  if (!gone || !stays || !added) return t.fail();
  const service = serviceFor(t);
  const { state, notifier, told } = service.start([
    { url: gone.url, events: ['stuck'] },
    { url: stays.url, events: ['stuck'] },
  ]);
  state('stuck', 'a');
  await until(() => told.length === 2);
  notifier.reconfigure([
    { url: stays.url, events: ['ready'] },
    { url: added.url, events: ['stuck', 'ready'] },
  ]);
  t.is(service.positions.map.size, 2, 'what is gone is forgotten');
  state('stuck', 'b');
  state('ready', 'c');
  await until(() => told.length === 5);
  t.deepEqual(
    [gone, stays, added].map(({ received }) => details(received)),
    [['a'], ['a', 'c'], ['b', 'c']],
  );
});
