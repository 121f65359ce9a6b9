import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { createTestAdmin, Follower, type TestAdmin } from '../support/admin.ts';
import { machineView, macNumber, RackDouble } from '../support/rack-double.ts';

const notice = (detail: string) => ({ type: 'notice', severity: 'info', detail }) as const;

/** Lets `count` things happen. */
function happen({ rack }: Pick<TestAdmin, 'rack'>, count: number, size = 10): void {
  for (let index = 0; index < count; index += 1) rack.publish(notice('x'.repeat(size)));
}

test('a new client is greeted with the last number, then told what happens and of machines that change', async (t) => {
  const admin = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  const url = await admin.listen();
  happen(admin, 2);
  const follower = await Follower.open(url);
  t.is(follower.response.headers['content-type'], 'text/event-stream');
  t.is(follower.response.headers['cache-control'], 'no-store');
  t.is(follower.response.headers['x-content-type-options'], 'nosniff');
  await follower.until((messages) => messages.length === 1);
  await fetch(`${url}/v1/machines/${macNumber(1)}/approve`, { method: 'POST' });
  await fetch(`${url}/v1/machines/${macNumber(1)}`, { method: 'DELETE' });
  await follower.until((messages) => messages.some(({ event }) => event === 'forgotten'));
  t.deepEqual(
    follower.messages.map(({ event, id, data }) => ({ event, id, data: JSON.parse(data) })),
    [
      { event: 'hello', id: undefined, data: { lastId: 2, version: '1.2.3' } },
      ...['approve', 'forget'].map((action, index) => ({
        event: 'change',
        id: String(3 + index),
        data: {
          id: 3 + index,
          at: '2026-01-02T03:04:05.000Z',
          type: 'change',
          action,
          by: 'local',
          mac: macNumber(1),
          hostname: 'node-525400000001',
          detail: action,
        },
      })),
      { event: 'forgotten', id: undefined, data: { mac: macNumber(1) } },
    ],
  );
  follower.close();
});

test('a machine that changes is told as it is then', async (t) => {
  const admin = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  const follower = await Follower.open(await admin.listen(), undefined, '?types=machine,state');
  for (const bytes of [1, 2, 3]) {
    admin.rack.put(machineView(1, { progress: { file: 'initrd', bytes, size: 3 } }));
  }
  await follower.until((messages) => messages.length === 2);
  const [, message] = follower.messages;
  t.is(message?.event, 'machine');
  t.deepEqual(JSON.parse(message?.data ?? '').progress, { file: 'initrd', bytes: 3, size: 3 });
  follower.close();
});

test('only events of the types that were asked for are told', async (t) => {
  const admin = await createTestAdmin(t);
  const follower = await Follower.open(await admin.listen(), undefined, '?types=state,notice');
  admin.rack.publish({ type: 'change', action: 'import', by: 'x', detail: '' });
  admin.rack.publish({ type: 'boot', mac: macNumber(1), hostname: 'a', kind: 'ack', detail: '' });
  admin.rack.publish({ type: 'state', mac: macNumber(1), hostname: 'a', state: 'stuck', detail: '' });
  happen(admin, 1);
  await follower.until((messages) => messages.length === 3);
  t.deepEqual(
    follower.messages.map(({ event }) => event),
    ['hello', 'state', 'notice'],
  );
  follower.close();
});

test('a client that comes back gets what it missed and no greeting', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  happen(admin, 5);
  const follower = await Follower.open(url, 2);
  happen(admin, 1);
  await follower.until((messages) => messages.length === 4);
  t.deepEqual(follower.ids(), [3, 4, 5, 6]);
  follower.close();
});

for (const [what, lastEventId] of [
  ['too old', 1],
  ['from the future', 1000],
  ['no number', 'abc'],
] as const) {
  test(`a client whose last event is ${what} is told to fetch everything again`, async (t) => {
    const admin = await createTestAdmin(t, { rack: new RackDouble([], 10) });
    const url = await admin.listen();
    happen(admin, 20);
    const follower = await Follower.open(url, lastEventId);
    happen(admin, 1);
    await follower.until((messages) => messages.length === 2);
    const [reset, next] = follower.messages;
    t.like(reset, { event: 'reset', id: undefined, data: '{"lastId":20}' });
    t.is(next?.id, '21');
    follower.close();
  });
}

test('a client that is cut off again and again at any moment loses nothing and gets nothing twice', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  const total = 3000;
  const pauses = fc.sample(fc.integer({ min: 0, max: 400 }), total);
  const publishing = (async () => {
    for (let id = 1; id <= total; id += 1) {
      happen(admin, 1, (id * 7919) % 3000);
      if (id % 10 === 0) await turn();
    }
  })();
  const got: number[] = [];
  for (let connection = 0; (got.at(-1) ?? 0) < total; connection += 1) {
    const follower = await Follower.open(url, got.at(-1) ?? 0);
    const enough = pauses[connection] ?? total;
    const last = got.at(-1) ?? 0;
    await follower.until((messages) => messages.length > enough || last + messages.length >= total);
    follower.close();
    t.true(follower.messages.every(({ event }) => event === 'notice'));
    got.push(...follower.ids());
  }
  await publishing;
  t.deepEqual(
    got,
    Array.from({ length: total }, (_, index) => index + 1),
  );
});

test('a client that comes back after much has happened reads at its own pace and is not cut off', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  happen(admin, 4000, 5000);
  const follower = await Follower.open(url, 0);
  await follower.until((messages) => messages.length >= 4000);
  t.is(follower.ids().at(-1), 4000);
  t.deepEqual(await admin.metric('rackseed_admin_event_clients_cut_total'), [
    'rackseed_admin_event_clients_cut_total 0',
  ]);
  follower.close();
});

test('a client that doesn’t read is cut off when more than 1 MiB waits for it, others are not', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  const reader = await Follower.open(url);
  const sleeper = connect(Number(new URL(url).port), '127.0.0.1').pause();
  t.teardown(() => sleeper.destroy());
  sleeper.on('error', () => {});
  await once(sleeper, 'connect');
  sleeper.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const isCut = async () => (await admin.metric('rackseed_admin_event_clients_cut_total'))[0]?.endsWith(' 1');
  let sent = 0;
  while (!(await isCut())) {
    happen(admin, 10, 10_000);
    sent += 10;
    await reader.until((messages) => messages.length === sent + 1);
    if (sent > 5000) break;
  }
  t.true(await isCut());
  t.is(reader.ids().length, sent);
  t.deepEqual(await admin.metric('rackseed_admin_event_clients '), ['rackseed_admin_event_clients 1']);
  reader.close();
});

test('a thousand clients get every event', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  const followers: Follower[] = [];
  while (followers.length < 1000) {
    followers.push(...(await Promise.all(Array.from({ length: 100 }, () => Follower.open(url)))));
  }
  const before = process.memoryUsage().rss;
  happen(admin, 20);
  await Promise.all(followers.map((follower) => follower.until((messages) => messages.length === 21)));
  t.true(followers.every((follower) => follower.ids().length === 20));
  t.true(process.memoryUsage().rss - before < 200 * 1024 * 1024);
  for (const follower of followers) follower.close();
});

test('the connections of a token end when it is revoked', async (t) => {
  const admin = await createTestAdmin(t);
  const url = await admin.listen();
  const token = await admin.token('read', 'ci');
  const response = await fetch(`${url}/v1/events`, { headers: { authorization: `Bearer ${token}` } });
  const other = await Follower.open(url);
  t.is(response.status, 200);
  await fetch(`${url}/v1/tokens/ci`, { method: 'DELETE' });
  t.regex(await response.text(), /^event: hello\n/);
  happen(admin, 1);
  await other.until((messages) => messages.some(({ event }) => event === 'notice'));
  other.close();
});

test('the service ends at once though clients follow the events', async (t) => {
  const admin = await createTestAdmin(t);
  const follower = await Follower.open(await admin.listen());
  const ended = once(follower.response, 'close');
  await admin.app.close();
  await ended;
  t.pass();
});
