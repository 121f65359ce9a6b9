import test from 'ava';
import { macToHyphens } from '../../src/net/mac.ts';
import { createTestApp, DISK, KNOWN, testConfig, UNKNOWN } from '../support/provisioning.ts';

const WAITING = `${UNKNOWN} may not boot yet: add it to config/machines/ on the server\n`;

/** Method and URL, status, and what the body holds. */
const ROUTES: [string, number, RegExp][] = [
  ['GET /', 200, /^rackseed: boots machines on network kubernetes1\./],
  ['GET /boot.ipxe', 200, /^#!ipxe\n/],
  [
    `GET /ipxe?mac=${KNOWN}`,
    200,
    /initrd=initrd\.gz console=ttyS0 cloud-config-url=\S+\/52-54-00-00-00-01\?token=[\w-]{43} && goto/,
  ],
  [`GET /ipxe?mac=${macToHyphens(KNOWN)}`, 200, /echo worker-01 \(52:54:00:00:00:01\) boots flatcar\/1\n/],
  ['GET /ipxe?mac=525400000001', 200, /boots flatcar\/1/],
  [`GET /ipxe?mac=${DISK}`, 200, /echo old-server \(52:54:00:00:00:02\) boots from its local disk\n/],
  [
    `GET /ipxe?mac=${UNKNOWN}&serial=CZ%201`,
    200,
    /is waiting for approval: [^\n]+\necho This is serial CZ 1 on network/,
  ],
  ['GET /ipxe', 400, /^the hardware address is missing/],
  ['GET /ipxe?mac=', 400, /^the hardware address is missing/],
  ['GET /ipxe?mac=52-54', 400, /^"52-54" is not a hardware address/],
  ['GET /ipxe?mac=%0a%1b[2J', 400, /^"\[2J" is not a hardware address/],
  [`GET /cloud-config/${macToHyphens(KNOWN)}?token=TOKEN`, 200, /^#cloud-config\nhostname: worker-01\n$/],
  [`GET /cloud-config/${KNOWN}?token=TOKEN`, 200, /^#cloud-config\n/],
  [`GET /cloud?mac=${KNOWN}&token=TOKEN`, 200, /^#cloud-config\n/],
  [`GET /cloud-config/${KNOWN}`, 403, /^this is given only to the machine itself: ask with the token/],
  [`GET /cloud-config/${UNKNOWN}`, 403, new RegExp(WAITING)],
  [`GET /cloud-config/${DISK}`, 404, /^profile disk of 52:54:00:00:00:02 has no document\n$/],
  ['GET /cloud-config/x', 400, /^"x" is not a hardware address/],
  [
    `GET /metadata?mac=${KNOWN}`,
    200,
    /^RACK=7\nFAIL_ZONE=a b\nMAC=52:54:00:00:00:01\nHOSTNAME=worker-01\nPROFILE=worker\n$/,
  ],
  [`GET /metadata?mac=${UNKNOWN}`, 403, new RegExp(WAITING)],
  ['GET /assets/none', 404, /^there is no file "\/assets\/none" on the server\n$/],
  ['GET /assets', 404, /^nothing is served at GET "\/assets"\n$/],
  ['GET /firmware/none.efi', 404, /^there is no file "\/firmware\/none\.efi" on the server\n$/],
  ['GET /nothing?secret=1', 404, /^nothing is served at GET "\/nothing"\n$/],
  ['DELETE /boot.ipxe', 404, /^nothing is served at DELETE "\/boot\.ipxe"\n$/],
  [`GET /ipxe?mac=${KNOWN}&x=${'x'.repeat(2048)}`, 414, /^the URL is longer than 2048 characters\n$/],
  ['GET /%', 400, /is not a valid url component\n$/],
];

for (const [request, status, body] of ROUTES) {
  const [method, url = ''] = request.split(' ');
  test(`${request.slice(0, 70)} → ${status} ${body.source.slice(0, 60)}`, async (t) => {
    const { app, token } = await createTestApp(t);
    const answer = await app.inject({ method: method as 'GET', url: url.replace('TOKEN', await token()) });
    t.is(answer.statusCode, status);
    t.regex(answer.body, body);
    t.regex(String(answer.headers['content-type']), /^text\/plain/);
    if (url !== '/') t.is(answer.headers['cache-control'], 'no-store');
    if (status >= 400) t.is(answer.body.split('\n').length, 2, 'one line');
  });
}

test('a machine that is to be ignored gets 404 and is not written down', async (t) => {
  const { app, told } = await createTestApp(t, { settings: { unknownMachines: 'ignore' } });
  const answer = await app.inject(`/ipxe?mac=${UNKNOWN}`);
  t.is(answer.statusCode, 404);
  t.is(answer.body, `${UNKNOWN} is not in the configuration and is ignored\n`);
  t.deepEqual(told, []);
});

test('an unknown machine boots the default profile when the policy says so', async (t) => {
  const { app } = await createTestApp(t, { settings: { unknownMachines: 'boot' } });
  const { body } = await app.inject(`/ipxe?mac=${UNKNOWN}`);
  t.regex(body, /echo node-525400000099 /);
  const [url = ''] = /\/cloud-config\/\S+/.exec(body) ?? [];
  t.is((await app.inject(url)).statusCode, 200);
});

test('what a machine says about itself is passed on, cleaned; empty values are not', async (t) => {
  const { app, told } = await createTestApp(t);
  const query = `mac=${UNKNOWN}&uuid=1234&serial=a%00%1b%5B31mb%0A&asset=&product=${'p'.repeat(500)}&platform=efi&x=y`;
  await app.inject(`/ipxe?${query}`);
  t.deepEqual(told, [
    [UNKNOWN, { uuid: '1234', serial: 'a [31mb', product: 'p'.repeat(128), platform: 'efi' }, '127.0.0.1'],
  ]);
});

test('a serial number with “&mac=” in it can’t make a machine another one', async (t) => {
  const { app, told } = await createTestApp(t);
  const answer = await app.inject(`/ipxe?mac=${UNKNOWN}&serial=x&mac=${KNOWN}&serial=y`);
  t.regex(answer.body, /52:54:00:00:00:99 is waiting [^\n]+\necho This is serial x on/);
  t.like(told[0], [UNKNOWN, { serial: 'x' }]);
});

test('while starting, every request is told to come back in two seconds', async (t) => {
  const { app } = await createTestApp(t, { ready: () => false });
  for (const url of [
    '/',
    '/boot.ipxe',
    `/ipxe?mac=${KNOWN}`,
    `/cloud-config/${KNOWN}`,
    '/assets/x',
    '/nothing',
  ]) {
    const answer = await app.inject(url);
    t.is(answer.statusCode, 503, url);
    t.is(answer.headers['retry-after'], '2');
    t.is(answer.body, 'the server is starting; try again\n');
  }
});

test('HEAD answers like GET, without the body', async (t) => {
  const { app } = await createTestApp(t);
  const get = await app.inject('/boot.ipxe');
  const head = await app.inject({ method: 'HEAD', url: '/boot.ipxe' });
  t.is(head.statusCode, 200);
  t.is(head.body, '');
  t.is(head.headers['content-length'], get.headers['content-length']);
});

test('scripts, documents and refusals are reported', async (t) => {
  const { app, events, token } = await createTestApp(t);
  await app.inject(`/ipxe?mac=${KNOWN}`);
  await app.inject(`/ipxe?mac=${UNKNOWN}`);
  await app.inject(`/ipxe?mac=${DISK}`);
  await app.inject(`/cloud-config/${KNOWN}?token=${await token()}`);
  await app.inject(`/cloud-config/${UNKNOWN}`);
  const address = '127.0.0.1';
  t.deepEqual(events, [
    { type: 'script', mac: KNOWN, address, answer: 'boot' },
    { type: 'script', mac: UNKNOWN, address, answer: 'hold' },
    { type: 'script', mac: DISK, address, answer: 'local-disk' },
    { type: 'document', mac: KNOWN, address, format: 'cloud-config', bytes: 34 },
    { type: 'refused', address, route: '/cloud-config/:mac', status: 403, reason: WAITING.trim() },
  ]);
});

test('an error inside is answered with 500 and one line that gives nothing away', async (t) => {
  const { app, token } = await createTestApp(t, {
    renderDocument: () => {
      throw new Error('secret');
    },
  });
  const answer = await app.inject(`/cloud-config/${KNOWN}?token=${await token()}`);
  t.is(answer.statusCode, 500);
  t.is(answer.body, 'the server failed to answer; its log says why\n');
});

test('a kernel argument iPXE would misread stops the script, not the server', async (t) => {
  const { app } = await createTestApp(t, { fillArgs: () => ['a\nreboot'] });
  t.is((await app.inject(`/ipxe?mac=${KNOWN}`)).statusCode, 500);
  t.is((await app.inject(`/ipxe?mac=${UNKNOWN}`)).statusCode, 200);
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

test('a node reports a stage as JSON or as a form', async (t) => {
  const { app, events } = await createTestApp(t);
  const url = `/phone-home/${macToHyphens(KNOWN)}`;
  const json = await app.inject({
    method: 'POST',
    url,
    payload: { stage: 'up', detail: 'Ready\n\u001b[31m in 3 s' },
  });
  const form = await app.inject({
    method: 'POST',
    url,
    headers: FORM,
    payload: 'stage=disk-formatted&detail=a%20b',
  });
  t.deepEqual([json.statusCode, json.body, form.statusCode], [204, '', 204]);
  t.deepEqual(events, [
    { type: 'phone-home', mac: KNOWN, address: '127.0.0.1', stage: 'up', detail: 'Ready [31m in 3 s' },
    { type: 'phone-home', mac: KNOWN, address: '127.0.0.1', stage: 'disk-formatted', detail: 'a b' },
  ]);
});

const REPORTS: [string, object, number][] = [
  ['no body', { headers: {} }, 400],
  ['an empty form', { headers: FORM, payload: '' }, 400],
  ['a stage of two words', { payload: { stage: 'a b' } }, 400],
  ['a stage with a line break', { payload: { stage: 'up\n' } }, 400],
  ['a stage that is a number', { payload: { stage: 1 } }, 400],
  ['a stage of 65 characters', { payload: { stage: 'x'.repeat(65) } }, 400],
  ['broken JSON', { headers: { 'content-type': 'application/json' }, payload: '{' }, 400],
  ['JSON null', { headers: { 'content-type': 'application/json' }, payload: 'null' }, 400],
  [
    '__proto__',
    { headers: { 'content-type': 'application/json' }, payload: '{"__proto__":{"stage":"up"}}' },
    400,
  ],
  ['another type', { headers: { 'content-type': 'text/xml' }, payload: '<a/>' }, 415],
  ['17 KiB', { payload: { stage: 'up', detail: 'x'.repeat(17 * 1024) } }, 413],
  ['a 17 KiB form', { headers: FORM, payload: `stage=up&detail=${'x'.repeat(17 * 1024)}` }, 413],
];

for (const [name, request, status] of REPORTS) {
  test(`a report with ${name} is refused with ${status} and one line of text`, async (t) => {
    const { app, events } = await createTestApp(t);
    const answer = await app.inject({ method: 'POST', url: `/phone-home/${KNOWN}`, ...request });
    t.is(answer.statusCode, status);
    t.regex(answer.body, /^[^\n{]+\n$/);
    t.deepEqual(
      events.map(({ type }) => type),
      ['refused'],
    );
  });
}

test('a machine that may not boot can’t report a stage', async (t) => {
  const { app } = await createTestApp(t);
  const answer = await app.inject({
    method: 'POST',
    url: `/phone-home/${UNKNOWN}`,
    payload: { stage: 'up' },
  });
  t.is(answer.statusCode, 403);
});

test('a changed configuration counts at the next request', async (t) => {
  let config = testConfig({ unknownMachines: 'hold' });
  const { app } = await createTestApp(t, { config: () => config });
  t.regex((await app.inject(`/ipxe?mac=${UNKNOWN}`)).body, /waiting for approval/);
  config = testConfig({ unknownMachines: 'boot' });
  t.regex((await app.inject(`/ipxe?mac=${UNKNOWN}`)).body, /boots flatcar/);
});
