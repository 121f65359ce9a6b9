import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createPullView, progressLine } from '../../src/cli/images-progress.ts';
import { pullCommand } from '../../src/cli/images-pull.ts';
import {
  addKeyCommand,
  importCommand,
  listCommand,
  listKeysCommand,
  removeCommand,
  verifyCommand,
} from '../../src/cli/images-store.ts';
import { UsageError } from '../../src/cli/usage.ts';
import type { Config } from '../../src/config/config.ts';
import { Printed } from '../support/printed.ts';
import { testConfig } from '../support/provisioning.ts';
import { INITRD, KERNEL, makeSite, type Site, sum } from '../support/releases.ts';

const configOf = ({ assets, settings }: Site): Config =>
  testConfig({ assets: { directory: assets, memory: 0 }, images: settings });
const AMD64 = { arch: 'amd64', follow: false, sysext: false } as const;

test('several images are pulled at once, and what to do with each is told', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.publishFlatcar('4757.1.0', { channel: 'beta' });
  const output = new Printed();
  const wanted = ['flatcar@stable', 'flatcar@beta', 'flatcar@stable'];
  t.is(await pullCommand(configOf(site), wanted, AMD64, output), 0);
  for (const version of ['4593.2.5', '4757.1.0']) {
    t.true(
      output.lines.includes(
        `flatcar/${version} is here, signed by ${site.key.fingerprint}. To boot it, set boot: { image: flatcar/${version} } in a profile`,
      ),
      output.text,
    );
    t.true(output.lines.includes(`flatcar/${version}/${INITRD}: complete, 1.0 MB`), output.text);
  }
});

test("one image that can't be pulled doesn't keep the others away", async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const output = new Printed();
  t.is(await pullCommand(configOf(site), ['flatcar@1.0.0', 'flatcar'], AMD64, output), 1);
  t.regex(output.text, /^flatcar@1\.0\.0 was not pulled: .*isn't there: is this a version of Flatcar/m);
  t.regex(output.text, /^flatcar\/4593\.2\.5 is here/m);
});

test('Kubernetes is pulled as a system extension, other systems are not', async (t) => {
  const site = await makeSite(t);
  const bytes = Buffer.from('squashfs');
  const name = 'kubernetes-v1.36.2-x86-64.raw';
  site.server.publish(`/extensions/kubernetes/${name}`, bytes);
  site.server.publish('/extensions/kubernetes/SHA256SUMS', `${sum('sha256', bytes)}  ${name}\n`);
  const output = new Printed();
  const asExtension = { ...AMD64, sysext: true };
  t.is(await pullCommand(configOf(site), ['kubernetes@v1.36'], asExtension, output), 0);
  t.regex(output.text, /set kubernetes\.kubelet: \{ source: sysext, version: v1\.36\.2 \} in a profile$/m);
  await t.throwsAsync(pullCommand(configOf(site), ['flatcar'], asExtension, output), {
    instanceOf: UsageError,
    message: 'there is no system extension of flatcar, only of kubernetes',
  });
});

for (const [wanted, message] of [
  ['debian', /"debian" can't be pulled; there are flatcar, fedora-coreos, kubernetes, ipxe/],
  ['flatcar@edge', /there is no flatcar@edge; write stable, beta, alpha, lts, lts-2024 or a version/],
  ['kubernetes@1.36', /there is no kubernetes@1\.36; write stable, v1\.36 or v1\.36\.2/],
] as const) {
  test(`${wanted} is told to be no image that can be pulled`, async (t) => {
    await t.throwsAsync(pullCommand(testConfig(), [wanted], AMD64, new Printed()), {
      instanceOf: UsageError,
      message,
    });
  });
}

test('the table tells where images come from and who uses them', async (t) => {
  const site = await makeSite(t);
  const output = new Printed();
  await listCommand(configOf(site), false, output);
  t.regex(output.text, /^there is no image in .*: "rackseed images pull flatcar" gets one$/m);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar', { follow: true });
  await mkdir(join(site.assets, 'flatcar/1'));
  await mkdir(join(site.assets, '.partial/flatcar@2'));
  await writeFile(join(site.assets, '.partial/flatcar@2/vmlinuz.part'), 'half');
  const table = new Printed();
  await listCommand(configOf(site), false, table);
  const cells = table.lines.map((line) =>
    line.split(/ {2,}/).map((cell) => cell.replace(/\d{4}-.*Z$/, 'THEN')),
  );
  t.deepEqual(cells, [
    ['NAME', 'SIZE', 'FROM', 'SIGNED BY', 'USED BY'],
    ['flatcar/1', '0 B', 'put there by hand', '-', 'profile worker'],
    [
      'flatcar/4593.2.5',
      '1.2 MB',
      'flatcar@stable, THEN',
      site.key.fingerprint.slice(-16),
      'as flatcar/current',
    ],
    ['flatcar/2 was not pulled to its end: 4 B are here; pull it again to go on, or remove it'],
  ]);
  const json = new Printed();
  await listCommand(configOf(site), true, json);
  const [, image] = JSON.parse(json.text).images;
  t.like(image, {
    name: 'flatcar/4593.2.5',
    size: 1_200_000,
    signedBy: site.key.fingerprint,
    links: ['flatcar/current'],
  });
});

test('verify ends with status 1 when an image is damaged, and tells what to do', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  await mkdir(join(site.assets, 'debian/13'), { recursive: true });
  const good = new Printed();
  t.is(await verifyCommand(configOf(site), [], good), 0);
  t.deepEqual(good.lines, [
    'debian/13: put there by hand; there is nothing to compare it to',
    'flatcar/4593.2.5: is what was pulled',
  ]);
  await writeFile(join(site.assets, 'flatcar/4593.2.5', KERNEL), randomBytes(10));
  const bad = new Printed();
  t.is(await verifyCommand(configOf(site), ['flatcar/4593.2.5'], bad), 1);
  t.deepEqual(bad.lines, [
    `flatcar/4593.2.5: ${KERNEL} is not what was pulled. Pull it again, and what is wrong is replaced`,
  ]);
});

test('what was imported can be removed', async (t) => {
  const site = await makeSite(t);
  await writeFile(join(site.folder, 'vmlinuz'), 'kernel');
  const output = new Printed();
  await importCommand(configOf(site), [join(site.folder, 'vmlinuz')], { as: 'debian/13' }, output);
  await removeCommand(configOf(site), ['debian/13'], output);
  t.deepEqual(output.lines, [
    'debian/13 is here: vmlinuz, as they were, without a signature',
    'debian/13 is gone',
  ]);
});

test('the list of keys tells whose is here', async (t) => {
  const site = await makeSite(t);
  const output = new Printed();
  await writeFile(join(site.folder, 'key.asc'), site.key.publicKey.armor());
  await rm(site.settings.keyDirectory, { recursive: true });
  await addKeyCommand(configOf(site), join(site.folder, 'key.asc'), output);
  await listKeysCommand(configOf(site), output);
  const { fingerprint } = site.key;
  t.is(
    output.lines[0],
    `${fingerprint} may sign flatcar images: it is in ${site.settings.keyDirectory}/${fingerprint}.asc`,
  );
  t.deepEqual(output.lines.slice(2), [
    `flatcar  ${fingerprint}  Flatcar, a key of the tests`,
    'coreos   04127D0BFABEC8871FFB2CCE50E0885593D2DCB4  not here yet: "rackseed images key add FILE"',
  ]);
});

const FILE = {
  image: 'flatcar/1',
  file: 'initrd',
  bytes: 50_000_000,
  size: 200_000_000,
  first: { bytes: 0, at: 0 },
  isDone: false,
};

for (const [what, file, now, line] of [
  [
    'how far, how fast and how long',
    FILE,
    5000,
    '[######------------------]  25 %  50 MB of 200 MB  10 MB/s  15 s left  flatcar/1/initrd',
  ],
  [
    'what came since it began, not what was here before',
    { ...FILE, first: { bytes: 40_000_000, at: 0 } },
    5000,
    '[######------------------]  25 %  50 MB of 200 MB  2.0 MB/s  1 min 15 s left  flatcar/1/initrd',
  ],
  [
    'an amount alone while the whole is not known',
    { ...FILE, size: undefined },
    0,
    '[                        ]        50 MB  flatcar/1/initrd',
  ],
  [
    'a full bar at the end',
    { ...FILE, bytes: 200_000_000, isDone: true },
    9000,
    '[########################] 100 %  200 MB  flatcar/1/initrd',
  ],
] as const) {
  test(`a progress bar shows ${what}`, (t) => {
    t.is(progressLine(file, now), line);
  });
}

test('where there is no terminal, a file is told when it begins, now and then, and when it is complete', (t) => {
  const output = new Printed();
  let now = 0;
  const view = createPullView(output, () => now);
  const progress = (bytes: number) =>
    view.observe('flatcar', { type: 'progress', file: 'initrd', bytes, size: 100_000_000 });
  progress(0);
  for (now = 1000; now <= 25_000; now += 1000) progress(now * 1000);
  view.observe('flatcar', { type: 'file', file: 'initrd' });
  t.deepEqual(output.lines, [
    'flatcar/initrd: 0 B of 100 MB',
    'flatcar/initrd: 10 MB of 100 MB',
    'flatcar/initrd: 20 MB of 100 MB',
    'flatcar/initrd: complete, 25 MB',
  ]);
});
