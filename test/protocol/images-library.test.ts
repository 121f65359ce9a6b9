import { mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Config, Profile } from '../../src/config/config.ts';
import { importImage } from '../../src/images/import.ts';
import { addKeys, pinnedKeys } from '../../src/images/keyring.ts';
import { readLibrary, removeImage, verifyImage } from '../../src/images/library.ts';
import { createServedCheck, DamagedFile } from '../../src/images/served-check.ts';
import { testConfig } from '../support/provisioning.ts';
import { digestsOf, INITRD, KERNEL, makeKey, makeSite, type Site, signBytes } from '../support/releases.ts';

/** A configuration with the site's assets folder, and one profile that boots `image`. */
function configOf({ assets, settings }: Site, image = 'flatcar/1', changes: Partial<Config> = {}): Config {
  const usual = testConfig();
  const worker = usual.profiles.get('worker') as Profile;
  const boot = { ...worker.boot, image } as Profile['boot'];
  return {
    ...usual,
    images: settings,
    assets: { directory: assets, memory: 0 },
    profiles: new Map([['worker', { ...worker, boot }]]),
    ...changes,
  };
}

test('the list tells of every image where it comes from, who uses it, and what was not pulled to its end', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar', { follow: true });
  await mkdir(join(site.assets, 'debian/13'), { recursive: true });
  await writeFile(join(site.assets, 'debian/13/vmlinuz'), 'by hand');
  await mkdir(join(site.assets, '.partial/flatcar@4593.2.6'), { recursive: true });
  await writeFile(join(site.assets, `.partial/flatcar@4593.2.6/${INITRD}.part`), 'half');
  const { images, partial } = await readLibrary(configOf(site, 'flatcar/current'));
  t.deepEqual(
    images.map(({ name, size, manifest, uses, links }) => ({
      name,
      size,
      origin: manifest?.origin,
      uses,
      links,
    })),
    [
      { name: 'debian/13', size: 7, origin: undefined, uses: [], links: [] },
      {
        name: 'flatcar/4593.2.5',
        size: 1_200_000,
        origin: 'flatcar@stable',
        uses: [{ what: 'profile worker', name: 'flatcar/current' }],
        links: ['flatcar/current'],
      },
    ],
  );
  t.deepEqual(partial, [{ name: 'flatcar/4593.2.6', size: 4 }]);
});

test('current follows a channel only when told to', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.4');
  t.is((await site.pull('flatcar', { follow: true })).followed, 'flatcar/current');
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  t.is(await readlink(join(site.assets, 'flatcar/current')), '4593.2.4');
  await site.pull('flatcar', { follow: true });
  t.is(await readlink(join(site.assets, 'flatcar/current')), '4593.2.5');
  t.truthy(await stat(join(site.assets, 'flatcar/4593.2.4', INITRD)), 'the version before stays');
});

test('a folder that somebody made in the place of current is left alone', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await mkdir(join(site.assets, 'flatcar/current'), { recursive: true });
  await t.throwsAsync(site.pull('flatcar', { follow: true }), {
    message: /current is a folder and not a link: move it away/,
  });
});

test('verify tells which files are damaged or missing, and knows nothing of what was put there by hand', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  const name = 'flatcar/4593.2.5';
  t.deepEqual(await verifyImage(site.assets, name), { name, isKnown: true, faults: [] });
  await writeFile(join(site.assets, name, KERNEL), 'damaged');
  await rm(join(site.assets, name, INITRD));
  t.deepEqual((await verifyImage(site.assets, name)).faults, [
    `${KERNEL} is not what was pulled`,
    `${INITRD} is missing`,
  ]);
  await mkdir(join(site.assets, 'debian/13'), { recursive: true });
  t.false((await verifyImage(site.assets, 'debian/13')).isKnown);
  await t.throwsAsync(verifyImage(site.assets, 'flatcar/9'), {
    message: /there is no image flatcar\/9 in .*"rackseed images list"/,
  });
  await t.throwsAsync(verifyImage(site.assets, '../etc'), {
    message: /"\.\.\/etc" is not the name of an image/,
  });
  await writeFile(join(site.assets, name, '.rackseed.json'), '{');
  t.regex((await verifyImage(site.assets, name)).faults.join(), /\.rackseed\.json is damaged/);
});

test('an image that something uses is not removed, however it is named there', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar', { follow: true });
  const name = 'flatcar/4593.2.5';
  await t.throwsAsync(removeImage(configOf(site, name), name), {
    message: /is used by profile worker: change that first/,
  });
  await t.throwsAsync(removeImage(configOf(site, 'flatcar/current'), name), {
    message: /is used by profile worker \(as flatcar\/current\)/,
  });
  const firmware = { directory: join(site.assets, name, 'x86_64'), loaders: [] };
  await t.throwsAsync(removeImage(configOf(site, 'other/1', { firmware }), name), {
    message: /is used by firmware\.directory/,
  });
  await t.throwsAsync(removeImage(configOf(site), 'flatcar/current'), {
    message: /flatcar\/current is a link/,
  });
  await removeImage(configOf(site), name);
  t.deepEqual(await site.visible(), {});
  await t.throwsAsync(
    stat(join(site.assets, 'flatcar/current')),
    { code: 'ENOENT' },
    'no link is left that leads nowhere',
  );
  await t.throwsAsync(removeImage(configOf(site), name), { message: /there is no image/ });
});

test('a kubelet that a profile takes from assets is in use as well', async (t) => {
  const site = await makeSite(t);
  await mkdir(join(site.assets, 'kubernetes/v1.36.2'), { recursive: true });
  const config = configOf(site);
  const worker = config.profiles.get('worker') as Profile;
  const kubernetes = {
    role: 'worker',
    kubelet: { source: 'assets', version: 'v1.36.2' },
    labels: {},
    taints: [],
    config: {},
  } as const;
  const profiles = new Map([['worker', { ...worker, kubernetes }]]);
  await t.throwsAsync(removeImage({ ...config, profiles }, 'kubernetes/v1.36.2'), {
    message: /is used by profile worker/,
  });
});

test('what is here of a pull that was not finished can be removed', async (t) => {
  const site = await makeSite(t);
  await mkdir(join(site.assets, '.partial/flatcar@4593.2.6'), { recursive: true });
  await removeImage(configOf(site), 'flatcar/4593.2.6');
  t.deepEqual((await readLibrary(configOf(site))).partial, []);
});

/** Files as somebody archived them: Container Linux with its version.txt, signed file by file. */
async function archive(site: Site, files: Record<string, Buffer>, versionText?: string): Promise<string> {
  const folder = join(site.folder, 'archive');
  await mkdir(folder);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  if (versionText !== undefined) await writeFile(join(folder, 'version.txt'), versionText);
  return folder;
}

const COREOS_KERNEL = 'coreos_production_pxe.vmlinuz';
const COREOS_INITRD = 'coreos_production_pxe_image.cpio.gz';

test('an archived Container Linux is imported by the signatures that lie beside its files', async (t) => {
  const site = await makeSite(t);
  const coreos = await makeKey('CoreOS');
  const settings = { ...site.settings, keys: { ...site.settings.keys, coreos: [coreos.fingerprint] } };
  const [kernel, initrd] = [Buffer.alloc(300_000, 1), Buffer.alloc(900_000, 2)];
  const digests = Buffer.from(digestsOf(COREOS_INITRD, initrd));
  const folder = await archive(
    site,
    {
      [COREOS_KERNEL]: kernel,
      [`${COREOS_KERNEL}.sig`]: await signBytes(coreos, kernel),
      [COREOS_INITRD]: initrd,
      [`${COREOS_INITRD}.DIGESTS`]: digests,
      [`${COREOS_INITRD}.DIGESTS.sig`]: await signBytes(coreos, digests),
    },
    'COREOS_BUILD=2512\nCOREOS_VERSION=2512.3.0\n',
  );
  const parts = { assets: site.assets, settings };
  const request = { paths: [folder], unsigned: false };
  await t.throwsAsync(importImage(request, parts), {
    message: /the key that signs coreos images .* "rackseed images key add FILE"/,
  });
  await writeFile(join(site.folder, 'coreos.asc'), coreos.publicKey.armor());
  t.deepEqual(
    (await addKeys(join(site.folder, 'coreos.asc'), settings)).map(({ families }) => families),
    [['coreos']],
  );
  t.deepEqual(await importImage(request, parts), {
    image: 'coreos/2512.3.0',
    files: [COREOS_KERNEL, COREOS_INITRD],
    signedBy: coreos.fingerprint,
  });
  t.deepEqual((await verifyImage(site.assets, 'coreos/2512.3.0')).faults, []);
  await t.throwsAsync(importImage(request, parts), {
    message: /coreos\/2512\.3\.0 is here already and was left as it is/,
  });
});

for (const [what, damage, message] of [
  [
    'without a signature',
    async (folder: string) => rm(join(folder, `${KERNEL}.sig`)),
    /neither .*\.sig nor .*\.DIGESTS with its \.sig lies in .* \(--unsigned takes it all the same\)/,
  ],
  [
    'that was changed after it was signed',
    async (folder: string) => writeFile(join(folder, KERNEL), 'changed'),
    /its signature by [0-9A-F]{16} is for something else/,
  ],
] as const) {
  test(`a file ${what} is not imported, nor anything else with it`, async (t) => {
    const site = await makeSite(t);
    const kernel = Buffer.alloc(1000, 1);
    const folder = await archive(
      site,
      { [KERNEL]: kernel, [`${KERNEL}.sig`]: await signBytes(site.key, kernel) },
      'FLATCAR_VERSION=4593.2.5\n',
    );
    await damage(folder);
    const parts = { assets: site.assets, settings: site.settings };
    await t.throwsAsync(importImage({ paths: [folder], unsigned: false }, parts), { message });
    t.deepEqual(await site.visible(), {});
    t.deepEqual((await readLibrary(configOf(site))).partial, []);
    t.is((await importImage({ paths: [folder], unsigned: true }, parts)).image, 'flatcar/4593.2.5');
  });
}

test('files of any other make are imported under the name that they are given', async (t) => {
  const site = await makeSite(t);
  const folder = await archive(site, { vmlinuz: Buffer.from('kernel'), 'initrd.img': Buffer.from('initrd') });
  const parts = { assets: site.assets, settings: site.settings };
  const paths = [join(folder, 'vmlinuz'), join(folder, 'initrd.img')];
  await t.throwsAsync(importImage({ paths, unsigned: false }, parts), {
    message: /say nothing: tell what they are, as in --as debian\/13/,
  });
  for (const as of ['../debian', 'debian', '.partial/13', 'a/b/c']) {
    await t.throwsAsync(importImage({ paths, as, unsigned: false }, parts), {
      message: /can't be the name of an image/,
    });
  }
  t.is((await importImage({ paths, as: 'debian/13', unsigned: false }, parts)).image, 'debian/13');
  t.is(await readFile(join(site.assets, 'debian/13/vmlinuz'), 'utf8'), 'kernel');
});

test('a key is added only when the configuration names its fingerprint', async (t) => {
  const site = await makeSite(t);
  const stranger = await makeKey('Somebody');
  const path = join(site.folder, 'stranger.asc');
  await writeFile(path, stranger.publicKey.armor());
  await t.throwsAsync(addKeys(path, site.settings), {
    message: new RegExp(`holds ${stranger.fingerprint}, which may sign nothing here`),
  });
  await writeFile(path, stranger.privateKey.armor());
  await t.throwsAsync(addKeys(path, site.settings), { message: /it holds a private key/ });
  await writeFile(path, 'nothing');
  await t.throwsAsync(addKeys(path, site.settings), {
    message: /stranger\.asc can't be used: it holds no OpenPGP key/,
  });
  const pinned = await pinnedKeys(site.settings);
  t.deepEqual(
    pinned.map(({ family, user }) => [family, user]),
    [
      ['flatcar', 'Flatcar, a key of the tests'],
      ['coreos', undefined],
    ],
  );
});

test('a file is read again before it is first sent, and not sent when it is not what was pulled', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  await site.pull('flatcar');
  const told: string[] = [];
  const check = createServedCheck(
    () => site.assets,
    (message) => told.push(message),
  );
  const path = join(site.assets, 'flatcar/4593.2.5', INITRD);
  const size = 1_000_000;
  await t.notThrowsAsync(check({ path, size, etag: '"1"' }));
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await t.notThrowsAsync(check({ path, size, etag: '"1"' }), 'the same file is not read twice');
  for (let times = 0; times < 2; times += 1) {
    await t.throwsAsync(check({ path, size, etag: '"2"' }), {
      instanceOf: DamagedFile,
      message: /is not what was pulled as flatcar\/4593\.2\.5, so no machine gets it/,
    });
  }
  t.is(told.length, 1);
  await mkdir(join(site.assets, 'debian/13'), { recursive: true });
  const other = join(site.assets, 'debian/13/vmlinuz');
  await writeFile(other, 'by hand');
  await symlink('vmlinuz', join(site.assets, 'debian/13/kernel'));
  await t.notThrowsAsync(check({ path: other, size: 7, etag: '"3"' }));
});
