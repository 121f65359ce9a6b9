import { dirname } from 'node:path';
import ava from 'ava';
import { createTestAdmin } from '../support/admin.ts';
import { machineView, RackDouble } from '../support/rack-double.ts';
import { BUILT_PAGE } from './support/api-double.ts';
import { startBrowser } from './support/browser.ts';

// The page as the real admin app serves it, with the app's own headers, routes and events; the rack behind it is a double.

const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const ui = dirname(BUILT_PAGE);

test('a machine that turns up is approved on the page of the real admin app', async (t) => {
  const rack = new RackDouble([machineView(1, { hostname: 'worker-1', state: 'ready', admission: 'boot' })]);
  const admin = await createTestAdmin(t, { ui, rack });
  const page = await browser.visit(t, `${await admin.listen()}/`);
  await page.getByRole('link', { name: 'worker-1' }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  rack.put(machineView(2, { hostname: 'newcomer', inventory: { serial: 'CZ 7' } }));
  await page.getByRole('button', { name: 'Approve newcomer' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Profile').selectOption('worker');
  await dialog.getByLabel('Labels').fill('rack=r1');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('row', { name: 'newcomer' }).locator('.state-approved').waitFor();
  const { state, labels, profile, decision } = [...rack.machines()][1] ?? {};
  t.deepEqual({ state, labels, profile }, { state: 'approved', labels: { rack: 'r1' }, profile: 'worker' });
  t.is(decision?.by, 'local');
  await page.getByRole('link', { name: 'Events' }).click();
  await page.getByRole('row', { name: 'newcomer approve' }).waitFor();
  await page.getByRole('button', { name: 'changes by people' }).click();
  await page.getByRole('row', { name: 'local approve newcomer' }).waitFor();
});

test('a machine’s page has its boots and what it gets next from the real admin app', async (t) => {
  const rack = new RackDouble([machineView(1, { hostname: 'worker-1', state: 'ready', admission: 'boot' })]);
  const began = Date.parse('2026-01-02T03:04:05Z');
  rack.story.boots = [{ number: 4, began, entries: [{ kind: 'discover', at: began, detail: 'BIOS asks' }] }];
  rack.story.next = { script: '#!ipxe', document: { format: 'ignition', text: '{}' } };
  const admin = await createTestAdmin(t, { ui, rack });
  const page = await browser.visit(t, `${await admin.listen()}/`);
  await page.getByRole('link', { name: 'worker-1' }).click();
  await page.getByRole('table', { name: 'Boot 4' }).getByRole('row', { name: 'BIOS asks' }).waitFor();
  t.is(await page.getByRole('region', { name: 'iPXE script' }).textContent(), '#!ipxe');
  t.is(await page.getByRole('region', { name: 'ignition' }).textContent(), '{}');
});

test('from elsewhere the real admin app wants a token, and its role decides', async (t) => {
  const rack = new RackDouble([machineView(1, { hostname: 'newcomer' })]);
  const admin = await createTestAdmin(t, { ui, rack });
  const token = await admin.token('read', 'grafana');
  // What came by a proxy isn't from this host, whatever its address.
  const window = { extraHTTPHeaders: { 'x-forwarded-for': '192.0.2.7' } };
  const page = await browser.visit(t, `${await admin.listen()}/`, {
    window,
    expectedErrors: /status of 401/,
  });
  await page.getByLabel('API token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'newcomer' }).waitFor();
  await page.getByText('grafana (read)').waitFor();
  t.is(await page.getByRole('button', { name: 'Approve newcomer' }).count(), 0);
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByText('unknown_machines').waitFor();
  t.is(await page.getByRole('heading', { name: 'API tokens' }).count(), 0);
});

test('tokens are made and revoked through the real admin app', async (t) => {
  const admin = await createTestAdmin(t, { ui });
  const page = await browser.visit(t, `${await admin.listen()}/`, { hash: '#/settings' });
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('dashboard');
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
  await page.getByText(/^rs_[\w-]{43}$/).waitFor();
  t.deepEqual(
    admin.tokens.list().map(({ name, role }) => [name, role]),
    [['dashboard', 'read']],
  );
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Revoke dashboard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('On this host no token is needed').waitFor();
  t.is(admin.tokens.list().length, 0);
});

test('leases and images come from the real admin app', async (t) => {
  const admin = await createTestAdmin(t, { ui });
  const page = await browser.visit(t, `${await admin.listen()}/`, { hash: '#/leases' });
  await page.getByRole('heading', { name: 'No address is leased' }).waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page
    .getByRole('region', { name: /^Image / })
    .first()
    .waitFor();
  t.true((await page.getByText('missing', { exact: true }).count()) > 0);
});
