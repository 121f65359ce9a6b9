import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { checkCluster, checkSkew } from '../../src/doctor/cluster.ts';
import { checkImages, checkLoaders } from '../../src/doctor/files.ts';
import { checkMemory, checkSpace, checkYear } from '../../src/doctor/host.ts';
import { checkMirror, checkPreloads } from '../../src/doctor/mirror.ts';
import { parseSocketUnits } from '../../src/doctor/socket-units.ts';
import { good } from '../support/config.ts';
import { subnet } from '../support/dhcp.ts';
import { NETWORK, testConfig } from '../support/provisioning.ts';

const GIB = 2 ** 30;
const NOW = Date.parse('2026-06-01T00:00:00Z');

for (const [seconds, level, found] of [
  [0, 'ok', 'they agree'],
  [30, 'ok', 'they agree'],
  [-120, 'warn', '120 s behind'],
  [3_600, 'fail', '3600 s ahead'],
] as const) {
  test(`a clock ${seconds} s off the API server's is ${level}`, (t) => {
    t.like(checkSkew(NOW, NOW + seconds * 1000), { level, found });
  });
}

test('a clock that was never set is told', (t) => {
  t.like(checkYear(0), { level: 'fail', found: 'it says 1970-01-01T00:00:00.000Z' });
  t.is(checkYear(NOW).level, 'ok');
});

test('images may not take the memory that the host needs itself', (t) => {
  const assets = { directory: '/assets', memory: 4 * GIB };
  t.is(checkMemory({ assets }, 16 * GIB).level, 'ok');
  t.like(checkMemory({ assets }, 4 * GIB), {
    level: 'warn',
    advice: 'set assets.memory to at most 3072MiB: a host that swaps serves slowly',
  });
});

test('the space of a store that is still to be made is that of the folder it will be in', async (t) => {
  const finding = await checkSpace({ store: { directory: join(tmpdir(), 'no/such/folder') } });
  t.regex(finding.found, /^\d+ MiB free$/);
});

test('loaders and images that are missing are named, with the place where they belong', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-doctor-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const config = testConfig();
  const firmware = { ...config.firmware, directory: join(folder, 'firmware') };
  t.like(checkLoaders({ firmware })[0], {
    level: 'fail',
    advice: 'install the package ipxe, or set firmware.directory',
  });

  await mkdir(firmware.directory);
  await writeFile(join(firmware.directory, 'undionly.kpxe'), 'x');
  const levels = new Map(checkLoaders({ firmware }).map(({ subject, level }) => [subject, level]));
  t.is(levels.get('loader for BIOS'), 'ok');
  t.is(levels.get('loader for UEFI x64'), 'warn');
  t.is(levels.get('loader for UEFI IA32'), 'ok');

  const assets = { directory: folder, memory: 0 };
  const image = async () => (await checkImages({ ...config, assets }))[0];
  await mkdir(join(folder, 'flatcar/1'), { recursive: true });
  await writeFile(join(folder, 'flatcar/1/vmlinuz'), 'kernel');
  t.like(await image(), { level: 'fail', found: 'initrd.gz is missing for profile worker' });
  await writeFile(join(folder, 'flatcar/1/initrd.gz'), '');
  t.like(await image(), { level: 'fail', found: 'initrd.gz is empty' });
  await writeFile(join(folder, 'flatcar/1/initrd.gz'), 'initrd');
  t.like(await image(), { level: 'ok' });
});

test('a cluster that cannot be reached, and a CA that is not there, are told; without a cluster there is nothing to check', async (t) => {
  t.deepEqual(
    (await checkCluster({}, () => NOW)).map(({ level }) => level),
    ['ok'],
  );
  const kubernetes = {
    server: 'https://127.0.0.1:1',
    ca: '/nonexistent/ca.crt',
    caKey: '/nonexistent/ca.key',
    join: 'certificate',
    certificateLifetime: 3600,
    keyType: 'ecdsa',
    kubeconfig: '/nonexistent/kubeconfig',
    clusterDns: [],
    clusterDomain: 'cluster.local',
    podSubnet: subnet('10.244.0.0/16'),
    serviceSubnet: subnet('10.96.0.0/12'),
  } as const;
  const found = await checkCluster({ kubernetes }, () => NOW);
  t.deepEqual(
    found.map(({ subject, level }) => `${level} ${subject}`),
    [
      'fail API server https://127.0.0.1:1',
      'fail CA of the cluster',
      'fail credentials /nonexistent/kubeconfig',
    ],
  );
});

test('the sockets at which systemd waits for the service are known by protocol, port and interface', (t) => {
  const shown = `BindToDevice=rack1
Listen=0.0.0.0:67 (Datagram)
Listen=192.168.1.254:69 (Datagram)
Id=rackseed-second.socket
Triggers=rackseed.service
ActiveState=active

BindToDevice=rack1
Listen=192.168.1.254:80 (Stream)
Id=rackseed-second-http.socket
Triggers=rackseed.service
ActiveState=active

BindToDevice=rack0
Listen=192.168.0.254:80 (Stream)
Id=rackseed-stopped.socket
Triggers=rackseed.service
ActiveState=inactive

BindToDevice=
Listen=/run/rackseed-other (Stream)
Id=rackseed-other.socket
Triggers=rackseed-other.service
ActiveState=active
`;
  t.deepEqual(parseSocketUnits(shown), [
    { unit: 'rackseed-second.socket', protocol: 'udp', port: 67, device: 'rack1' },
    { unit: 'rackseed-second.socket', protocol: 'udp', port: 69, device: 'rack1' },
    { unit: 'rackseed-second-http.socket', protocol: 'tcp', port: 80, device: 'rack1' },
  ]);
  t.deepEqual(parseSocketUnits(''), []);
});

const MIRROR = {
  network: NETWORK.name,
  registries: [{ name: 'quay.io', port: 5001, url: 'http://127.0.0.1:9' }],
  size: 1,
  directory: '/nonexistent/mirror',
};

test('a mirror whose program is not installed is told with the line that installs it; without a mirror there is nothing to check', async (t) => {
  t.deepEqual(await checkMirror(testConfig({}), true), []);
  const [found, ...others] = await checkMirror(testConfig({ mirror: MIRROR }), false, '/nonexistent');
  t.like(found, { level: 'fail', subject: 'mirror', found: 'docker-registry is not installed' });
  t.regex(found?.advice ?? '', /^install it: apt install docker-registry && systemctl disable --now/);
  t.deepEqual(others, []);
});

test('a registry that cannot be reached is told, and a mirror that nobody can look at', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'rackseed-doctor-'));
  t.teardown(() => rm(path, { recursive: true }));
  await writeFile(join(path, 'docker-registry'), '', { mode: 0o755 });
  const config = testConfig({ mirror: MIRROR, store: { directory: '/nonexistent/store' } });
  const found = await checkMirror(config, true, path);
  t.deepEqual(
    found.map(({ level, subject, found: what }) => `${level} ${subject}: ${what}`),
    [
      `ok mirror: ${path}/docker-registry`,
      "warn registry quay.io: http://127.0.0.1:9 can't be reached",
      "warn mirror of quay.io: /nonexistent/store/boot-ca/ca.crt can't be read",
    ],
  );
});

test('archives that profiles preload and that are missing are named with the profiles', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-doctor-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'a.tar'), 'abc');
  const { profiles } = good({
    'profiles/worker.yaml': 'boot: { image: flatcar/1 }\npreload: [a.tar, b.tar]\n',
    'profiles/other.yaml': 'boot: { image: flatcar/1 }\npreload: [b.tar]\n',
  });
  const found = await checkPreloads({ profiles, assets: { directory, memory: 0 } });
  t.deepEqual(
    found.map(({ level, subject, found: what }) => `${level} ${subject}: ${what}`),
    [
      'ok archive a.tar: 3 bytes, for profile worker',
      'fail archive b.tar: it is missing or empty, for profile worker, other',
    ],
  );
});
