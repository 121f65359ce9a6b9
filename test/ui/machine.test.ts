import ava from 'ava';
import type { Page } from 'playwright-core';
import { startBrowser } from './support/browser.ts';
import { macOf, makeMachine } from './support/rack-data.ts';

// One after the other: two browsers at a time are enough for a small machine.
const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const now = Date.now();
const READY = makeMachine(7, 'ready', now);
const HASH = `#/machines/${READY.mac}`;

async function openDialog(page: Page, button: string) {
  await page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: button }).click();
  return page.getByRole('dialog', { name: button });
}

test('a machine’s page tells who it is, where it is plugged in and how its boot went', async (t) => {
  const { page } = await browser.open(t, { machines: [READY], hash: HASH });
  await page.getByRole('heading', { name: 'worker-7', level: 1 }).waitFor();
  const about = (await page.getByRole('complementary', { name: 'About this machine' }).textContent()) ?? '';
  for (const fact of [
    'QEMU',
    'Standard PC',
    'QM1007',
    'leaf-8, Ethernet1/8',
    'snponly.efi',
    'rack=r8',
    'default_profile',
  ]) {
    t.true(about.includes(fact), fact);
  }
  const story = page.getByRole('table', { name: 'Boot 3' });
  await story.getByRole('row', { name: 'document cloud-config 11 kB' }).waitFor();
  const rows = await story.getByRole('row').allTextContents();
  t.is(rows.length, 16);
  t.regex(rows[1] ?? '', /^\d\d:\d\d:\d\d\.\d{3}\+0 msdiscoverUEFI x64 asks for an address2 ms$/);
  t.regex(rows.at(-1) ?? '', /\+57 sreadyis Ready$/);
  const track = page.getByRole('list', { name: 'Stages of this boot' });
  t.is(await track.locator('[aria-current="step"]').textContent(), 'ready57 s');
});

test('an earlier boot is told when it is opened', async (t) => {
  const { page } = await browser.open(t, { machines: [READY], hash: HASH });
  await page.getByText('Boot 2', { exact: false }).click();
  await page.getByRole('table', { name: 'Boot 2' }).getByRole('row', { name: 'is Ready' }).waitFor();
  t.pass();
});

test('the story grows while the machine boots', async (t) => {
  const booting = makeMachine(7, 'booting', now);
  const { page, api } = await browser.open(t, { machines: [booting], hash: HASH });
  const story = page.getByRole('table', { name: 'Boot 3' });
  await story.getByRole('row', { name: 'initrd' }).waitFor();
  t.is(await story.getByRole('row', { name: 'registered' }).count(), 0);
  api.put(makeMachine(7, 'registered', now));
  api.publish({ type: 'boot', kind: 'registered', mac: booting.mac, hostname: 'worker-7', detail: '' });
  await story.getByRole('row', { name: 'has registered' }).waitFor();
});

test('what it would get next is shown: the script, and the document without keys', async (t) => {
  const { page } = await browser.open(t, { machines: [READY], hash: HASH });
  const script = await page.getByRole('region', { name: 'iPXE script' }).textContent();
  t.regex(script ?? '', /^#!ipxe\necho worker-7/);
  const document = await page.getByRole('region', { name: 'cloud-config' }).textContent();
  t.regex(document ?? '', /content: \(a key, left out\)/);
});

test('a machine that may not boot gets nothing, and the page says why', async (t) => {
  const waiting = makeMachine(7, 'discovered', now);
  const { page } = await browser.open(t, { machines: [waiting], hash: HASH });
  await page.getByText('Nothing, since it may not boot: no entry in machines/').waitFor();
  t.deepEqual(await page.getByRole('group', { name: 'Actions' }).getByRole('button').allTextContents(), [
    'Approve',
    'Refuse',
    'Forget',
  ]);
});

test('a stuck machine’s page begins with the cause', async (t) => {
  const { page } = await browser.open(t, { machines: [makeMachine(7, 'stuck', now)], hash: HASH });
  const notice = page.locator('.notice');
  t.regex((await notice.textContent()) ?? '', /Nothing has moved since script, for .*is missing \(404\)/);
});

for (const { button, field, value, says, body } of [
  { button: 'Retire', says: /is retired/, body: {} },
  { button: 'Adopt disk', says: /All data on that disk is lost/, body: {} },
  {
    button: 'Rename',
    field: 'Hostname',
    value: 'db-9',
    says: /goes by it from its next boot on/,
    body: { hostname: 'db-9' },
  },
  {
    button: 'Edit labels',
    field: 'Labels',
    value: 'rack=r9',
    says: /see these labels/,
    body: { labels: { rack: 'r9', zone: null } },
  },
  {
    button: 'Assign profile',
    field: 'Profile',
    value: 'storage',
    says: /from its next boot on/,
    body: { profile: 'storage' },
  },
  {
    button: 'Boot once',
    field: 'Profile',
    value: 'rescue',
    says: /the boot after that worker again/,
    body: { profile: 'rescue' },
  },
]) {
  test(`${button} says what happens, asks, and does it`, async (t) => {
    const { page, api } = await browser.open(t, { machines: [READY], hash: HASH });
    const dialog = await openDialog(page, button);
    t.regex((await dialog.textContent()) ?? '', says);
    if (field === 'Profile') await dialog.getByLabel(field).selectOption(value ?? '');
    else if (field) await dialog.getByLabel(field).fill(value ?? '');
    await dialog.getByRole('button', { name: button }).click();
    await dialog.waitFor({ state: 'detached' });
    const post = api.requests.find(({ method }) => method === 'POST');
    t.deepEqual(post?.body, body);
    t.is(post?.ifMatch, '"1"');
  });
}

test('cancelling changes nothing', async (t) => {
  const { page, api } = await browser.open(t, { machines: [READY], hash: HASH });
  const dialog = await openDialog(page, 'Adopt disk');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  t.true(api.requests.every(({ method }) => method === 'GET'));
});

test('what somebody else has changed meanwhile is not overwritten unseen', async (t) => {
  const { page, api } = await browser.open(t, {
    machines: [READY],
    hash: HASH,
    expectedErrors: /status of 412/,
  });
  const dialog = await openDialog(page, 'Rename');
  api.put({ ...READY, hostname: 'other', revision: 2 });
  const other = page.getByRole('dialog', { name: 'Rename other' });
  await other.getByLabel('Hostname').fill('mine');
  await other.getByRole('button', { name: 'Rename' }).click();
  await other.getByRole('alert').getByText('Somebody else has changed this machine meanwhile').waitFor();
  await other.getByRole('button', { name: 'Rename' }).click();
  await dialog.waitFor({ state: 'detached' });
  t.is(api.machine(READY.mac).hostname, 'mine');
});

test('forgetting leads back to the rack, without the machine', async (t) => {
  const { page, api } = await browser.open(t, {
    machines: [READY, makeMachine(8, 'ready', now)],
    hash: HASH,
  });
  const dialog = await openDialog(page, 'Forget');
  await dialog.getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('link', { name: 'worker-8' }).waitFor();
  await page.getByRole('link', { name: 'worker-7' }).waitFor({ state: 'detached' });
  t.throws(() => api.machine(READY.mac), { message: /no machine/ });
});

test('a machine is found by any of its cards, and one that nobody knows is said to be unknown', async (t) => {
  const machine = { ...READY, cards: [READY.mac, macOf(900)] };
  const { page } = await browser.open(t, { machines: [machine], hash: `#/machines/${macOf(900)}` });
  await page.getByRole('heading', { name: 'worker-7', level: 1 }).waitFor();
  await page.goto(`${page.url().split('#')[0]}#/machines/${macOf(901)}`);
  await page.getByRole('heading', { name: `No machine ${macOf(901)}` }).waitFor();
  t.pass();
});
