import { gunzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { formatPath } from '../../src/config/problem.ts';
import { checkIgnition } from '../../src/provision/check-ignition.ts';
import { IgnitionVersionError, renderIgnition } from '../../src/provision/ignition.ts';
import type { NodeDescription } from '../../src/provision/node.ts';
import { file, HOSTILE, node, profile, unit } from '../support/nodes.ts';
import { validateIgnition } from '../support/validators.ts';

const FLATCAR = profile('ignition', 'flatcar');

interface IgnitionFile {
  path: string;
  mode: number;
  overwrite: boolean;
  contents: { source: string; compression?: string };
  user?: object;
  group?: object;
}

interface Ignition {
  ignition: { version: string };
  passwd?: { users: Record<string, unknown>[] };
  storage?: { files?: IgnitionFile[]; links?: { path: string; target: string }[] };
  systemd?: { units: { name: string; contents?: string; [key: string]: unknown }[] };
}

function render(description: NodeDescription, ignition?: Record<string, unknown>): Ignition {
  return JSON.parse(renderIgnition(description, { ...FLATCAR, ...(ignition && { ignition }) })) as Ignition;
}

/** A file's bytes as Ignition writes them. */
function bytesOf({ contents: { source, compression } }: IgnitionFile): Buffer {
  const raw = Buffer.from(source.replace(/^data:[^,]*,/, ''), 'base64');
  return compression === 'gzip' ? gunzipSync(raw) : raw;
}

function textOf(config: Ignition, path: string): string | undefined {
  const found = config.storage?.files?.find((candidate) => candidate.path === path);
  return found && bytesOf(found).toString();
}

/** A node with something in every place. */
const EVERYTHING = node({
  hostname: 'worker-01',
  manageEtcHosts: 'localhost',
  sshAuthorizedKeys: ['ssh-ed25519 AAAA admin', 'ssh-ed25519 BBBB other'],
  users: [
    { name: 'core', passwd: '$6$x', ssh_authorized_keys: ['ssh-ed25519 BBBB other'], groups: ['docker'] },
    { name: 'app', homedir: '/srv/app', no_create_home: true, shell: '/bin/sh', system: true },
  ],
  files: [
    file('/etc/motd', 'hello\n'),
    file('/etc/empty', ''),
    file('/etc/key', 'secret', { permissions: '0600', owner: 'app:daemon', secret: true }),
    file('/etc/numbers', 'x', { owner: '500:501' }),
    file('/opt/long', 'the same line over and over\n'.repeat(500), { permissions: '755' }),
  ],
  units: [
    unit('own.service', {
      content: '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n',
      enable: true,
    }),
    unit('started.service', { content: '[Service]\nExecStart=/bin/true\n', command: 'start' }),
    unit('docker.service', {
      command: 'restart',
      dropIns: [{ name: '10-wait.conf', content: '[Unit]\nAfter=a.mount\n' }],
    }),
    unit('foo@eth0.service', { command: 'start' }),
    unit('reloaded.service', { content: '[Service]\nExecStart=/bin/true\n', command: 'reload' }),
    unit('etcd.service', { mask: true, content: 'gone' }),
    unit('10-eth.network', {
      content: '[Match]\nName=eth0\n',
      dropIns: [{ name: 'a.conf', content: '[Network]\n' }],
    }),
    unit('20-old.network', { mask: true }),
  ],
  coreos: {
    update: { reboot_strategy: 'off', group: 'stable' },
    locksmith: { window_start: 'Thu 23:00', window_length: '1h' },
    flannel: { etcd_endpoints: 'http://10.0.0.1:2379', interface: 'eth1', ip_masq: true },
    fleet: { metadata: 'role=worker,100%="x"' },
    oem: { id: 'rack', name: 'Our Rack' },
  },
});

test('a node of which nothing is said gives a configuration that does nothing', async (t) => {
  const json = renderIgnition(node(), FLATCAR);
  t.is(json, '{"ignition":{"version":"3.3.0"}}');
  t.is(await validateIgnition(json), '');
});

test('ignition-validate accepts everything that a node can say', async (t) => {
  t.is(await validateIgnition(renderIgnition(EVERYTHING, FLATCAR)), '');
});

test('the same node gives the same text, sections in the order of the specification', (t) => {
  const first = renderIgnition(EVERYTHING, FLATCAR);
  t.is(renderIgnition(structuredClone(EVERYTHING), FLATCAR), first);
  t.deepEqual(Object.keys(JSON.parse(first)), ['ignition', 'passwd', 'storage', 'systemd']);
  t.notRegex(first, /\n/);
});

test('a file has its bytes, its mode in decimal, its owner, and replaces what is there', (t) => {
  const { storage } = render(EVERYTHING);
  const files = new Map(storage?.files?.map((entry) => [entry.path, entry]));
  t.deepEqual(files.get('/etc/motd'), {
    path: '/etc/motd',
    overwrite: true,
    contents: { source: 'data:;base64,aGVsbG8K' },
    mode: 0o644,
  });
  t.like(files.get('/etc/key'), { mode: 0o600, user: { name: 'app' }, group: { name: 'daemon' } });
  t.like(files.get('/etc/numbers'), { user: { id: 500 }, group: { id: 501 } });
  t.like(files.get('/etc/empty'), { contents: { source: 'data:,' } });
});

test('a long file is compressed when that saves a kilobyte', (t) => {
  const long = render(EVERYTHING).storage?.files?.find(({ path }) => path === '/opt/long');
  if (!long) return t.fail();
  t.is(long.contents.compression, 'gzip');
  t.is(long.mode, 0o755);
  t.is(bytesOf(long).toString(), 'the same line over and over\n'.repeat(500));
});

test('the host name and /etc/hosts are files, unless the profile writes them itself', (t) => {
  const config = render(EVERYTHING);
  t.is(textOf(config, '/etc/hostname'), 'worker-01\n');
  t.is(textOf(config, '/etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n127.0.0.1 worker-01\n');
  const own = render(
    node({ hostname: 'a', manageEtcHosts: 'localhost', files: [file('/etc/hosts', 'mine')] }),
  );
  t.deepEqual(
    own.storage?.files?.map(({ path }) => path),
    ['/etc/hostname', '/etc/hosts'],
  );
  t.is(textOf(own, '/etc/hosts'), 'mine');
});

test('core gets the keys of the document and its own, each once', (t) => {
  t.deepEqual(render(EVERYTHING).passwd?.users, [
    {
      name: 'core',
      passwordHash: '$6$x',
      sshAuthorizedKeys: ['ssh-ed25519 AAAA admin', 'ssh-ed25519 BBBB other'],
      groups: ['docker'],
    },
    { name: 'app', homeDir: '/srv/app', noCreateHome: true, shell: '/bin/sh', system: true },
  ]);
});

test('a unit with a command that starts it is wanted by multi-user.target, whether or not it can be enabled', (t) => {
  const { storage, systemd } = render(EVERYTHING);
  t.deepEqual(
    storage?.links?.filter(({ path }) => path.includes('.wants/')),
    [
      ['started.service', '/etc/systemd/system/started.service'],
      ['docker.service', '/usr/lib/systemd/system/docker.service'],
      ['foo@eth0.service', '/usr/lib/systemd/system/foo@.service'],
    ].map(([name, target]) => ({
      path: `/etc/systemd/system/multi-user.target.wants/${name}`,
      overwrite: true,
      target: target as string,
    })),
  );
  t.deepEqual(
    systemd?.units.filter(({ enabled }) => enabled).map(({ name }) => name),
    ['own.service'],
  );
});

test('a masked unit is masked and nothing else', (t) => {
  const { systemd, storage } = render(EVERYTHING);
  t.deepEqual(
    systemd?.units.find(({ name }) => name === 'etcd.service'),
    { name: 'etcd.service', mask: true },
  );
  t.like(storage?.links?.[0], { path: '/etc/systemd/network/20-old.network', target: '/dev/null' });
});

test('network units are files of systemd-networkd', (t) => {
  const config = render(EVERYTHING);
  t.is(textOf(config, '/etc/systemd/network/10-eth.network'), '[Match]\nName=eth0\n');
  t.is(textOf(config, '/etc/systemd/network/10-eth.network.d/a.conf'), '[Network]\n');
  t.false(config.systemd?.units.some(({ name }) => name.endsWith('.network')));
});

test('the sections of coreos become the files and drop-ins they stand for', (t) => {
  const config = render(EVERYTHING);
  const unitNamed = (name: string) => config.systemd?.units.find((candidate) => candidate.name === name);
  t.is(textOf(config, '/etc/flatcar/update.conf'), 'GROUP=stable\nREBOOT_STRATEGY=off\n');
  t.deepEqual(unitNamed('locksmithd.service'), { name: 'locksmithd.service', mask: true });
  t.is(
    textOf(config, '/etc/flannel/options.env'),
    'FLANNELD_ETCD_ENDPOINTS=http://10.0.0.1:2379\nFLANNELD_IFACE=eth1\nFLANNELD_IP_MASQ=true\n',
  );
  t.deepEqual(unitNamed('fleet.service'), {
    name: 'fleet.service',
    dropins: [
      {
        name: '20-cloudinit.conf',
        contents: '[Service]\nEnvironment="FLEET_METADATA=role=worker,100%%=\\"x\\""\n',
      },
    ],
  });
  t.regex(textOf(config, '/etc/oem-release') ?? '', /^ID=rack\nVERSION_ID=\nNAME="Our Rack"\n/);
});

test('what a profile writes in a place of its own stands before what coreos would put there', (t) => {
  const config = render(
    node({
      files: [file('/etc/flatcar/update.conf', 'mine')],
      units: [unit('locksmithd.service', { dropIns: [{ name: '20-cloudinit.conf', content: 'mine' }] })],
      coreos: { update: { group: 'beta' }, locksmith: { group: 'rack' } },
    }),
  );
  t.is(textOf(config, '/etc/flatcar/update.conf'), 'mine');
  t.deepEqual(config.systemd?.units, [
    { name: 'locksmithd.service', dropins: [{ name: '20-cloudinit.conf', contents: 'mine' }] },
  ]);
});

test('the fragment is laid over the rest by path and name', async (t) => {
  const described = node({
    hostname: 'a',
    sshAuthorizedKeys: ['k1'],
    files: [file('/etc/a', 'a'.repeat(5000)), file('/etc/b', 'b')],
    units: [unit('a.service', { content: '[Service]\nExecStart=/bin/true\n' })],
  });
  const fragment = {
    ignition: { version: '3.0.0', timeouts: { httpTotal: 30 } },
    passwd: {
      users: [{ name: 'core', sshAuthorizedKeys: ['k2', 'k1'], uid: 500 }],
      groups: [{ name: 'app' }],
    },
    storage: {
      files: [
        { path: '/etc/a', contents: { source: 'data:,new' } },
        { path: '/etc/c', mode: 0o600 },
      ],
      links: [{ path: '/etc/b', target: '/etc/a' }],
      directories: [{ path: '/srv/data', mode: 0o750 }],
    },
    systemd: { units: [{ name: 'a.service', dropins: [{ name: 'x.conf', contents: '[Unit]\n' }] }] },
  };
  const config = render(described, fragment);
  t.is(await validateIgnition(JSON.stringify(config)), '');
  t.deepEqual(config.ignition, { version: '3.3.0', timeouts: { httpTotal: 30 } } as Ignition['ignition']);
  t.deepEqual(config.passwd?.users, [{ name: 'core', sshAuthorizedKeys: ['k1', 'k2'], uid: 500 }]);
  t.deepEqual(
    config.storage?.files?.map(({ path, contents }) => [path, contents?.source, contents?.compression]),
    [
      ['/etc/hostname', 'data:;base64,YQo=', undefined],
      ['/etc/a', 'data:,new', undefined],
      ['/etc/c', undefined, undefined],
    ],
  );
  t.like(config.systemd?.units[0], {
    contents: '[Service]\nExecStart=/bin/true\n',
    dropins: [{ name: 'x.conf' }],
  });
});

test('a file system of the fragment gets the mount unit that Ignition leaves to others', async (t) => {
  const filesystems = [
    { device: '/dev/vdb', format: 'ext4', path: '/var/lib/my-data', label: 'DATA', wipeFilesystem: true },
    { device: '/dev/disk/by-id/x', format: 'xfs', path: '/srv' },
    { device: '/dev/vdc', format: 'swap' },
    { device: '/dev/vdd', format: 'btrfs', path: '/var/own' },
  ];
  const own = { name: 'var-own.mount', contents: '[Mount]\nWhat=/dev/vdd\nWhere=/var/own\n' };
  const config = render(node(), { storage: { filesystems }, systemd: { units: [own] } });
  t.is(await validateIgnition(JSON.stringify(config)), '');
  t.deepEqual(
    config.systemd?.units.map(({ name }) => name),
    ['var-own.mount', 'var-lib-my\\x2ddata.mount', 'srv.mount'],
  );
  t.is(config.systemd?.units[0]?.contents, own.contents);
  t.is(
    config.systemd?.units[1]?.contents,
    `[Unit]
Requires=systemd-fsck@dev-disk-by\\x2dlabel-DATA.service
After=systemd-fsck@dev-disk-by\\x2dlabel-DATA.service
Before=local-fs.target

[Mount]
What=/dev/disk/by-label/DATA
Where=/var/lib/my-data
Type=ext4

[Install]
WantedBy=local-fs.target
`,
  );
  t.regex(config.systemd?.units[2]?.contents ?? '', /^What=\/dev\/disk\/by-id\/x$/m);
});

test('Container Linux and Flatcar each have update.conf where they look for it', (t) => {
  const described = node({ coreos: { update: { group: 'stable' } } });
  const rendered = JSON.parse(renderIgnition(described, profile('ignition', 'coreos'))) as Ignition;
  t.is(textOf(rendered, '/etc/coreos/update.conf'), 'GROUP=stable\n');
});

// --- versions ---

/** Fragments and the first version that knows what they say. */
const SINCE: readonly [string, Record<string, unknown>][] = [
  ['3.0.0', { storage: { filesystems: [{ device: '/dev/vda', format: 'ext4', path: '/x' }] } }],
  ['3.1.0', { ignition: { proxy: { httpProxy: 'http://10.0.0.1:3128' } } }],
  [
    '3.1.0',
    { storage: { filesystems: [{ device: '/dev/vda', format: 'ext4', mountOptions: ['noatime'] }] } },
  ],
  [
    '3.1.0',
    {
      storage: {
        files: [{ path: '/a', contents: { source: 'http://x/', httpHeaders: [{ name: 'A', value: 'b' }] } }],
      },
    },
  ],
  [
    '3.1.0',
    {
      storage: {
        files: [
          {
            path: '/a',
            contents: { source: 'http://x/', verification: { hash: `sha256-${'0'.repeat(64)}` } },
          },
        ],
      },
    },
  ],
  ['3.2.0', { passwd: { users: [{ name: 'core', shouldExist: false }] } }],
  ['3.2.0', { storage: { luks: [{ name: 'data', device: '/dev/vda' }] } }],
  [
    '3.2.0',
    { storage: { disks: [{ device: '/dev/vda', partitions: [{ number: 1, resize: true, sizeMiB: 9 }] }] } },
  ],
  ['3.3.0', { storage: { filesystems: [{ device: '/dev/vda', format: 'none' }] } }],
];

for (const [since, ignition] of SINCE) {
  test(`${JSON.stringify(ignition).slice(0, 110)} can be said since ${since}, and ignition-validate agrees`, async (t) => {
    for (const version of ['3.0.0', '3.1.0', '3.2.0', '3.3.0'] as const) {
      const valid = await validateIgnition(
        JSON.stringify({ ...ignition, ignition: { ...(ignition.ignition as object), version } }),
      );
      const known = version >= since;
      t.is(valid === '', known, `${version}: ${valid}`);
      const render = () => renderIgnition(EVERYTHING, { ...FLATCAR, ignition }, version);
      if (known) t.is((JSON.parse(render()) as Ignition).ignition.version, version);
      else
        t.throws(render, {
          instanceOf: IgnitionVersionError,
          message: new RegExp(`needs Ignition ${since}, the machine asks for ${version}$`),
        });
    }
  });
}

test('everything but the fragment can be said in the oldest version', async (t) => {
  t.is(await validateIgnition(renderIgnition(EVERYTHING, FLATCAR, '3.0.0')), '');
});

// --- hostile values ---

test('no text of a profile breaks the configuration', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), (text) => {
      const config = render(
        node({
          hostname: text,
          files: [file('/etc/a', text)],
          units: [unit('a.service', { content: text, dropIns: [{ name: 'a.conf', content: text }] })],
        }),
      );
      t.is(textOf(config, '/etc/hostname'), `${text}\n`);
      t.is(textOf(config, '/etc/a'), text);
      t.deepEqual(config.systemd?.units, [
        { name: 'a.service', contents: text, dropins: [{ name: 'a.conf', contents: text }] },
      ]);
    }),
    { numRuns: 500, examples: HOSTILE.map((text): [string] => [text]) },
  );
});

test('every sequence of bytes arrives as it is', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6000 }), (bytes) => {
      const [written] = render(node({ files: [file('/a', bytes)] })).storage?.files ?? [];
      t.deepEqual(written && bytesOf(written), Buffer.from(bytes));
    }),
    { numRuns: 300 },
  );
});

// --- checks ---

const cloudConfig = (document: Record<string, unknown>) => ({ cloudConfig: document });
const units = (...entries: object[]) => cloudConfig({ coreos: { units: entries } });
const files = (...entries: object[]) => cloudConfig({ write_files: entries });

const REFUSED: readonly [string, Parameters<typeof profile>[2], string, RegExp][] = [
  ['flatcar', files({ path: '/run/a' }), 'cloud_config.write_files[0].path', /can't write below \/run/],
  ['flatcar', files({ path: '/tmp' }), 'cloud_config.write_files[0].path', /below \/tmp/],
  ['flatcar', files({ path: 'etc/a' }), 'cloud_config.write_files[0].path', /not an absolute path/],
  [
    'flatcar',
    files({ path: '/a', permissions: '4755' }),
    'cloud_config.write_files[0].permissions',
    /setuid/,
  ],
  [
    'flatcar',
    units({ name: 'a.service', command: 'stop' }),
    'cloud_config.coreos.units[0].command',
    /use mask/,
  ],
  ['flatcar', units({ name: 'a' }), 'cloud_config.coreos.units[0].name', /doesn't end like a unit/],
  [
    'flatcar',
    units({ name: 'a.service', drop_ins: [{ name: 'a' }] }),
    'cloud_config.coreos.units[0].drop_ins[0].name',
    /must end in \.conf/,
  ],
  [
    'flatcar',
    cloudConfig({ manage_etc_hosts: 'localhost' }),
    'cloud_config.manage_etc_hosts',
    /hostname too/,
  ],
  [
    'flatcar',
    cloudConfig({ users: [{ name: 'a', coreos_ssh_import_github: 'x' }] }),
    'cloud_config.users[0].coreos_ssh_import_github',
    /fetches no public keys/,
  ],
  ['flatcar', cloudConfig({ coreos: { wat: {} } }), 'cloud_config.coreos.wat', /only units, update/],
  ['fedora-coreos', cloudConfig({ coreos: { update: {} } }), 'cloud_config.coreos.update', /Fedora CoreOS/],
  ['coreos', {}, 'boot.document', /Ignition 2 at most/],
  [
    'flatcar',
    { ignition: { kernelArguments: { shouldExist: ['a'] } } },
    'ignition.kernelArguments',
    /boot\.args/,
  ],
  [
    'flatcar',
    { ignition: { ignition: { version: '2.3.0' } } },
    'ignition.ignition.version',
    /3\.0\.0 to 3\.3\.0/,
  ],
  [
    'flatcar',
    { ignition: { storrage: {} } },
    'ignition.storrage',
    /knows no storrage here, only ignition, passwd/,
  ],
  [
    'flatcar',
    { ignition: { storage: { files: [{ path: '/a', with_mount_unit: true }] } } },
    'ignition.storage.files[0].with_mount_unit',
    /knows no with_mount_unit/,
  ],
  [
    'flatcar',
    { ignition: { storage: { files: [{ path: '/a', mode: '0644' }] } } },
    'ignition.storage.files[0].mode',
    /whole number/,
  ],
  [
    'flatcar',
    { ignition: { storage: { files: [{ path: '/dev/shm/a' }] } } },
    'ignition.storage.files[0].path',
    /below \/dev/,
  ],
  ['flatcar', { ignition: { storage: { files: {} } } }, 'ignition.storage.files', /must be a list/],
  ['flatcar', { ignition: { systemd: { units: [{}] } } }, 'ignition.systemd.units[0]', /name is missing/],
  ['flatcar', { ignition: { passwd: [] } }, 'ignition.passwd', /must be a mapping/],
];

for (const [family, parts, path, message] of REFUSED) {
  test(`${path} of ${family} is refused: ${message.source}`, (t) => {
    const problems = checkIgnition(profile('ignition', family, parts));
    t.deepEqual(
      problems.map((problem) => formatPath(problem.path)),
      [path],
    );
    t.regex(problems[0]?.message ?? '', message);
  });
}

test('placeholders and everything that can be said pass the check', (t) => {
  const document = {
    hostname: '{{ machine.hostname }}',
    manage_etc_hosts: 'localhost',
    write_files: [{ path: '{{ machine.labels.path }}', permissions: '0600' }],
    coreos: {
      update: { reboot_strategy: 'off' },
      units: [
        {
          name: '{{ machine.labels.unit }}',
          command: 'start',
          drop_ins: [{ name: '{{ machine.labels.x }}' }],
        },
        { name: '10-eth.network', content: '' },
      ],
    },
  };
  const ignition = Object.assign({}, ...SINCE.map(([, fragment]) => fragment)) as Record<string, unknown>;
  t.deepEqual(checkIgnition(profile('ignition', 'flatcar', { cloudConfig: document, ignition })), []);
});
