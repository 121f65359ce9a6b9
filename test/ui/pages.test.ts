import ava from 'ava';
import { startBrowser } from './support/browser.ts';
import { makeMachine } from './support/rack-data.ts';

// One after the other: two browsers at a time are enough for a small machine.
const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const now = Date.now();
const MACHINES = [makeMachine(2, 'ready', now)];

test('leases tell how full the pools are, and who has which address', async (t) => {
  const { page } = await browser.open(t, { machines: MACHINES, hash: '#/leases' });
  const pool = page.getByRole('region', { name: 'Network kubernetes1' });
  t.regex((await pool.textContent()) ?? '', /leased62quarantined3free35reserved4/);
  t.is(await pool.getByRole('meter', { name: 'Pool of kubernetes1' }).getAttribute('max'), '100');
  await pool.getByText('The DHCP server 192.168.0.9 gives the addresses; this one only says').waitFor();
  await page.getByText('The pool is used up').waitFor();
  const table = page.getByRole('table', { name: 'Leases' });
  await table.getByRole('row', { name: '192.168.0.9 quarantined' }).waitFor();
  const row = table.getByRole('row', { name: '192.168.0.3' });
  t.regex((await row.textContent()) ?? '', /worker-2.*kubernetes1in 58 min/);
  await row.getByRole('link', { name: 'worker-2' }).click();
  await page.getByRole('heading', { name: 'worker-2', level: 1 }).waitFor();
});

test('no lease, no image, no change, no token: each says what that means', async (t) => {
  const answers = {
    '/v1/leases': () => ({ leases: [] }),
    '/v1/images': () => ({ images: [] }),
    '/v1/images/pulls': () => ({ pulls: [] }),
    '/v1/changes': () => ({ changes: [] }),
    '/v1/tokens': () => ({ tokens: [] }),
  };
  const { page, api } = await browser.open(t, { answers, hash: '#/leases' });
  await page.getByRole('heading', { name: 'No address is leased' }).waitFor();
  await page.goto(`${api.url}#/images`);
  await page.getByRole('heading', { name: 'No profile names an image' }).waitFor();
  await page.goto(`${api.url}#/events`);
  await page.getByRole('heading', { name: 'Nothing has happened yet' }).waitFor();
  await page.getByRole('button', { name: 'changes by people' }).click();
  await page.getByRole('heading', { name: 'Nobody has changed anything' }).waitFor();
  await page.goto(`${api.url}#/settings`);
  await page.getByText('On this host no token is needed').waitFor();
  await page.goto(`${api.url}#/elsewhere`);
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  t.pass();
});

test('events come by themselves, are filtered, and wait while they are paused', async (t) => {
  const { page, api } = await browser.open(t, { machines: MACHINES, hash: '#/events' });
  await page.getByRole('heading', { name: 'Nothing has happened yet' }).waitFor();
  const told = (detail: string, hostname = 'worker-2') =>
    api.publish({ type: 'boot', kind: 'kernel', mac: '52:54:00:00:00:02', hostname, detail });
  told('first');
  const table = page.getByRole('table', { name: 'Events, the newest first' });
  await table.getByRole('row', { name: 'worker-2 kernel first' }).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  told('second');
  await page.getByRole('button', { name: 'Go on (1 new)' }).click();
  await table.getByText('second').waitFor();
  api.publish({ type: 'notice', severity: 'warning', detail: 'another DHCP server answers' });
  await page.getByLabel('Notices').getByText('another DHCP server answers').waitFor();
  await table.getByText('another DHCP server answers').waitFor();
  t.deepEqual(
    (await table.getByRole('row').allTextContents()).slice(1).map((text) => text.replace(/^[\d:.]+/, '')),
    ['rackseedwarninganother DHCP server answers ', 'worker-2kernelsecond ', 'worker-2kernelfirst '],
  );
  await page.getByRole('button', { name: 'boot', exact: true }).click();
  await table.getByText('second').waitFor({ state: 'detached' });
  await page.getByRole('searchbox').fill('nothing such');
  await page.getByRole('heading', { name: 'No event matches' }).waitFor();
});

test('what people have changed is listed with who and when', async (t) => {
  const { page } = await browser.open(t, { machines: MACHINES, hash: '#/events' });
  await page.getByRole('button', { name: 'changes by people' }).click();
  const row = page.getByRole('row', { name: 'anna approve worker-2' });
  t.regex((await row.textContent()) ?? '', /^\d+ (s|min) agoannaapproveworker-2with profile worker$/);
});

test('images tell what is missing, and for which profile', async (t) => {
  const { page } = await browser.open(t, { hash: '#/images' });
  const good = page.getByRole('region', { name: 'Image flatcar/4593.2.5' });
  t.regex((await good.textContent()) ?? '', /for worker, storageflatcar_production_pxe.vmlinuz61 MB/);
  t.false(/missing/.test((await good.textContent()) ?? ''));
  const lacking = page.getByRole('region', { name: 'Image debian/12' });
  t.regex(
    (await lacking.textContent()) ?? '',
    /initrd.imgmissing.*can’t boot\. Put what is missing into assets\/debian\/12\//,
  );
});

test('settings are shown as read, in the words of the files', async (t) => {
  const { page } = await browser.open(t, { hash: '#/settings' });
  const read = page.getByRole('region', { name: 'As read' });
  const text = (await read.textContent()) ?? '';
  t.regex(text, /rackseed 0\.1\.0, from \/etc\/rackseed/);
  for (const part of [
    'unknown_machineshold',
    'default_profileworker',
    'interfaceenp0s8',
    'ranges192.168.0.1-192.168.0.100',
  ]) {
    t.true(text.includes(part), part);
  }
});

test('a token is made, shown once and revoked', async (t) => {
  const { page, api } = await browser.open(t, { hash: '#/settings' });
  await page.getByRole('button', { name: 'Create token' }).click();
  const create = page.getByRole('dialog', { name: 'Create token' });
  await create.getByLabel('Name').fill('dashboard');
  await create.getByLabel('operator').check();
  await create.getByRole('button', { name: 'Create' }).click();
  const shown = page.getByRole('dialog', { name: 'Token dashboard' });
  await shown.getByText(/^rs_x{43}$/).waitFor();
  await shown.getByRole('button', { name: 'Close' }).click();
  await page.getByText(/^rs_x/).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Revoke grafana' }).click();
  const revoke = page.getByRole('dialog', { name: 'Revoke grafana' });
  await revoke.getByRole('button', { name: 'Revoke' }).click();
  await revoke.waitFor({ state: 'detached' });
  const changes = api.requests.filter(({ method }) => method !== 'GET');
  t.deepEqual(
    changes.map(({ method, url, body }) => [method, url, body ?? null]),
    [
      ['POST', '/v1/tokens', { name: 'dashboard', role: 'operator' }],
      ['DELETE', '/v1/tokens/grafana', null],
    ],
  );
});

test('tokens are for administrators: others don’t see them', async (t) => {
  const { page, api } = await browser.open(t, { hash: '#/settings', me: { name: 'anna', role: 'operator' } });
  await page.getByRole('region', { name: 'As read' }).waitFor();
  t.is(await page.getByRole('heading', { name: 'API tokens' }).count(), 0);
  t.true(api.requests.every(({ url }) => url !== '/v1/tokens'));
});

test('an image is pulled on the page, which shows how far it is and what failed', async (t) => {
  const { page, api } = await browser.open(t, { hash: '#/images' });
  const running = page.getByRole('region', { name: 'Pull of flatcar@beta' });
  const bar = running.getByRole('progressbar', { name: 'Progress of flatcar_production_pxe_image.cpio.gz' });
  t.is(await bar.getAttribute('value'), '108500000');
  await page
    .getByRole('region', { name: 'Pull of ipxe@latest' })
    .getByText('GitHub can’t be reached')
    .waitFor();
  await page.getByRole('button', { name: 'Pull image' }).click();
  t.is(await page.getByRole('checkbox', { name: 'sysext' }).count(), 0, 'there is one of Kubernetes only');
  await page
    .getByRole('textbox', { name: 'Image' })
    .or(page.getByRole('combobox', { name: 'Image' }))
    .fill('kubernetes@v1.36');
  await page.getByRole('checkbox', { name: 'current' }).check();
  await page.getByRole('checkbox', { name: 'sysext' }).check();
  await page.getByRole('button', { name: 'Pull', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  const begun = api.requests.find(({ method }) => method === 'POST');
  t.deepEqual(begun?.body, { image: 'kubernetes@v1.36', arch: 'amd64', follow: true, sysext: true });
  const stopped = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
  await running.getByRole('button', { name: 'Stop flatcar@beta' }).click();
  t.true((await stopped).url().endsWith('/v1/images/pulls/2'));
});

test('who may only look can’t pull images', async (t) => {
  const { page } = await browser.open(t, { hash: '#/images', me: { name: 'anna', role: 'read' } });
  await page.getByRole('region', { name: 'Pull of flatcar@beta' }).waitFor();
  t.is(
    await page
      .getByRole('button')
      .filter({ hasText: /Pull image|Stop/ })
      .count(),
    0,
  );
});
