import { randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { create } from 'tar';
import { makeKey, makeSite, type Site, signBytes, sum } from '../support/releases.ts';

const STREAM = '44.20260802.3.1';

/** Publishes a release of Fedora CoreOS as its stream tells it. */
function publishFedora(site: Site, changes: Record<string, string> = {}): void {
  const { server } = site;
  const part = (name: string) => {
    const path = `/prod/fedora-coreos-${STREAM}-live-${name}`;
    const bytes = randomBytes(50_000);
    server.publish(path, bytes);
    return {
      location: server.url + path,
      signature: `${server.url}${path}.sig`,
      sha256: sum('sha256', bytes),
      ...changes,
    };
  };
  const pxe = {
    kernel: part('kernel.x86_64'),
    initramfs: part('initramfs.x86_64.img'),
    rootfs: part('rootfs.x86_64.img'),
  };
  const metal = { release: STREAM, formats: { pxe, iso: {} } };
  const stream = { stream: 'stable', architectures: { x86_64: { artifacts: { metal, aws: {} } } } };
  server.publish('/streams/stable.json', JSON.stringify(stream));
}

const FEDORA = `fedora-coreos/${STREAM}`;

test('Fedora CoreOS is pulled under its own file names, each with a second one that stays the same', async (t) => {
  const site = await makeSite(t);
  publishFedora(site);
  const result = await site.pull('fedora-coreos@stable', { follow: true });
  t.deepEqual(result, { image: FEDORA, outcome: 'new', followed: 'fedora-coreos/current' });
  const folder = join(site.assets, FEDORA);
  t.is(await readlink(join(folder, 'vmlinuz')), `fedora-coreos-${STREAM}-live-kernel.x86_64`);
  t.is(await readlink(join(folder, 'initrd.img')), `fedora-coreos-${STREAM}-live-initramfs.x86_64.img`);
  const through = await readFile(join(site.assets, 'fedora-coreos/current/rootfs.img'));
  t.is(
    sum('sha256', through),
    sum('sha256', site.server.file(`/prod/fedora-coreos-${STREAM}-live-rootfs.x86_64.img`)),
  );
  await rm(join(folder, 'rootfs.img'));
  t.is((await site.pull('fedora-coreos')).outcome, 'repaired');
  t.true((await lstat(join(folder, 'rootfs.img'))).isSymbolicLink());
});

test('a stream without images for a processor is told as that', async (t) => {
  const site = await makeSite(t);
  publishFedora(site);
  await t.throwsAsync(site.pull('fedora-coreos', { arch: 'arm64' }), {
    message: /has no images for network boot of aarch64 machines/,
  });
});

for (const [what, changes, message] of [
  ['a checksum that is none', { sha256: 'abc' }, /its kernel can't be used/],
  ['a checksum of something else', { sha256: '0'.repeat(64) }, /is not what its publisher vouches for/],
  ['a name that leads elsewhere', { location: 'http://127.0.0.1/..%2f..' }, /its kernel can't be used/],
] as const) {
  test(`a stream with ${what} is refused`, async (t) => {
    const site = await makeSite(t);
    publishFedora(site, changes);
    await t.throwsAsync(site.pull('fedora-coreos'), { message });
    t.deepEqual(await site.visible(), {});
  });
}

test('where a key is named for Fedora CoreOS, every file must be signed by it', async (t) => {
  const fedora = await makeKey('Fedora');
  const flatcar = await makeKey('Flatcar');
  const site = await makeSite(t, {
    keys: { flatcar: [], coreos: [], 'fedora-coreos': [fedora.fingerprint] },
  });
  await writeFile(join(site.settings.keyDirectory, 'fedora.asc'), fedora.publicKey.armor());
  publishFedora(site);
  const files = ['kernel.x86_64', 'initramfs.x86_64.img', 'rootfs.x86_64.img'].map(
    (name) => `/prod/fedora-coreos-${STREAM}-live-${name}`,
  );
  for (const path of files)
    site.server.publish(`${path}.sig`, await signBytes(flatcar, site.server.file(path)));
  await t.throwsAsync(site.pull('fedora-coreos'), {
    message: /can't be trusted: it is signed by [0-9A-F]{16}, which is none/,
  });
  t.deepEqual(await site.visible(), {});
  for (const path of files)
    site.server.publish(`${path}.sig`, await signBytes(fedora, site.server.file(path)));
  t.is((await site.pull('fedora-coreos')).signedBy, fedora.fingerprint);
});

test('what nobody has signed is not fetched over a way on which anybody could change it', async (t) => {
  const base = await makeSite(t);
  const mirrors = {
    ...base.settings.mirrors,
    fedoraCoreos: 'http://192.0.2.1',
    kubernetes: 'http://192.0.2.1',
    ipxe: 'http://192.0.2.1',
  };
  for (const wanted of ['fedora-coreos', 'kubernetes', 'ipxe']) {
    await t.throwsAsync(base.pull(wanted, { settings: { ...base.settings, mirrors } }), {
      message:
        /isn't signed, and anybody could change it on its way from http:\/\/192\.0\.2\.1.*: name a mirror that begins with https:/,
    });
  }
});

/** Publishes Kubernetes, and the CNI plugins. */
function publishKubernetes({ server }: Site, version: string, plugins = 'v1.9.0'): void {
  server.publish(`/k8s/release/stable-${version.slice(1, 5)}.txt`, `${version}\n`);
  server.publish('/k8s/release/stable.txt', version);
  for (const name of ['kubelet', 'kubectl', 'kubeadm']) {
    const bytes = randomBytes(30_000);
    server.publish(`/k8s/release/${version}/bin/linux/amd64/${name}`, bytes);
    server.publish(`/k8s/release/${version}/bin/linux/amd64/${name}.sha512`, sum('sha512', bytes));
  }
  const archive = `cni-plugins-linux-amd64-${plugins}.tgz`;
  const bytes = randomBytes(40_000);
  server.publish(`/cni/${archive}`, bytes);
  server.publish(`/cni/${archive}.sha512`, `${sum('sha512', bytes)}  ${archive}\n`);
  const asset = (name: string, size: number) => ({
    name,
    size,
    browser_download_url: `${server.url}/cni/${name}`,
  });
  const release = {
    tag_name: plugins,
    assets: [asset(archive, bytes.length), asset(`${archive}.sha512`, 160)],
  };
  server.publish('/api/cni/releases/latest', JSON.stringify(release));
}

test('of Kubernetes the newest version of a minor release is pulled, with the CNI plugins and a checksum for nodes', async (t) => {
  const site = await makeSite(t);
  publishKubernetes(site, 'v1.36.2');
  const { image } = await site.pull('kubernetes@v1.36');
  t.is(image, 'kubernetes/v1.36.2');
  const names = ['kubelet', 'kubectl', 'kubeadm', 'cni-plugins.tgz'];
  t.deepEqual(
    Object.keys(await site.visible()).sort(),
    names.flatMap((name) => [`${image}/${name}`, `${image}/${name}.sha512`]).sort(),
  );
  for (const name of names) {
    const [bytes, line] = await Promise.all([
      readFile(join(site.assets, image, name)),
      readFile(join(site.assets, image, `${name}.sha512`), 'utf8'),
    ]);
    t.is(line, `${sum('sha512', bytes)}  ${name}\n`);
  }
});

test('a version of Kubernetes that is here keeps its CNI plugins when there are newer ones', async (t) => {
  const site = await makeSite(t);
  publishKubernetes(site, 'v1.36.2');
  await site.pull('kubernetes@v1.36.2');
  const { server } = site;
  const kubelet = server.file('/k8s/release/v1.36.2/bin/linux/amd64/kubelet');
  server.publish('/api/cni/releases/latest', '{}');
  await rm(join(site.assets, 'kubernetes/v1.36.2/kubelet.sha512'));
  t.is((await site.pull('kubernetes@v1.36')).outcome, 'repaired');
  t.true((await readFile(join(site.assets, 'kubernetes/v1.36.2/kubelet'))).equals(kubelet));
  t.regex(
    await readFile(join(site.assets, 'kubernetes/v1.36.2/kubelet.sha512'), 'utf8'),
    /^[0-9a-f]{128} {2}kubelet\n$/,
  );
});

test('a program of Kubernetes that is not what its checksum says is refused', async (t) => {
  const site = await makeSite(t);
  publishKubernetes(site, 'v1.36.2');
  site.server.publish('/k8s/release/v1.36.2/bin/linux/amd64/kubectl', randomBytes(30_000));
  await t.throwsAsync(site.pull('kubernetes'), {
    message: /amd64\/kubectl is not what its publisher vouches for/,
  });
  t.deepEqual(await site.visible(), {});
});

/** Publishes system extensions of Kubernetes, as Flatcar's project does: one list of all of them. */
function publishExtensions({ server }: Site, names: readonly string[]): ReadonlyMap<string, Buffer> {
  const files = new Map(names.map((name) => [name, randomBytes(50_000)]));
  for (const [name, bytes] of files) server.publish(`/extensions/kubernetes/${name}`, bytes);
  const sums = [...files].map(([name, bytes]) => `${sum('sha256', bytes)}  ${name}\n`);
  server.publish('/extensions/kubernetes/SHA256SUMS', sums.join(''));
  return files;
}

const EXTENSIONS = [
  'kubernetes-v1.36.9-x86-64.raw',
  'kubernetes-v1.36.10-x86-64.raw',
  'kubernetes-v1.36.11-arm64.raw',
  'kubernetes-v1.36.12-rc.1-x86-64.raw',
  'kubernetes-v1.37.0-x86-64.raw',
  'kubernetes-v1.36.conf',
];

for (const [wanted, arch, image, name] of [
  ['kubernetes@v1.36', 'amd64', 'kubernetes/v1.36.10', 'kubernetes-v1.36.10-x86-64.raw'],
  ['kubernetes@v1.36.9', 'amd64', 'kubernetes/v1.36.9', 'kubernetes-v1.36.9-x86-64.raw'],
  ['kubernetes', 'amd64', 'kubernetes/v1.37.0', 'kubernetes-v1.37.0-x86-64.raw'],
  ['kubernetes@v1.36', 'arm64', 'kubernetes/v1.36.11-arm64', 'kubernetes-v1.36.11-arm64.raw'],
] as const) {
  test(`of ${wanted} for ${arch} the system extension is ${name}, with the checksum that nodes ask for`, async (t) => {
    const site = await makeSite(t);
    const bytes = publishExtensions(site, EXTENSIONS).get(name) ?? Buffer.alloc(0);
    t.is((await site.pull(wanted, { arch, sysext: true })).image, image);
    t.deepEqual(await site.visible(), {
      [`${image}/kubernetes.raw`]: sum('sha256', bytes),
      [`${image}/kubernetes.raw.sha512`]: sum(
        'sha256',
        Buffer.from(`${sum('sha512', bytes)}  kubernetes.raw\n`),
      ),
    });
    t.is((await site.pull(wanted, { arch, sysext: true })).outcome, 'unchanged');
  });
}

test('the programs and the system extension of a version lie beside each other, whichever comes first', async (t) => {
  for (const sysext of [false, true]) {
    const site = await makeSite(t);
    publishKubernetes(site, 'v1.36.10');
    publishExtensions(site, EXTENSIONS);
    for (const each of [sysext, !sysext]) await site.pull('kubernetes@v1.36', { sysext: each });
    const files = ['kubelet', 'kubectl', 'kubeadm', 'cni-plugins.tgz', 'kubernetes.raw'];
    t.deepEqual(
      Object.keys(await site.visible()).sort(),
      files.flatMap((name) => [`kubernetes/v1.36.10/${name}`, `kubernetes/v1.36.10/${name}.sha512`]).sort(),
    );
    for (const each of [false, true])
      t.is((await site.pull('kubernetes@v1.36', { sysext: each })).outcome, 'unchanged');
  }
});

test('a system extension that is not published is told with what there is; a damaged one is refused', async (t) => {
  const site = await makeSite(t);
  publishExtensions(site, EXTENSIONS);
  await t.throwsAsync(site.pull('kubernetes@v1.35', { sysext: true }), {
    message: /SHA256SUMS names no system extension of Kubernetes v1\.35 for amd64 \(it has v1\.36, v1\.37\)/,
  });
  site.server.publish('/extensions/kubernetes/kubernetes-v1.37.0-x86-64.raw', randomBytes(50_000));
  await t.throwsAsync(site.pull('kubernetes', { sysext: true }), {
    message: /kubernetes-v1\.37\.0-x86-64\.raw is not what its publisher vouches for/,
  });
  t.deepEqual(await site.visible(), {});
  const { mirrors } = site.settings;
  const settings = { ...site.settings, mirrors: { ...mirrors, sysext: 'http://192.0.2.1' } };
  await t.throwsAsync(site.pull('kubernetes', { sysext: true, settings }), {
    message: /a checksum isn't signed, and anybody could change it on its way from http:\/\/192\.0\.2\.1/,
  });
});

/** Packs and publishes a tree of loaders; `more` adds to what is packed. */
async function publishIpxe(
  t: ExecutionContext,
  { server }: Site,
  more: (tree: string) => Promise<void> = async () => {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-ipxe-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const tree = join(folder, 'ipxeboot');
  await mkdir(join(tree, 'x86_64'), { recursive: true });
  await mkdir(join(tree, 'x86_64-sb'));
  for (const name of ['x86_64/snponly.efi', 'x86_64/undionly.kpxe', 'x86_64-sb/shimx64.efi']) {
    await writeFile(join(tree, name), `the loader ${name}`);
  }
  await symlink('x86_64/undionly.kpxe', join(tree, 'undionly.kpxe'));
  await symlink('x86_64-sb', join(tree, 'sb'));
  await more(tree);
  const archive = join(folder, 'ipxeboot.tar.gz');
  await create({ gzip: true, file: archive, cwd: folder, preservePaths: true }, ['ipxeboot']);
  const bytes = await readFile(archive);
  server.publish('/dl/ipxeboot.tar.gz', bytes);
  const asset = {
    name: 'ipxeboot.tar.gz',
    size: bytes.length,
    browser_download_url: `${server.url}/dl/ipxeboot.tar.gz`,
    digest: `sha256:${sum('sha256', bytes)}`,
  };
  const release = JSON.stringify({ tag_name: 'v2.0.0', assets: [asset] });
  server.publish('/api/ipxe/releases/latest', release);
  server.publish('/api/ipxe/releases/tags/v2.0.0', release);
}

test('of iPXE the tree of loaders is pulled and unpacked, links included', async (t) => {
  const site = await makeSite(t);
  await publishIpxe(t, site);
  t.is((await site.pull('ipxe')).image, 'ipxe/v2.0.0');
  const folder = join(site.assets, 'ipxe/v2.0.0');
  t.is(await readFile(join(folder, 'undionly.kpxe'), 'utf8'), 'the loader x86_64/undionly.kpxe');
  t.is(await readFile(join(folder, 'sb/shimx64.efi'), 'utf8'), 'the loader x86_64-sb/shimx64.efi');
  t.deepEqual(Object.keys(await site.visible()).sort(), [
    'ipxe/v2.0.0/x86_64-sb/shimx64.efi',
    'ipxe/v2.0.0/x86_64/snponly.efi',
    'ipxe/v2.0.0/x86_64/undionly.kpxe',
  ]);
  t.is((await site.pull('ipxe@v2.0.0')).outcome, 'unchanged');
  await writeFile(join(folder, 'x86_64/snponly.efi'), 'damaged');
  t.is((await site.pull('ipxe')).outcome, 'repaired');
  t.is(await readFile(join(folder, 'x86_64/snponly.efi'), 'utf8'), 'the loader x86_64/snponly.efi');
});

for (const [what, target] of [
  ['to a place outside', '../../../../etc/passwd'],
  ['to an absolute path', '/etc/passwd'],
] as const) {
  test(`an archive with a link ${what} is refused`, async (t) => {
    const site = await makeSite(t);
    await publishIpxe(t, site, (tree) => symlink(target, join(tree, 'secrets.efi')));
    await t.throwsAsync(site.pull('ipxe'), { message: /secrets\.efi", which leads out of its folder/ });
    t.deepEqual(await site.visible(), {});
  });
}

test('a release of iPXE without a checksum is not taken', async (t) => {
  const site = await makeSite(t);
  const asset = {
    name: 'ipxeboot.tar.gz',
    size: 1,
    browser_download_url: `${site.server.url}/x`,
    digest: null,
  };
  site.server.publish('/api/ipxe/releases/latest', JSON.stringify({ tag_name: 'v2.0.0', assets: [asset] }));
  await t.throwsAsync(site.pull('ipxe'), { message: /GitHub tells no SHA-256 of/ });
});
