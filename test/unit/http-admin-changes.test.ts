import test from 'ava';
import { ChangeRefusal } from '../../src/machines/rack.ts';
import { createTestAdmin } from '../support/admin.ts';
import { machineView, macNumber, RackDouble } from '../support/rack-double.ts';

const MAC = macNumber(1);
const rackOfOne = () => new RackDouble([machineView(1, { revision: 3 })]);

for (const [action, payload, expected] of [
  ['approve', undefined, { state: 'approved', admission: 'boot', decidedBy: 'local' }],
  ['approve', {}, { state: 'approved' }],
  [
    'approve',
    { profile: 'worker', hostname: 'worker-07', labels: { rack: '7' } },
    { profile: 'worker', hostname: 'worker-07', labels: { rack: '7' } },
  ],
  ['refuse', {}, { state: 'refused' }],
  ['retire', undefined, { state: 'retired' }],
  ['adopt-disk', undefined, { adoptDisk: true }],
  ['rename', { hostname: 'worker-08' }, { hostname: 'worker-08' }],
  ['rename', { hostname: null }, { revision: 4 }],
  ['label', { labels: { rack: '8', row: null } }, { labels: { rack: '8' } }],
  ['assign', { profile: 'disk' }, { profile: 'disk' }],
  ['assign', { profile: null }, { revision: 4 }],
  ['boot-once', { profile: 'rescue' }, { bootOnce: 'rescue' }],
  ['boot-once', { profile: null }, { revision: 4 }],
] as const) {
  test(`${action} with ${JSON.stringify(payload) ?? 'no body'} gives the machine as it is then`, async (t) => {
    const { app } = await createTestAdmin(t, { rack: rackOfOne() });
    const answer = await app.inject({
      method: 'POST',
      url: `/v1/machines/${MAC}/${action}`,
      ...(payload && { payload }),
    });
    t.is(answer.statusCode, 200);
    t.like(answer.json(), expected);
    t.is(answer.headers.etag, '"4"');
    t.is(answer.json().revision, 4);
  });
}

test('a machine that was never seen can be approved, and nothing else', async (t) => {
  const { app } = await createTestAdmin(t);
  t.is((await app.inject({ method: 'POST', url: `/v1/machines/${MAC}/refuse` })).statusCode, 404);
  t.is((await app.inject({ method: 'POST', url: `/v1/machines/${MAC}/approve` })).statusCode, 200);
});

test('a forgotten machine is gone', async (t) => {
  const { app } = await createTestAdmin(t, { rack: rackOfOne() });
  const url = `/v1/machines/${MAC}`;
  const answer = await app.inject({ method: 'DELETE', url });
  t.is(answer.statusCode, 204);
  t.is(answer.body, '');
  t.is((await app.inject(url)).statusCode, 404);
});

for (const [ifMatch, status] of [
  ['"3"', 200],
  ['*', 200],
  ['"2", "3"', 200],
  ['"2"', 412],
  ['W/"3"', 412],
  ['3', 412],
] as const) {
  test(`If-Match: ${ifMatch} on a machine at revision 3 is answered ${status}`, async (t) => {
    const { app } = await createTestAdmin(t, { rack: rackOfOne() });
    const url = `/v1/machines/${MAC}/approve`;
    const answer = await app.inject({ method: 'POST', url, headers: { 'if-match': ifMatch } });
    t.is(answer.statusCode, status);
    if (status === 412) t.regex(answer.json().detail, /it is at "3" now/);
  });
}

test('of two changes of the same revision at the same time one is made', async (t) => {
  const { app } = await createTestAdmin(t, { rack: rackOfOne() });
  const rename = (hostname: string) =>
    app.inject({
      method: 'POST',
      url: `/v1/machines/${MAC}/rename`,
      payload: { hostname },
      headers: { 'if-match': '"3"' },
    });
  const answers = await Promise.all([rename('a'), rename('b'), rename('c')]);
  t.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [200, 412, 412],
  );
  t.is((await app.inject(`/v1/machines/${MAC}`)).json().hostname, 'a');
});

for (const [kind, status] of [
  ['unknown', 404],
  ['invalid', 422],
  ['conflict', 409],
] as const) {
  test(`a change that the rack refuses as ${kind} is answered ${status} with its reason`, async (t) => {
    const rack = rackOfOne();
    rack.refusals.set('assign', new ChangeRefusal(kind, 'there is no profile wroker, did you mean worker?'));
    const { app } = await createTestAdmin(t, { rack });
    const url = `/v1/machines/${MAC}/assign`;
    const answer = await app.inject({ method: 'POST', url, payload: { profile: 'wroker' } });
    t.is(answer.statusCode, status);
    t.is(answer.json().detail, 'there is no profile wroker, did you mean worker?');
  });
}

for (const [what, action, payload] of [
  ['an unknown key', 'approve', { profil: 'worker' }],
  ['a number for a name', 'rename', { hostname: 5 }],
  ['nothing where a name must be', 'rename', {}],
  ['a name that is none', 'rename', { hostname: 'Worker_1' }],
  ['an empty name', 'rename', { hostname: '' }],
  ['a label with a bad key', 'label', { labels: { 'a b': 'c' } }],
  ['a label that is a number', 'label', { labels: { rack: 7 } }],
  [
    'too many labels',
    'label',
    { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ''])) },
  ],
  ['a list', 'approve', []],
  ['a word', 'approve', '"approve"'],
  ['half a body', 'approve', '{"profile":'],
] as const) {
  test(`a body with ${what} is refused with a reason, and nothing is changed`, async (t) => {
    const { app } = await createTestAdmin(t, { rack: rackOfOne() });
    const answer = await app.inject({
      method: 'POST',
      url: `/v1/machines/${MAC}/${action}`,
      payload: payload as object,
      headers: { 'content-type': 'application/json' },
    });
    t.is(answer.statusCode, 400);
    t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
    t.is((await app.inject(`/v1/machines/${MAC}`)).json().revision, 3);
  });
}

for (const [type, status] of [
  ['text/plain', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data; boundary=x', 415],
  ['text/csv', 415],
  ['application/json; charset=utf-8', 200],
] as const) {
  test(`a body of type ${type} is answered ${status}`, async (t) => {
    const { app } = await createTestAdmin(t, { rack: rackOfOne() });
    const url = `/v1/machines/${MAC}/approve`;
    const answer = await app.inject({
      method: 'POST',
      url,
      payload: '{}',
      headers: { 'content-type': type },
    });
    t.is(answer.statusCode, status);
  });
}

test('a body of more than 1 MiB is refused', async (t) => {
  const { app } = await createTestAdmin(t, { rack: rackOfOne() });
  const payload = { labels: { a: 'x'.repeat(1024 * 1024) } };
  const answer = await app.inject({ method: 'POST', url: `/v1/machines/${MAC}/label`, payload });
  t.is(answer.statusCode, 413);
  t.is(answer.json().title, 'Payload Too Large');
});

for (const [method, url, allow] of [
  ['PUT', `/v1/machines/${MAC}`, 'GET, HEAD, DELETE'],
  ['POST', '/v1/machines', 'GET, HEAD'],
  ['GET', `/v1/machines/${MAC}/approve`, 'POST'],
  ['OPTIONS', '/v1/machines', 'GET, HEAD'],
  ['HEAD', '/v1/events', 'GET'],
  ['GET', '/v1/import', 'POST'],
] as const) {
  test(`${method} ${url} means nothing, and the answer says what does`, async (t) => {
    const { app } = await createTestAdmin(t);
    const answer = await app.inject({ method, url });
    t.is(answer.statusCode, 405);
    t.is(answer.headers.allow, allow);
  });
}

test('an unknown path is answered with a problem document', async (t) => {
  const { app } = await createTestAdmin(t);
  const answer = await app.inject('/v1/nothing');
  t.is(answer.statusCode, 404);
  t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
  t.deepEqual(answer.json(), {
    title: 'Not Found',
    status: 404,
    detail: 'nothing is served at GET /v1/nothing; /docs/ tells what is',
  });
  const broken = await app.inject('/v1/machines/%zz');
  t.is(broken.statusCode, 400);
  t.regex(String(broken.headers['content-type']), /^application\/problem\+json/);
});

test('an error inside is answered with a problem document that gives nothing away', async (t) => {
  const rack = rackOfOne();
  rack.boots = () => {
    throw new Error('secret');
  };
  const { app } = await createTestAdmin(t, { rack });
  const answer = await app.inject(`/v1/machines/${MAC}/boots`);
  t.is(answer.statusCode, 500);
  t.is(answer.json().detail, 'the server failed; its log says why');
});
