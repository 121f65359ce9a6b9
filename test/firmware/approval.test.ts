import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { forwardFor } from '../support/forward.ts';
import { BOOT_TIMEOUT, labFor } from '../support/lab.ts';
import { curl } from '../support/machine.ts';
import { told } from '../support/told.ts';
import { startBrowser } from '../ui/support/browser.ts';

const browser = await startBrowser();
test.after.always(() => browser.close());

const LAB_PROFILE = new URL('../../lab/config/profiles/lab.yaml', import.meta.url);
const MAC = '52:54:00:00:00:01' as Mac;

/** A configuration folder with the lab's profile and no machines: whoever turns up waits for approval. */
async function emptyRack(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-empty-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'profiles'));
  await cp(LAB_PROFILE, join(folder, 'profiles/lab.yaml'));
  await writeFile(join(folder, 'rackseed.yaml'), 'unknown_machines: hold\ndefault_profile: lab\n');
  return folder;
}

/** Waits until a console has shown a text; gives all that it has shown. */
async function shown(consoleLog: string, text: string): Promise<string> {
  const deadline = Date.now() + BOOT_TIMEOUT;
  while (true) {
    const console = await readFile(consoleLog, 'latin1').catch(() => '');
    if (console.includes(text)) return console;
    if (Date.now() > deadline) throw new Error(`the console never showed ${text}:\n${console.slice(-2000)}`);
    await pause(200);
  }
}

test('an unknown machine is held, approved on the web page, and boots without a power cycle', async (t) => {
  const { lab, api } = await labFor(t, { firmware: 'bios', count: 1, config: await emptyRack(t) });
  const url = await forwardFor(t, lab.adminSocket);
  const page = await browser.visit(t, url);
  await page.getByRole('heading', { name: 'No machine has been seen yet' }).waitFor();
  await lab.powerOn();
  const [machine] = lab.machines;
  if (!machine) return t.fail('the rack is empty');

  await shown(machine.consoleLog, `${MAC} is waiting for approval: rackseed approve ${MAC}`);
  const waiting = page.getByRole('row').filter({ hasText: MAC });
  await waiting.getByText('QEMU rackseed lab').waitFor();
  t.true(await page.getByText('Waiting for approval 1', { exact: false }).isVisible());
  const server = 'http://192.168.0.254';
  t.notRegex((await curl(lab.namespace, `${server}/ipxe?mac=${MAC}`)).body, /token|vmlinuz/);
  t.is((await curl(lab.namespace, `${server}/cloud-config/${MAC}?token=${'A'.repeat(43)}`)).status, 403);

  await waiting.getByRole('button', { name: 'Approve node-525400000001' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Hostname').fill('worker-07');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached' });
  const approved = page.getByRole('row').filter({ hasText: 'worker-07' });
  await approved.locator('.state-running').waitFor({ timeout: BOOT_TIMEOUT });

  await told(api, ({ kind }) => kind === 'up', BOOT_TIMEOUT);
  const [boot, ...earlier] = await api.boots(MAC);
  t.deepEqual(earlier, [], 'it was one boot');
  const way = [
    'discover',
    'offer',
    'ack',
    'script',
    'change',
    'script',
    'kernel',
    'initrd',
    'document',
    'up',
  ];
  const entries = boot?.entries ?? [];
  t.deepEqual(
    entries.map(({ kind }) => kind).filter((kind) => way.includes(kind)),
    way,
  );
  const times = entries.map(({ at }) => Date.parse(at));
  t.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  const change = entries.findIndex(({ kind }) => kind === 'change');
  t.regex(entries[change]?.detail ?? '', /^approved, .* by local$/);
  t.true((times[change + 1] ?? Number.NaN) - (times[change] ?? 0) < 10_000, 'it went on within seconds');

  await approved.getByRole('link', { name: 'worker-07' }).click();
  const story = page.getByRole('table', { name: 'Boot 1' });
  for (const { kind, detail } of entries) {
    await story
      .getByRole('row')
      .filter({ hasText: new RegExp(`\\d\\d:\\d\\d:\\d\\d.*${kind}`) })
      .filter({ hasText: detail })
      .first()
      .waitFor();
  }
  const console = await shown(machine.consoleLog, 'lab: hostname  worker-07');
  t.is(console.match(/SeaBIOS \(version/g)?.length, 1, 'it was switched on once');
});
