import test from 'ava';
import { followEvents } from '../../src/api-client/follow.ts';
import { eventLine, eventsCommand } from '../../src/cli/events.ts';
import { behind, countReached, type WaitOptions, waitCommand } from '../../src/cli/wait.ts';
import { watchCommand } from '../../src/cli/watch.ts';
import { AT, adminApiFor, refusal, shownMachine } from '../support/admin-api-double.ts';
import { Printed } from '../support/printed.ts';

const MAC = '52:54:00:00:00:01';
const who = { at: AT, mac: MAC, hostname: 'worker-01' };

const LINES: readonly [type: string, data: object, line: string][] = [
  [
    'boot',
    { ...who, kind: 'kernel', detail: 'vmlinuz (10 MB, 1.0 s)' },
    '2030-01-01 00:00:00Z  52:54:00:00:00:01  worker-01  kernel  vmlinuz (10 MB, 1.0 s)',
  ],
  [
    'state',
    { ...who, state: 'ready', before: 'registered', detail: '' },
    '2030-01-01 00:00:00Z  52:54:00:00:00:01  worker-01  registered → ready',
  ],
  [
    'state',
    { ...who, state: 'discovered', detail: 'unknown_machines is hold' },
    '2030-01-01 00:00:00Z  52:54:00:00:00:01  worker-01  discovered  unknown_machines is hold',
  ],
  [
    'change',
    { at: AT, action: 'create-token', by: 'local', detail: 'ci' },
    '2030-01-01 00:00:00Z  -                  -  create-token  by local: ci',
  ],
  [
    'notice',
    { at: AT, severity: 'warning', detail: 'a \x1b[31mred\x1b[0m line\nand another' },
    '2030-01-01 00:00:00Z  -                  -  warning  a \\x1b[31mred\\x1b[0m line and another',
  ],
];

for (const [event, data, line] of LINES) {
  test(`an event is one line: ${line}`, (t) => {
    t.is(eventLine({ event, data: { ...data } }), line);
  });
}

test('events --follow tells what happens from now on, of the types that are wanted', async (t) => {
  const api = await adminApiFor(t);
  api.publish('state', { ...who, state: 'booting', detail: 'before' });
  const output = new Printed();
  const end = new AbortController();
  const options = { follow: true, types: ['state', 'notice'], signal: end.signal, json: true } as const;
  const following = eventsCommand(api.client, options, output, new Printed());
  await api.whenFollowed();
  api.put(shownMachine(1));
  api.publish('state', { ...who, state: 'ready', detail: 'now' });
  await output.whenLine(/now/);
  end.abort();
  await following;
  t.deepEqual(api.requests, ['GET /v1/events?types=state,notice']);
  t.deepEqual(
    output.lines.map((line) => JSON.parse(line)),
    [{ id: 2, type: 'state', ...who, state: 'ready', detail: 'now' }],
  );
});

test('a lost connection is made anew: no event is missed, none is told twice, and it is said once', async (t) => {
  const api = await adminApiFor(t);
  const output = new Printed();
  const notes = new Printed();
  const end = new AbortController();
  const following = eventsCommand(api.client, { follow: true, signal: end.signal }, output, notes);
  await api.whenFollowed();
  api.publish('notice', { detail: 'one', severity: 'info' });
  await output.whenLine(/one$/);
  await api.stop();
  await notes.whenLine(/trying again/);
  api.publish('notice', { detail: 'two', severity: 'info' });
  await api.start();
  await notes.whenLine(/connected again/);
  api.publish('notice', { detail: 'three', severity: 'info' });
  await output.whenLine(/three$/);
  end.abort();
  await following;
  t.deepEqual(api.resumed, [undefined, '1']);
  t.deepEqual(
    output.lines.map((line) => line.split('  ').at(-1)),
    ['one', 'two', 'three'],
  );
  t.is(notes.lines.length, 2, notes.text);
});

test('a connection lost before the first event goes on where it began', async (t) => {
  const api = await adminApiFor(t);
  api.publish('notice', { detail: 'before', severity: 'info' });
  const end = new AbortController();
  const seen: unknown[] = [];
  for await (const item of followEvents(api.client, { signal: end.signal, pause: 1 })) {
    if (item.kind === 'connected' && !item.again) continue;
    if (item.kind === 'lost') api.publish('notice', { detail: 'meanwhile', severity: 'info' });
    else if (item.kind === 'event' && item.event === 'hello') api.dropStreams();
    else if (item.kind === 'event') {
      seen.push(item.data.detail);
      end.abort();
    }
  }
  t.deepEqual(seen, ['meanwhile']);
  t.deepEqual(api.resumed, [undefined, '1']);
});

test('events that are no longer kept are missed in words', async (t) => {
  const api = await adminApiFor(t);
  for (let count = 0; count < 3; count += 1) api.publish('notice', { detail: 'old', severity: 'info' });
  api.forgetEvents();
  const notes = new Printed();
  const output = new Printed();
  await eventsCommand(api.client, { since: 1 }, output, notes);
  t.is(notes.text, 'rackseed: events up to 3 are missing here: they are no longer kept\n');
  t.is(output.text, '');
});

test('events --since tells what happened after an event, and ends', async (t) => {
  const api = await adminApiFor(t);
  for (const detail of ['one', 'two', 'three']) api.publish('notice', { detail, severity: 'info' });
  api.publish('boot', { ...who, kind: 'ack', detail: 'x' });
  const output = new Printed();
  await eventsCommand(api.client, { since: 1, types: ['notice'] }, output, new Printed());
  await eventsCommand(api.client, { since: 4 }, output, new Printed());
  t.deepEqual(
    output.lines.map((line) => line.split('  ').at(-1)),
    ['two', 'three'],
  );
});

test('events --since ends when the last number is one that no event has', async (t) => {
  const api = await adminApiFor(t);
  api.publish('notice', { detail: 'one', severity: 'info' });
  api.skipNumbers(100);
  const output = new Printed();
  await eventsCommand(api.client, { since: 0 }, output, new Printed());
  t.is(output.lines.length, 1);
});

test('who may not follow events is told so, and does not try again', async (t) => {
  const api = await adminApiFor(t, { tokens: {} });
  await t.throwsAsync(eventsCommand(api.client, { follow: true }, new Printed(), new Printed()), {
    message: /wants an API token\. Make one on its host with "rackseed token create/,
  });
  t.is(api.requests.length, 1);
});

const WAIT: WaitOptions = { ready: 2, state: 'ready', timeout: 30 };

test('wait tells how many are ready whenever that changes, and ends with 0 when there are enough', async (t) => {
  const api = await adminApiFor(t, { machines: [shownMachine(1), shownMachine(2, { state: 'booting' })] });
  const output = new Printed();
  const waiting = waitCommand(api.client, { ...WAIT, ready: 3 }, output, new Printed());
  await output.whenLine(/1 ready$/);
  api.put(shownMachine(2));
  await output.whenLine(/2 ready$/);
  api.put(shownMachine(3));
  t.is(await waiting, 0);
  t.deepEqual(output.lines.slice(0, 2), [
    'waiting for 3 machines, 1 ready',
    'waiting for 3 machines, 2 ready',
  ]);
  t.regex(output.lines[2] ?? '', /^3 machines are ready after \d+\.\d s$/);
});

test('wait ends with 1 when time is over', async (t) => {
  const { client } = await adminApiFor(t);
  const output = new Printed();
  const notes = new Printed();
  t.is(await waitCommand(client, { ...WAIT, timeout: 0.3, json: true }, output, notes), 1);
  t.is(notes.text, 'rackseed: not in time: 0 of 2 ready after 0.3 s\n');
  t.deepEqual(JSON.parse(output.text), { reached: false, wanted: 2, state: 'ready', count: 0, machines: [] });
});

test('who is behind is told with why, less those that are not to boot', (t) => {
  const stuck = { stage: 'kernel', since: AT, cause: 'the file is missing' } as const;
  const machines = [
    shownMachine(1),
    shownMachine(2, { state: 'stuck', stage: 'kernel', stuck }),
    shownMachine(3, { state: 'discovered', admission: 'hold' }),
    shownMachine(4, { state: 'booting', stage: 'initrd' }),
    shownMachine(5, { state: 'retired' }),
  ];
  t.deepEqual(behind(machines, 'ready'), [
    '  worker-02 (52:54:00:00:00:02) is stuck at kernel: the file is missing',
    '  worker-03 (52:54:00:00:00:03) waits for approval: rackseed approve 52:54:00:00:00:03',
    '  worker-04 (52:54:00:00:00:04) is booting, at initrd',
  ]);
});

test('wait also waits for a service that is not there yet, and survives its restart', async (t) => {
  const api = await adminApiFor(t, { machines: [shownMachine(1)] });
  await api.stop();
  const output = new Printed();
  const notes = new Printed();
  const waiting = waitCommand(api.client, WAIT, output, notes);
  await notes.whenLine(/ECONNREFUSED.*trying again$/);
  await api.start();
  await output.whenLine(/1 ready$/);
  await api.stop();
  await api.start();
  api.put(shownMachine(2));
  t.is(await waiting, 0);
});

test('wait ends at once where it may not ask', async (t) => {
  const api = await adminApiFor(t, { answers: { 'GET /v1/machines': refusal(401, 'a token is needed') } });
  await t.throwsAsync(waitCommand(api.client, WAIT, new Printed(), new Printed()), {
    message: /wants an API token/,
  });
});

test('a machine in the cluster is up as well, one that waits is not', (t) => {
  const states = ['discovered', 'booting', 'stuck', 'running', 'registered', 'ready', 'refused'] as const;
  const machines = states.map((state, index) => shownMachine(index + 1, { state }));
  const counts = (['up', 'registered', 'ready'] as const).map((goal) => countReached(machines, goal));
  t.deepEqual(counts, [3, 2, 1]);
  t.deepEqual(behind([shownMachine(1)], 'up'), []);
});

test('machines --watch into a file has a line for each machine and then for each change', async (t) => {
  const api = await adminApiFor(t, { machines: [shownMachine(1, { state: 'booting', stage: 'kernel' })] });
  const output = new Printed();
  const end = new AbortController();
  const watching = watchCommand(api.client, {}, { signal: end.signal, interval: 1 }, output);
  await output.whenLine(/worker-01 {2}booting, at kernel$/);
  api.put(shownMachine(1, { stage: 'ready' }));
  await output.whenLine(/worker-01 {2}booting → ready, at ready$/);
  end.abort();
  await watching;
  t.is(output.lines.length, 2);
});

test('machines --watch draws on a terminal in place, and says when it is not up to date', async (t) => {
  const api = await adminApiFor(t, { machines: [shownMachine(1, { state: 'booting' })] });
  const output = new Printed();
  const end = new AbortController();
  const terminal = Object.assign(output, { isTTY: true, columns: 100, rows: 20 });
  const watching = watchCommand(api.client, {}, { signal: end.signal, interval: 1 }, terminal);
  await output.whenLine(/worker-01 .*booting/);
  await api.stop();
  await output.whenLine(/not up to date: can't ask the service/);
  end.abort();
  await watching;
  t.true(output.text.includes('\x1b[2A'));
});
