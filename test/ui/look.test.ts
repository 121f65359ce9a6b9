import { readFileSync } from 'node:fs';
import ava, { type ExecutionContext } from 'ava';
import type { BrowserContextOptions, CDPSession, Page } from 'playwright-core';
import { startBrowser } from './support/browser.ts';
import { makeMachine, makeMachines } from './support/rack-data.ts';

// One after the other: two browsers at a time are enough for a small machine.
const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const now = Date.now();
const LONG = 'a-hostname-that-is-as-long-as-a-label-may-be-in-the-domain-system';
const MACHINES = [...makeMachines(30, now), makeMachine(90, 'stuck', now, { hostname: LONG })];
const STUCK = '#/machines/52:54:00:00:00:02';
const CONTRAST = readFileSync(new URL('support/in-page/contrast.js', import.meta.url), 'utf8');

/** What can't be used without a name. */
const NAMED = [
  'button',
  'link',
  'searchbox',
  'textbox',
  'combobox',
  'progressbar',
  'meter',
  'table',
  'region',
];

/** Every page, and what is on it when it's complete. */
const PAGES = [
  ['#/', 'Waiting for approval'],
  [STUCK, 'cloud-config'],
  ['#/leases', 'quarantined: something else uses it'],
  ['#/events', 'a warning'],
  ['#/images', 'initrd.img'],
  ['#/settings', 'grafana'],
] as const;

for (const [hash, complete] of PAGES) {
  test(`${hash} fits a screen of 360 pixels`, async (t) => {
    const page = await openComplete(t, hash, complete, { viewport: { width: 360, height: 640 } });
    t.is(await page.evaluate('document.documentElement.scrollWidth'), 360);
  });

  test(`${hash} can be read in the light, in the dark, and by a screen reader`, async (t) => {
    const page = await openComplete(t, hash, complete, { viewport: { width: 1280, height: 1600 } });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      t.deepEqual(await page.evaluate(CONTRAST), [], colorScheme);
    }
    const tree = await accessibilityTree(page);
    const nameless = tree.filter(({ role, name }) => NAMED.includes(role) && name === '');
    t.deepEqual(nameless, []);
    for (const landmark of ['banner', 'navigation', 'main', 'contentinfo']) {
      t.is(tree.filter(({ role }) => role === landmark).length, 1, landmark);
    }
  });
}

test('the rack is a table for screen readers too, though it’s drawn as a grid', async (t) => {
  const { page } = await browser.open(t, { machines: MACHINES });
  await page.getByRole('rowheader', { name: 'Waiting for approval' }).waitFor();
  const roles = (await accessibilityTree(page)).map(({ role }) => role);
  for (const role of ['table', 'row', 'columnheader', 'rowheader', 'cell'])
    t.true(roles.includes(role), role);
  t.is(roles.filter((role) => role === 'columnheader').length, 7);
});

test('the colours go by the system until somebody chooses, and the choice is kept', async (t) => {
  const { page } = await browser.open(t, { window: { colorScheme: 'dark' } });
  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const dark = 'rgb(14, 19, 24)';
  const light = 'rgb(245, 246, 248)';
  await page.getByRole('button', { name: 'Colours: auto' }).waitFor();
  t.is(await ground(), dark);
  await page.emulateMedia({ colorScheme: 'light' });
  t.is(await ground(), light);
  await page.getByRole('button', { name: 'Colours: auto' }).click();
  await page.getByRole('button', { name: 'Colours: light' }).click();
  await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
  t.is(await ground(), dark);
  await page.reload();
  await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
  t.is(await ground(), dark);
});

test('nothing moves for who prefers less motion', async (t) => {
  const { page, api } = await browser.open(t, { window: { reducedMotion: 'reduce' } });
  await page.getByText('Live', { exact: true }).waitFor();
  api.publish({ type: 'notice', severity: 'warning', detail: 'a warning' });
  await page.getByLabel('Notices').getByText('a warning').waitFor();
  t.is(await page.evaluate('document.getAnimations().length'), 0);
});

test('the content is reached with two keys', async (t) => {
  const { page } = await browser.open(t, { machines: MACHINES });
  await page.getByRole('rowheader', { name: 'Waiting for approval' }).waitFor();
  await page.keyboard.press('Tab');
  t.is(await page.locator(':focus').textContent(), 'To the content');
  await page.keyboard.press('Enter');
  t.is(await page.evaluate('document.activeElement.id'), 'main');
});

test('what waits or gets stuck is said to screen readers', async (t) => {
  const { page, api } = await browser.open(t, { machines: MACHINES });
  await page.getByText('Live', { exact: true }).waitFor();
  api.publish({
    type: 'state',
    state: 'stuck',
    hostname: 'worker-9',
    mac: '52:54:00:00:00:09',
    detail: 'no kernel',
  });
  const spoken = page.locator('[aria-live="polite"]').getByText('worker-9 is stuck: no kernel');
  await spoken.waitFor({ state: 'attached' });
  t.pass();
});

async function openComplete(
  t: ExecutionContext,
  hash: string,
  complete: string,
  window: BrowserContextOptions,
) {
  const { page, api } = await browser.open(t, { machines: MACHINES, hash, window });
  api.publish({ type: 'notice', severity: 'info', detail: 'a warning' });
  await page.getByRole('main').getByText(complete).first().waitFor();
  return page;
}

interface AccessibleNode {
  readonly role: string;
  readonly name: string;
}

/** What Chromium tells a screen reader. */
async function accessibilityTree(page: Page): Promise<AccessibleNode[]> {
  const session: CDPSession = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes
    .filter(({ ignored }) => !ignored)
    .map(({ role, name }) => ({ role: String(role?.value ?? ''), name: String(name?.value ?? '') }));
}
