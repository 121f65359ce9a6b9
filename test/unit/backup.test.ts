import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { create, extract } from 'tar';
import { makeBackup } from '../../src/backup/backup.ts';
import { type Manifest, parseManifest } from '../../src/backup/manifest.ts';
import { readNames, readOwners } from '../../src/backup/owners.ts';
import { partsOf, restoreBackup } from '../../src/backup/restore.ts';
import { chooseFiles } from '../../src/backup/sources.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { ip, machine as mac } from '../support/dhcp.ts';

const NOW = new Date('2026-03-04T05:06:07.890Z');
const LEASE = { address: ip('192.168.0.7'), mac: mac(1), expires: 5000 };
const OTHER_LEASE = { address: ip('192.168.0.8'), mac: mac(2), expires: 6000 };

const RACKSEED = `kubernetes: { server: "https://192.168.0.254:6443", ca: ../pki/ca.crt, ca_key: ../pki/ca.key }
store: { lmdb: ../store }
`;

/** A host with a configuration, a CA, and a store with a lease in it. */
async function hostFor(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-backup-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const at = (...names: string[]) => join(folder, ...names);
  for (const name of ['config/profiles', 'config/machines', 'pki', 'store/boot-ca'])
    await mkdir(at(name), { recursive: true });
  const files = {
    'config/rackseed.yaml': RACKSEED,
    'config/profiles/worker.yaml': 'boot: { image: a mistake',
    'config/.swap': 'an editor',
    'pki/ca.crt': 'certificate',
    'pki/ca.key': 'key',
    'store/boot-ca/ca.key': 'boot key',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text);
  await chmod(at('pki/ca.key'), 0o600);
  const put = async (lease: typeof LEASE) => {
    const store = openLmdbStore(at('store'), (error) => t.fail(error.message));
    await store.commit({ lease, renewal: false });
    await store.close();
  };
  await put(LEASE);
  const file = at('backup.tar.gz');
  return {
    at,
    put,
    file,
    backup: () => makeBackup({ config: at('config'), file, version: '1.2.3', now: NOW }),
    restore: (force = false, root = '/') => restoreBackup({ file, root, force, now: NOW }),
    async leases(store = at('store')) {
      const opened = openLmdbStore(store, (error) => t.fail(error.message));
      const leases = [...opened.leases()];
      await opened.close();
      return leases;
    },
    /** Changes what is in the archive. */
    async forge(change: (folder: string, manifest: Manifest) => Promise<unknown>) {
      await mkdir(at('forged'));
      await extract({ file, cwd: at('forged') });
      const manifest = JSON.parse(await readFile(at('forged/manifest.json'), 'utf8')) as Manifest;
      await change(at('forged'), manifest);
      const files = (await readdir(at('forged'), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => relative(at('forged'), join(entry.parentPath, entry.name)))
        .filter((name) => name !== 'manifest.json');
      await create({ file, gzip: true, cwd: at('forged') }, ['manifest.json', ...files]);
    },
  };
}

/** The user and group `daemon`, which every Debian has. */
async function daemonOf(): Promise<{ readonly uid: number; readonly gid: number }> {
  const { users, groups } = await readOwners();
  return { uid: users.idOf('daemon') ?? -1, gid: groups.idOf('daemon') ?? -1 };
}

test('configuration, store and keys come back on a host that lost all of them, with their modes', async (t) => {
  const { at, backup, restore, leases, file } = await hostFor(t);
  const { manifest, store, leftOut } = await backup();
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual(store, { version: 2, machines: 0, leases: 1, decisions: 0, apiTokens: 0 });
  t.deepEqual(leftOut, []);
  t.deepEqual(
    manifest.entries.map(({ name }) => name),
    [
      'store/data.mdb',
      'config',
      'config/machines',
      'config/profiles',
      'config/profiles/worker.yaml',
      'config/rackseed.yaml',
      'store/boot-ca',
      'store/boot-ca/ca.key',
      'files/2',
      'files/3',
    ],
  );
  for (const name of ['config', 'pki', 'store']) await rm(at(name), { recursive: true });

  const report = await restore();
  t.true(report.placed.every(({ before }) => before === undefined));
  t.deepEqual(await leases(), [LEASE]);
  t.is(await readFile(at('config/rackseed.yaml'), 'utf8'), RACKSEED);
  t.is(await readFile(at('store/boot-ca/ca.key'), 'utf8'), 'boot key');
  t.is(await readFile(at('pki/ca.key'), 'utf8'), 'key');
  t.is((await stat(at('pki/ca.key'))).mode & 0o777, 0o600);
  t.deepEqual(await readdir(at('config/machines')), []);
  t.deepEqual((await readdir(at('store'))).sort(), ['boot-ca', 'data.mdb', 'lock.mdb']);
});

test('files come back to the users and groups that had them, and the service keeps its store', async (t) => {
  const { at, backup, restore } = await hostFor(t);
  const { uid, gid } = await daemonOf();
  const owned = ['store', 'store/data.mdb', 'store/boot-ca', 'store/boot-ca/ca.key', 'config/rackseed.yaml'];
  for (const name of owned) await chown(at(name), uid, gid);
  await rm(at('store/lock.mdb'));
  await backup();
  t.is((await stat(at('store/lock.mdb'))).uid, uid, 'or the service could not open it any more');
  for (const name of ['config', 'pki', 'store']) await rm(at(name), { recursive: true });
  t.deepEqual((await restore()).unknown, []);
  for (const name of owned) t.like(await stat(at(name)), { uid, gid }, name);
  t.like(await stat(at('pki/ca.key')), { uid: 0, gid: 0 });
});

test('a backup can be restored into the folder of another system', async (t) => {
  const { at, backup, restore, leases } = await hostFor(t);
  await backup();
  const { unknown } = await restore(false, at('other'));
  t.deepEqual(await leases(join(at('other'), at('store'))), [LEASE]);
  t.deepEqual(unknown, ['user root', 'group root'], 'it has no /etc/passwd');
});

test('a store that holds something is replaced only by force, and kept beside with all that was replaced', async (t) => {
  const { at, backup, restore, leases, put } = await hostFor(t);
  await backup();
  await put(OTHER_LEASE);
  await writeFile(at('pki/ca.key'), 'newer key');
  await t.throwsAsync(restore(), {
    message: `the store in ${at('store')} holds 0 machines and 2 leases: with --force they are kept beside, and the backup takes their place`,
  });
  t.is(await readFile(at('pki/ca.key'), 'utf8'), 'newer key');

  const { placed } = await restore(true);
  t.deepEqual(await leases(), [LEASE]);
  t.is(await readFile(at('config/.swap'), 'utf8'), 'an editor');
  const before = new Map(placed.map((place) => [place.path, place.before ?? '']));
  t.is(before.get(at('pki/ca.key')), at('pki/ca.key.before-2026-03-04T05-06-07Z'));
  t.is(await readFile(before.get(at('pki/ca.key')) ?? '', 'utf8'), 'newer key');
  await mkdir(at('kept'));
  await writeFile(at('kept/data.mdb'), await readFile(before.get(at('store/data.mdb')) ?? ''));
  t.deepEqual(await leases(at('kept')), [LEASE, OTHER_LEASE]);
});

test('nothing is restored while a process has the store open', async (t) => {
  const { at, backup, restore } = await hostFor(t);
  const store = openLmdbStore(at('store'), (error) => t.fail(error.message));
  await backup();
  await t.throwsAsync(restore(true), {
    message: new RegExp(`is in use by process ${process.pid} \\(\\S+\\): stop the service first`),
  });
  await store.close();
  await t.notThrowsAsync(restore(true));
});

test('a restore that fails half-way puts everything back', async (t) => {
  const { at, backup, restore, leases, put } = await hostFor(t);
  await backup();
  await put(OTHER_LEASE);
  await rm(at('pki'), { recursive: true });
  await writeFile(at('pki'), 'not a folder');
  const before = [await readdir(at('config')), await readdir(at('store'))];
  await t.throwsAsync(restore(true), { message: /EEXIST|ENOTDIR/ });
  t.deepEqual(
    [await readdir(at('config')), await readdir(at('store'))].map((names) => names.sort()),
    before,
  );
  t.deepEqual(await leases(), [LEASE, OTHER_LEASE]);
});

test('a restore that fails when most is in place puts everything back', async (t) => {
  const { at, backup, restore, leases, put } = await hostFor(t);
  await backup();
  await put(OTHER_LEASE);
  // The CA's key comes last, and can't be kept under this name.
  await mkdir(at('pki/ca.key.before-2026-03-04T05-06-07Z/mine'), { recursive: true });
  // Whoever opens the store makes its lock anew.
  const look = async () => {
    const names = await Promise.all(['config', 'store', 'pki'].map((name) => readdir(at(name))));
    return names.map((each) => each.filter((name) => name !== 'lock.mdb').sort());
  };
  const before = await look();
  await t.throwsAsync(restore(true), { message: /EISDIR/ });
  t.deepEqual(await look(), before);
  t.deepEqual(await leases(), [LEASE, OTHER_LEASE]);
});

const DAMAGES: Readonly<
  Record<string, [damage: (host: Awaited<ReturnType<typeof hostFor>>) => Promise<unknown>, message: RegExp]>
> = {
  'is cut off': [
    async ({ file }) => writeFile(file, (await readFile(file)).subarray(0, -200)),
    /backup.tar.gz is damaged or no backup: /,
  ],
  'is no archive': [({ file }) => writeFile(file, 'leases'), /backup.tar.gz is damaged or no backup: /],
  'holds another file than it says': [
    ({ forge }) => forge((folder) => writeFile(join(folder, 'files/3'), 'KEY')),
    /its files\/3 is not what it was when the backup was made/,
  ],
  'lacks a file': [
    ({ forge }) => forge((folder) => rm(join(folder, 'files/3'))),
    /its files\/3 is missing or cut off/,
  ],
  'holds a file too many': [
    ({ forge }) => forge((folder) => writeFile(join(folder, 'files/9'), '')),
    /it holds files\/9, which its manifest doesn't name/,
  ],
  'was made by a later rackseed': [
    ({ forge }) => forge((folder, manifest) => rewrite(folder, { ...manifest, format: 2 })),
    /a later rackseed has made it \(format 2, and this one knows 1\)/,
  ],
  'holds the store of a later rackseed': [
    ({ forge }) => forge((folder, manifest) => rewrite(folder, { ...manifest, storeVersion: 9 })),
    /can't be used here: a later rackseed has written it \(its version is 9, and this one knows up to 2\)/,
  ],
};

const rewrite = (folder: string, manifest: Manifest) =>
  writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));

for (const [how, [damage, message]] of Object.entries(DAMAGES)) {
  test(`a backup that ${how} is refused, and nothing is touched`, async (t) => {
    const host = await hostFor(t);
    await host.backup();
    await damage(host);
    await writeFile(host.at('pki/ca.key'), 'newer key');
    await t.throwsAsync(host.restore(true), { message });
    t.is(await readFile(host.at('pki/ca.key'), 'utf8'), 'newer key');
    t.deepEqual(await host.leases(), [LEASE]);
    t.deepEqual((await readdir(host.at('store'))).sort(), ['boot-ca', 'data.mdb', 'lock.mdb']);
  });
}

test('a backup takes the place of no other file, and leaves nothing behind when it fails', async (t) => {
  const { at, backup, file } = await hostFor(t);
  await writeFile(file, 'of yesterday');
  await t.throwsAsync(backup(), { message: /backup.tar.gz is there already and is left as it was/ });
  t.is(await readFile(file, 'utf8'), 'of yesterday');
  await rm(file);
  await rm(at('store'), { recursive: true });
  await t.throwsAsync(backup(), { message: /there is no store in .*: either no service has run yet/ });
  t.deepEqual((await readdir(at('.'))).sort(), ['config', 'pki']);
});

test('of the files that a configuration names, those of the control plane and those that are gone stay out', (t) => {
  const there = new Set(['/s/boot-ca', '/k/pki/ca.key', '/k/pki/sa.key', '/tls/admin.key', '/c/hook.secret']);
  const { places, leftOut } = chooseFiles(
    ['/k/pki/ca.key', '/tls/admin.key', '/tls/admin.crt', '/c/hook.secret', '/s/boot-ca/ca.key'],
    { config: '/c', store: '/s', exists: (path) => there.has(path) },
  );
  t.deepEqual(places, [
    { path: '/c', name: 'config' },
    { path: '/s/boot-ca', name: 'store/boot-ca' },
    { path: '/tls/admin.key', name: 'files/2' },
  ]);
  t.deepEqual(leftOut, [
    { path: '/k/pki/ca.key', why: "it is the control plane's: back that up by its own means" },
    { path: '/tls/admin.crt', why: 'there is no such file' },
  ]);
});

test('a part is a file or folder as a whole; what lies in the configuration is a part each', (t) => {
  const entry = (type: 'file' | 'folder', name: string, path: string) =>
    ({ type, name, path, mode: 0, size: 0, sha256: '' }) as Manifest['entries'][number];
  const parts = partsOf({
    entries: [
      entry('folder', 'config', '/c'),
      entry('folder', 'config/profiles', '/c/profiles'),
      entry('file', 'config/profiles/a', '/c/profiles/a'),
      entry('file', 'config/b', '/c/b'),
    ],
  });
  t.deepEqual(
    parts.map(({ entry: { path }, inside }) => [path, ...inside.map((other) => other.path)]),
    [['/c/profiles', '/c/profiles/a'], ['/c/b']],
  );
});

test('users and groups are known by name and by number; the first of two counts', (t) => {
  const table = readNames('root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\nrackseed:x:998:\nbroken:x\n');
  t.deepEqual(
    [table.nameOf(0), table.nameOf(998), table.nameOf(5), table.idOf('toor'), table.idOf('broken')],
    ['root', 'rackseed', undefined, 0, undefined],
  );
});

test('a manifest names no place outside of the archive', (t) => {
  const manifest = (name: string) =>
    JSON.stringify({
      format: 1,
      rackseed: '1',
      made: '',
      store: '/s',
      storeVersion: 1,
      entries: [{ type: 'folder', name, path: '/c', mode: 0o755 }],
    });
  t.is(parseManifest(manifest('config/a..b')).entries.length, 1);
  for (const name of ['config/../etc', '../etc', '/etc', 'other', 'config//a', 'config/.'])
    t.throws(() => parseManifest(manifest(name)), { message: /its manifest is damaged/ }, name);
});
