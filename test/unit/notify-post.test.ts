import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { concerns, notificationOf, type StateEvent } from '../../src/notify/notification.ts';
import { post } from '../../src/notify/post.ts';
import { NotificationQueue } from '../../src/notify/queue.ts';
import { backOff } from '../../src/notify/sender.ts';
import { signatureOf } from '../../src/notify/signature.ts';
import { ip } from '../support/dhcp.ts';
import { type Answer, webhookReceiverFor } from '../support/webhook-receiver.ts';

const MAC = parseMac('52:54:00:00:00:01') as Mac;
const EVENT: StateEvent = {
  id: 7,
  at: Date.UTC(2026, 6, 1, 10),
  type: 'state',
  mac: MAC,
  hostname: 'worker-01',
  state: 'stuck',
  before: 'booting',
  detail: 'the kernel was not fetched',
};
const NOTIFICATION = notificationOf(EVENT, undefined);
const never = new AbortController().signal;

test('a message says which machine, what happened to it and when', (t) => {
  const machine = {
    mac: MAC,
    cards: [MAC],
    state: 'stuck',
    since: 0,
    hostname: 'worker-01',
    profile: 'worker',
    admission: 'boot',
    reason: '',
    labels: { secret: 'not told' },
    network: 'kubernetes1',
    address: ip('192.168.0.7'),
    inventory: {},
    firstSeen: 0,
    lastSeen: 0,
    stage: 'script',
    revision: 0,
  } as const;
  t.deepEqual(JSON.parse(notificationOf(EVENT, machine).body), {
    id: 7,
    at: '2026-07-01T10:00:00.000Z',
    event: 'stuck',
    machine: {
      mac: '52:54:00:00:00:01',
      hostname: 'worker-01',
      state: 'stuck',
      profile: 'worker',
      address: '192.168.0.7',
      stage: 'script',
    },
    detail: 'the kernel was not fetched',
  });
});

test('of a machine that was forgotten in the meantime, it says what the event knows', (t) => {
  t.deepEqual(JSON.parse(NOTIFICATION.body).machine, {
    mac: '52:54:00:00:00:01',
    hostname: 'worker-01',
    state: 'stuck',
  });
});

test('a webhook is concerned by the states it names, and by nothing else', (t) => {
  const webhook = { url: 'http://a.example', events: ['stuck', 'ready'] } as const;
  t.true(concerns(webhook, EVENT));
  t.false(concerns(webhook, { ...EVENT, state: 'booting' }));
  t.false(concerns(webhook, { id: 1, at: 1, type: 'notice', severity: 'info', detail: 'stuck' }));
});

test('a signature is the HMAC of timestamp, dot and body', (t) => {
  // printf '1751364000.{}' | openssl dgst -sha256 -hmac key
  t.is(
    signatureOf('key', 1751364000, '{}'),
    'sha256=c0eadfea876456ebf0f3fb9c261faf39b884981298d5578c79840adec0a2bf2c',
  );
});

test('the pauses between tries double from a second to five minutes', (t) => {
  t.deepEqual(
    [1, 2, 3, 9, 10, 50, 5_000].map(backOff),
    [1_000, 2_000, 4_000, 256_000, 300_000, 300_000, 300_000],
  );
});

test('a message is posted as JSON, named, and signed with the key in its file as it is now', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-webhook-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const secretFile = join(folder, 'key');
  const { url, received } = await webhookReceiverFor(t);
  const webhook = { url, secretFile, events: [] };
  for (const key of ['first', 'second']) {
    await writeFile(secretFile, `${key}\n`);
    t.is(await post(webhook, NOTIFICATION, never), undefined);
    const last = received.at(-1);
    if (!last) return t.fail();
    const { method, path, headers, body } = last;
    t.deepEqual([method, path, body], ['POST', '/hook', NOTIFICATION.body]);
    t.is(headers['content-type'], 'application/json');
    t.is(headers['x-rackseed-event'], 'stuck');
    const timestamp = Number(headers['x-rackseed-timestamp']);
    t.true(Math.abs(timestamp - Date.now() / 1_000) < 5);
    t.is(headers['x-rackseed-signature'], signatureOf(key, timestamp, body));
  }
  const deliveries = received.map(({ headers }) => headers['x-rackseed-delivery']);
  t.regex(String(deliveries[0]), /^[0-9a-f]{32}$/);
  t.is(deliveries[0], deliveries[1]);
  await post(webhook, notificationOf({ ...EVENT, id: 8 }, undefined), never);
  t.not(received.at(-1)?.headers['x-rackseed-delivery'], deliveries[0]);
});

test('without a key file a message is not signed', async (t) => {
  const { url, received } = await webhookReceiverFor(t);
  t.is(await post({ url, events: [] }, NOTIFICATION, never), undefined);
  t.false('x-rackseed-signature' in (received[0]?.headers ?? {}));
});

const FAILURES: readonly [what: string, answer: Answer, reason: RegExp][] = [
  ['answers with an error', (response) => response.writeHead(503).end('no'), /^it answers 503$/],
  [
    'answers with a redirect',
    (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    /^it answers 302, a redirect, which isn't followed: configure the URL that it leads to$/,
  ],
  ['hangs up', (response) => response.destroy(), /other side closed|socket hang up|ECONNRESET/],
  ['hangs', () => {}, /^it gives no answer within 0\.2 s$/],
];

for (const [what, answer, reason] of FAILURES) {
  test(`a webhook that ${what} has failed, which is told without its path`, async (t) => {
    const { url, received } = await webhookReceiverFor(t, answer);
    const failure = await post({ url: `${url}?key=hunter2`, events: [] }, NOTIFICATION, never, 200);
    t.regex(failure ?? '', reason);
    t.notRegex(failure ?? '', /hunter2/);
    t.is(received.length, 1, 'nothing was followed or sent again');
  });
}

test('a webhook that answers without an end has answered', async (t) => {
  const { url } = await webhookReceiverFor(t, (response) => response.writeHead(200).write('…'));
  t.is(await post({ url, events: [] }, NOTIFICATION, never, 5_000), undefined);
});

test('a webhook that nobody listens at, or whose key is gone, has failed', async (t) => {
  const { url } = await webhookReceiverFor(t);
  t.regex(
    (await post({ url: 'http://127.0.0.1:1/', events: [] }, NOTIFICATION, never)) ?? '',
    /bad port|REFUSED/,
  );
  t.is(
    await post({ url, secretFile: '/nonexistent/key', events: [] }, NOTIFICATION, never),
    "its key can't be read from /nonexistent/key: ENOENT",
  );
});

test('a queue that is full gives up its oldest message', (t) => {
  const queue = new NotificationQueue(2);
  const [one, two, three] = [1, 2, 3].map((id) => ({ ...NOTIFICATION, id, at: id }));
  if (!one || !two || !three) return t.fail();
  t.deepEqual(
    [one, two, three].map((each) => queue.push(each)),
    [undefined, undefined, one],
  );
  queue.remove(one);
  t.is(queue.first, two, 'what had to go already takes nothing with it');
  queue.remove(two);
  t.is(queue.first, three);
});

test('a queue drops what happened before a moment', (t) => {
  const queue = new NotificationQueue(10);
  for (const at of [1, 2, 3]) queue.push({ ...NOTIFICATION, at });
  t.is(queue.removeOlderThan(3), 2);
  t.is(queue.first?.at, 3);
  t.is(queue.removeOlderThan(4), 1);
  t.is(queue.first, undefined);
});
