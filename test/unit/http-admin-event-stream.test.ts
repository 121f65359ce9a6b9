import { mock } from 'node:test';
import test from 'ava';
import { EventStream, type FollowerSink } from '../../src/http/admin/event-stream.ts';
import type { Journal, JournalEvent } from '../../src/machines/journal.ts';
import { RackDouble, SEEN } from '../support/rack-double.ts';

const METRICS = { refused() {}, followers() {}, followerCut() {} };
const ALL = { types: undefined, lastEventId: undefined, caller: 'local' };

/** Stands in for an HTTP answer: keeps what is written, and says that it has enough whenever `isFull`. */
function createSink(isFull = () => false): {
  readonly sink: FollowerSink;
  readonly written: Buffer[];
  drain(): void;
} {
  const written: Buffer[] = [];
  let drained: (() => void) | undefined;
  const sink = {
    writableLength: 0,
    write: (bytes: Buffer) => {
      written.push(bytes);
      return !isFull();
    },
    once: (event: string, listener: () => void) => {
      if (event === 'drain') drained = listener;
    },
    end: () => {},
    destroy: () => {},
  };
  return { sink: sink as unknown as FollowerSink, written, drain: () => drained?.() };
}

test('an event is made into bytes once, for a thousand clients and those that come later', (t) => {
  let made = 0;
  const event: JournalEvent = {
    id: 1,
    at: SEEN,
    type: 'notice',
    severity: 'info',
    get detail() {
      made += 1;
      return 'news';
    },
  };
  let tell: ((event: JournalEvent) => void) | undefined;
  const journal: Journal = {
    publish() {},
    since: () => [event],
    lastId: 1,
    changes: () => [],
    subscribe: (listener) => {
      tell = listener;
      return () => {};
    },
    subscribeMachines: () => () => {},
  };
  const stream = new EventStream(journal, '1', METRICS);
  const sinks = Array.from({ length: 1000 }, () => createSink());
  for (const { sink } of sinks) stream.follow(sink, ALL);
  tell?.(event);
  const late = createSink();
  stream.follow(late.sink, { ...ALL, lastEventId: '0' });
  t.is(made, 1);
  t.is(new Set([...sinks.map(({ written }) => written[1]), late.written[0]]).size, 1);
  stream.stop();
});

test('a client that has enough to read is given more when it has read, in order', (t) => {
  const { journal } = new RackDouble();
  const publish = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      journal.publish({ type: 'notice', severity: 'info', detail: '' });
    }
  };
  publish(3);
  const stream = new EventStream(journal, '1', METRICS);
  let isFull = true;
  const { sink, written, drain } = createSink(() => isFull);
  stream.follow(sink, { ...ALL, lastEventId: '0' });
  const ids = () => written.map((bytes) => Number(/^id: (\d+)$/m.exec(bytes.toString())?.[1]));
  t.deepEqual(ids(), [1]);
  publish(1);
  t.deepEqual(ids(), [1]);
  drain();
  t.deepEqual(ids(), [1, 2]);
  isFull = false;
  drain();
  publish(1);
  t.deepEqual(ids(), [1, 2, 3, 4, 5]);
  stream.stop();
});

test('clients hear that the connection lives every 15 seconds', (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  const stream = new EventStream(new RackDouble().journal, '1', METRICS);
  const { sink, written } = createSink();
  stream.follow(sink, ALL);
  mock.timers.tick(30_000);
  stream.stop();
  mock.timers.reset();
  t.deepEqual(written.slice(1).map(String), [':\n\n', ':\n\n']);
});

test('nothing is listened to while nobody follows', (t) => {
  const { journal } = new RackDouble();
  let listeners = 0;
  const { subscribe } = Object.getPrototypeOf(journal);
  journal.subscribe = (listener) => {
    listeners += 1;
    const end = subscribe.call(journal, listener);
    return () => {
      listeners -= 1;
      end();
    };
  };
  const stream = new EventStream(journal, '1', METRICS);
  t.is(listeners, 0);
  stream.follow(createSink().sink, { ...ALL, caller: 'a' });
  stream.follow(createSink().sink, { ...ALL, caller: 'b' });
  t.is(listeners, 1);
  stream.endOf('a');
  t.is(listeners, 1);
  stream.endOf('b');
  t.is(listeners, 0);
  stream.stop();
});
