import ava from 'ava';
import { startBrowser } from './support/browser.ts';
import { macOf, makeMachine } from './support/rack-data.ts';

// One after the other: two browsers at a time are enough for a small machine.
const test = ava.serial;
const browser = await startBrowser();
test.after.always(() => browser.close());

const now = Date.now();
const MACHINES = [makeMachine(1, 'ready', now)];
const TOKEN = 'rs_secret';

test('where a token is wanted, the page asks for it, and keeps it for this tab only', async (t) => {
  const { page, api } = await browser.open(t, {
    machines: MACHINES,
    token: TOKEN,
    expectedErrors: /status of 401/,
  });
  const field = page.getByLabel('API token');
  await field.fill('rs_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('The server doesn’t know this token').waitFor();
  await field.fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'worker-1' }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'worker-1' }).waitFor();
  const other = await page.context().newPage();
  await other.goto(api.url);
  await other.getByLabel('API token').waitFor();
  t.false(
    api.requests.some(({ url }) => url.includes('rs_')),
    'no token in an address',
  );
  await page.getByRole('button', { name: 'Sign out' }).click();
  await field.waitFor();
});

test('after the stream was cut off, the page reconnects and has what it missed', async (t) => {
  const { page, api } = await browser.open(t, {
    machines: MACHINES,
    hash: '#/events',
    expectedErrors: /ERR_/,
  });
  const say = (detail: string) => api.publish({ type: 'notice', severity: 'info', detail });
  say('before');
  await page.getByText('before').waitFor();
  api.dropStreams();
  say('meanwhile');
  api.put(makeMachine(2, 'ready', now));
  await page.getByText('meanwhile').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  t.is(await page.getByText('before').count(), 1);
  await page.getByRole('link', { name: 'Rack', exact: true }).click();
  await page.getByRole('link', { name: 'worker-2' }).waitFor();
});

test('when the server can’t replay what was missed, everything is fetched again', async (t) => {
  const { page, api } = await browser.open(t, { machines: MACHINES, expectedErrors: /ERR_/ });
  await page.getByRole('link', { name: 'worker-1' }).waitFor();
  api.publish({ type: 'notice', severity: 'info', detail: 'something' });
  api.dropStreams({ forgetful: true });
  api.put(makeMachine(2, 'ready', now));
  await page.getByRole('link', { name: 'worker-2' }).waitFor();
  api.put({ ...makeMachine(2, 'ready', now), hostname: 'later' });
  await page.getByRole('link', { name: 'later' }).waitFor();
  t.pass();
});

test('a page that is opened later has the events of before', async (t) => {
  const { page, api } = await browser.open(t, { machines: MACHINES });
  await page.getByText('Live', { exact: true }).waitFor();
  for (const detail of ['one', 'two']) {
    api.publish({ type: 'boot', kind: 'message', mac: macOf(1), hostname: 'worker-1', detail });
  }
  const later = await page.context().newPage();
  await later.goto(`${api.url}#/events`);
  await later.getByText('one').waitFor();
  t.is(await later.getByRole('row', { name: 'worker-1 message' }).count(), 2);
});

test('without an answer from the server the page says so, and goes on when it is back', async (t) => {
  const { page, api } = await browser.open(t, { machines: MACHINES, expectedErrors: /ERR_/ });
  await page.getByText('Live', { exact: true }).waitFor();
  await page.context().setOffline(true);
  api.dropStreams();
  await page.getByText(/Trying again in \d+ s/).waitFor();
  await page.context().setOffline(false);
  await page.getByText('Live', { exact: true }).waitFor();
  t.pass();
});

test('what couldn’t be fetched is said, and fetched again', async (t) => {
  const { page } = await browser.open(t, { machines: MACHINES, expectedErrors: /status of 503/ });
  await page.route('**/v1/machines?*', (route) =>
    route.fulfill({
      status: 503,
      json: { title: 'Service Unavailable', status: 503, detail: 'the store is away' },
    }),
  );
  await page.reload();
  await page.getByLabel('Notices').getByText('the store is away').waitFor();
  await page.unroute('**/v1/machines?*');
  await page.getByRole('link', { name: 'worker-1' }).waitFor();
  t.pass();
});
