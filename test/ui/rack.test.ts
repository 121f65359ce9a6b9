import ava from 'ava';
import type { Page } from 'playwright-core';
import { startBrowser } from './support/browser.ts';
import { macOf, makeMachine, makeMachines } from './support/rack-data.ts';

// One after the other: two browsers at a time are enough for a small machine.
const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const now = Date.now();
const RACK = [
  makeMachine(1, 'discovered', now),
  makeMachine(2, 'stuck', now),
  makeMachine(3, 'booting', now),
  makeMachine(4, 'ready', now),
];

function row(page: Page, hostname: string) {
  return page.getByRole('row').filter({ has: page.getByRole('link', { name: hostname, exact: true }) });
}

/** Everything in the table's first column, headings too. */
async function firstColumn(page: Page): Promise<string[]> {
  await page.getByRole('table', { name: 'Machines' }).waitFor();
  return page.locator('table.rack tbody th').allInnerTexts();
}

test('who waits is on top, then who is stuck and why, then the others', async (t) => {
  const { page } = await browser.open(t, { machines: RACK });
  t.deepEqual(await firstColumn(page), [
    'Waiting for approval 1',
    'node-525400000001',
    'Stuck 1',
    'worker-2',
    'Machines 2',
    'worker-3',
    'worker-4',
  ]);
  const stuck = await row(page, 'worker-2').textContent();
  t.regex(stuck ?? '', /after script The script was fetched, and no kernel after it/);
  t.is(await page.title(), '(1) Rack · rackseed');
});

test('what changes on the server changes on the page, and nothing is fetched again', async (t) => {
  const { page, api } = await browser.open(t, { machines: RACK });
  const bar = row(page, 'worker-3').getByRole('progressbar');
  await bar.waitFor();
  const asked = api.requests.length;
  api.put(makeMachine(3, 'booting', now, { progress: { file: 'initrd', bytes: 90, size: 100 } }));
  await row(page, 'worker-3').getByText('90 %').waitFor();
  api.put(makeMachine(3, 'ready', now));
  await row(page, 'worker-3').locator('.state-ready').waitFor();
  api.put(makeMachine(5, 'discovered', now));
  await page.getByRole('link', { name: 'node-525400000005' }).waitFor();
  api.forget(macOf(4));
  await page.getByRole('link', { name: 'worker-4' }).waitFor({ state: 'detached' });
  t.is(api.requests.length, asked);
  t.is((await firstColumn(page))[0], 'Waiting for approval 2');
});

test('approving posts what was filled in, and the machine leaves the waiting list', async (t) => {
  const { page, api } = await browser.open(t, { machines: RACK });
  await page.getByRole('button', { name: 'Approve node-525400000001' }).click();
  const dialog = page.getByRole('dialog', { name: 'Approve node-525400000001' });
  t.regex((await dialog.textContent()) ?? '', /within seconds and without a power cycle/);
  await dialog.getByLabel('Profile').selectOption('storage');
  await dialog.getByLabel('Hostname').fill('db-1');
  await dialog.getByLabel('Labels').fill('rack=r1 zone=b');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached' });
  await row(page, 'db-1').locator('.state-approved').waitFor();
  t.deepEqual(await firstColumn(page), ['Stuck 1', 'worker-2', 'Machines 3', 'db-1', 'worker-3', 'worker-4']);
  const posts = api.requests.filter(({ method }) => method === 'POST');
  t.deepEqual(posts, [
    {
      method: 'POST',
      url: `/v1/machines/${macOf(1)}/approve`,
      body: { profile: 'storage', hostname: 'db-1', labels: { rack: 'r1', zone: 'b' } },
      ifMatch: '"0"',
    },
  ]);
  await page.getByLabel('Notices').getByText('db-1 is approved').waitFor();
});

test('a refused change is explained in its dialog, which stays open', async (t) => {
  const { page, api } = await browser.open(t, { machines: RACK, expectedErrors: /status of 422/ });
  await page.getByRole('button', { name: 'Approve node-525400000001' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Hostname').fill('No Name');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog
    .getByRole('alert')
    .getByText(/No Name isn’t a hostname/)
    .waitFor();
  await dialog.getByLabel('Hostname').fill('');
  await dialog.getByLabel('Labels').fill('nonsense');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog
    .getByRole('alert')
    .getByText(/“nonsense” isn’t a label/)
    .waitFor();
  t.is(api.requests.filter(({ method }) => method === 'POST').length, 1);
});

test('keys do it all: / searches, j, k and arrows move, Enter opens, u goes back, a approves', async (t) => {
  const { page } = await browser.open(t, { machines: RACK });
  await page.getByRole('link', { name: 'worker-4' }).waitFor();
  const focused = () => page.locator(':focus').textContent();
  await page.keyboard.press('j');
  t.is(await focused(), 'node-525400000001');
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  t.is(await focused(), 'worker-3');
  await page.keyboard.press('k');
  t.is(await focused(), 'worker-2');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'worker-2', level: 1 }).waitFor();
  await page.keyboard.press('u');
  await page.getByRole('table', { name: 'Machines' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('node-');
  await page.getByRole('link', { name: 'worker-4' }).waitFor({ state: 'detached' });
  await page.keyboard.press('ArrowDown');
  t.is(await focused(), 'node-525400000001');
  await page.keyboard.press('a');
  await page.getByRole('dialog', { name: 'Approve node-525400000001' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  t.is(await focused(), 'node-525400000001');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
});

test('search and states narrow the list, and the address keeps them', async (t) => {
  const { page } = await browser.open(t, { machines: makeMachines(60, now) });
  await page.getByRole('button', { name: 'booting 4' }).click();
  await page.getByRole('searchbox', { name: 'Search the rack' }).fill('zone=a');
  await page.waitForURL(/#\/\?state=booting&q=zone%3Da$/);
  t.deepEqual(await firstColumn(page), ['worker-3', 'worker-5']);
  await page.reload();
  t.deepEqual(await firstColumn(page), ['worker-3', 'worker-5']);
  await page.getByRole('searchbox').fill('nothing such');
  await page.getByRole('button', { name: 'Show all 60' }).click();
  await page.getByRole('link', { name: 'node-525400000001' }).waitFor();
});

test('an empty rack says what to do', async (t) => {
  const { page } = await browser.open(t);
  const main = page.getByRole('main');
  await main.getByRole('heading', { name: 'No machine has been seen yet' }).waitFor();
  t.regex((await main.textContent()) ?? '', /Plug one into the provisioning network/);
});

test('who may only read is offered no change', async (t) => {
  const { page } = await browser.open(t, { machines: RACK, me: { name: 'grafana', role: 'read' } });
  await page.getByText('(read)').waitFor();
  t.is(await page.getByRole('button', { name: /Approve|Refuse/ }).count(), 0);
  await row(page, 'node-525400000001').getByRole('link').focus();
  await page.keyboard.press('a');
  t.is(await page.getByRole('dialog').count(), 0);
});
