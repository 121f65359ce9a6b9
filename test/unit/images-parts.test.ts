import test from 'ava';
import { findInDigests, parseDigest } from '../../src/images/digest.ts';
import { recognize } from '../../src/images/recognize.ts';
import { imageName, isImageName, parsePullRequest } from '../../src/images/request.ts';
import { Pace } from '../../src/images/throttle.ts';
import { usesOf } from '../../src/images/uses.ts';
import { isPrivateWay, nextPlace } from '../../src/images/web.ts';
import { testConfig } from '../support/provisioning.ts';

const A = 'a'.repeat(128);
const B = 'b'.repeat(128);

for (const [what, text, hex] of [
  [
    'the one of the file in its SHA-512 section',
    `# MD5 HASH\n${'1'.repeat(32)}  x\n# SHA512 HASH\n${A}  x\n`,
    A,
  ],
  ['that of the better name, wherever it stands', `# SHA512 HASH\n${B}  other\n${A}  x\n`, A],
  ['that of the other name', `# SHA512 HASH\n${B}  other\n`, B],
  ['none from another section', `# SHA256 HASH\n${A}  x\n`, undefined],
  ['none that has no heading', `${A}  x\n`, undefined],
  ['none that is too short', '# SHA512 HASH\nabc  x\n', undefined],
  ['none of a name that only begins so', `# SHA512 HASH\n${A}  x.sig\n`, undefined],
  ['the first of two for one name', `# SHA512 HASH\n${A}  x\n${B}  x\n`, A],
] as const) {
  test(`the digest found in a DIGESTS file is ${what}`, (t) => {
    t.is(findInDigests(text, ['x', 'other'])?.hex, hex);
  });
}

test('a digest is taken in any case of letters, and only when it is one', (t) => {
  t.deepEqual(parseDigest('sha512', ` ${A.toUpperCase()}\n`), { algorithm: 'sha512', hex: A });
  t.is(parseDigest('sha256', A), undefined);
  t.is(parseDigest('sha512', `${A.slice(1)}g`), undefined);
});

for (const [text, wanted, image] of [
  ['flatcar', 'stable', 'flatcar/1'],
  ['fedora-coreos@next', 'next', 'fedora-coreos/1'],
  ['kubernetes@v1.36.2', 'v1.36.2', 'kubernetes/1'],
  ['ipxe', 'latest', 'ipxe/1'],
] as const) {
  test(`${text} asks for ${wanted}`, (t) => {
    const request = parsePullRequest(text);
    t.is(request.wanted, wanted);
    t.is(imageName({ ...request, version: '1' }), image);
  });
}

test('the tree of iPXE has one name for all processors, other images have one for each', (t) => {
  t.is(imageName(parsePullRequestAs('ipxe')), 'ipxe/1');
  t.is(imageName(parsePullRequestAs('kubernetes')), 'kubernetes/1-arm64');
});

const parsePullRequestAs = (text: string) => ({ ...parsePullRequest(text, 'arm64'), version: '1' });

for (const text of [
  'flatcar@',
  'flatcar@../x',
  'flatcar@stable@beta',
  '@stable',
  'kubernetes@v1',
  'ipxe@v2',
]) {
  test(`${JSON.stringify(text)} asks for nothing that there is`, (t) => {
    t.throws(() => parsePullRequest(text), { message: /can't be pulled|there is no/ });
  });
}

test('the name of an image is family and version, and leads nowhere else', (t) => {
  for (const good of ['flatcar/4593.2.5', 'debian/13', 'fedora-coreos/44.20260802.3.1-arm64'])
    t.true(isImageName(good), good);
  for (const bad of ['flatcar', 'flatcar/', '/x', 'a/b/c', '../x', 'a/..', 'a/.x', '.partial/x', 'a /b', ''])
    t.false(isImageName(bad), bad);
});

for (const [what, names, text, expected] of [
  [
    'Flatcar',
    ['flatcar_production_pxe.vmlinuz'],
    'FLATCAR_BUILD=1\nFLATCAR_VERSION="4593.2.5"\n',
    ['flatcar', '4593.2.5'],
  ],
  [
    'Container Linux',
    ['coreos_production_pxe_image.cpio.gz'],
    'COREOS_VERSION=2512.3.0',
    ['coreos', '2512.3.0'],
  ],
  [
    'Container Linux of no known version',
    ['coreos_production_pxe.vmlinuz'],
    undefined,
    ['coreos', undefined],
  ],
  [
    'Fedora CoreOS as it is named now',
    ['fedora-coreos-44.20260802.3.1-live-kernel.x86_64'],
    undefined,
    ['fedora-coreos', '44.20260802.3.1'],
  ],
  [
    'Fedora CoreOS as it was named before',
    ['fedora-coreos-41.20250302.3.2-live-initramfs.aarch64.img'],
    undefined,
    ['fedora-coreos', '41.20250302.3.2-arm64'],
  ],
] as const) {
  test(`files are recognized by their names as ${what}`, (t) => {
    const found = recognize(names, text);
    t.deepEqual([found?.family, found?.version], [...expected]);
  });
}

test('other files are not recognized', (t) => {
  t.is(recognize(['vmlinuz', 'initrd.img'], 'FLATCAR_VERSION=1.2.3'), undefined);
});

test('a pace lets a quarter of a second through at once, and then keeps to its bytes a second', (t) => {
  const pace = new Pace(1000);
  t.is(pace.delay(250, 0), 0);
  t.is(pace.delay(500, 0), 500);
  t.is(pace.delay(500, 500), 500);
  t.is(pace.delay(250, 10_000), 0, 'what was not used is not saved up');
  t.is(pace.delay(1000, 10_000), 1000);
});

test('an image is used by what names it, or a link to it, and loaders by firmware.directory', (t) => {
  const config = testConfig({
    assets: { directory: '/srv/assets', memory: 0 },
    firmware: { directory: '/srv/assets/ipxe/current/x86_64', loaders: [] },
  });
  const uses = usesOf(config, [{ link: 'ipxe/current', image: 'ipxe/v2.0.0' }]);
  t.deepEqual(Object.fromEntries(uses), {
    'flatcar/1': [{ what: 'profile worker', name: 'flatcar/1' }],
    'ipxe/v2.0.0': [{ what: 'firmware.directory', name: 'ipxe/current' }],
  });
  const elsewhere = usesOf({ ...config, firmware: { directory: '/usr/lib/ipxe', loaders: [] } }, []);
  t.deepEqual([...elsewhere.keys()], ['flatcar/1']);
});

test('a redirect may lead anywhere on the web, but not from HTTPS to HTTP', (t) => {
  t.is(nextPlace('https://a.example/x/y', '../z'), 'https://a.example/z');
  t.is(nextPlace('http://a.example/', 'http://b.example/'), 'http://b.example/');
  t.is(nextPlace('http://a.example/', 'https://b.example/'), 'https://b.example/');
  t.throws(() => nextPlace('https://a.example/', 'http://b.example/'), {
    message: /isn't HTTPS; nothing is fetched/,
  });
  t.throws(() => nextPlace('https://a.example/', 'file:///etc/passwd'), { message: /is no web address/ });
});

test('what is not signed may come by HTTPS, and from this host itself', (t) => {
  for (const good of ['https://a.example', 'http://127.0.0.1:80', 'http://localhost/x', 'http://[::1]:8080'])
    t.true(isPrivateWay(good), good);
  for (const bad of ['http://a.example', 'http://127.0.0.1.example', 'http://192.168.0.1'])
    t.false(isPrivateWay(bad), bad);
});
