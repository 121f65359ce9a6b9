import test from 'ava';
import { good, PROFILE, problems } from '../support/config.ts';

/** The profile `worker` on top of `base`. */
function merged(base: string, worker: string) {
  return good({
    'profiles/base.yaml': base,
    'profiles/worker.yaml': `extends: base\n${worker}`,
  }).profiles.get('worker');
}

test('a profile is put on top of the one it extends, and that one on top of its own', (t) => {
  const { profiles } = good({
    'profiles/base.yaml': 'cloud_config: { hostname: a, manage_etc_hosts: localhost }\n',
    'profiles/middle.yaml': 'extends: base\nboot: { image: flatcar/1, args: [a, b] }\n',
    'profiles/worker.yaml': 'extends: middle\nboot: { args: [c] }\ncloud_config: { hostname: b }\n',
  });
  const worker = profiles.get('worker');
  t.deepEqual(worker?.chain, ['worker', 'middle', 'base']);
  t.deepEqual(worker?.cloudConfig, { hostname: 'b', manage_etc_hosts: 'localhost' });
  t.deepEqual(worker?.boot.kind === 'image' && worker.boot.args, ['c']);
  t.deepEqual([...profiles.keys()].sort(), ['middle', 'worker'], 'base boots nothing and is no profile');
});

const MERGES: readonly [what: string, base: string, over: string, expected: unknown][] = [
  [
    'files by their path, new ones last',
    'write_files: [{ path: /a, content: a, permissions: "0600" }, { path: /b, content: b }]',
    'write_files: [{ path: /c, content: c }, { path: /a, content: A }]',
    {
      write_files: [
        { path: '/a', content: 'A', permissions: '0600' },
        { path: '/b', content: 'b' },
        { path: '/c', content: 'c' },
      ],
    },
  ],
  [
    'a file whose content is replaced, without the old encoding',
    'write_files: [{ path: /a, content: YQ==, encoding: base64 }]',
    'write_files: [{ path: /a, content: plain }]',
    { write_files: [{ path: '/a', content: 'plain' }] },
  ],
  [
    'units by their name and drop-ins by theirs, in the order of the base',
    'coreos: { units: [{ name: a.service, command: start, drop_ins: [{ name: 1.conf, content: x }, { name: 2.conf, content: y }] }, { name: b.service }] }',
    'coreos: { units: [{ name: c.service }, { name: a.service, enable: true, drop_ins: [{ name: 3.conf, content: z }, { name: 1.conf, content: X }] }] }',
    {
      coreos: {
        units: [
          {
            name: 'a.service',
            command: 'start',
            drop_ins: [
              { name: '1.conf', content: 'X' },
              { name: '2.conf', content: 'y' },
              { name: '3.conf', content: 'z' },
            ],
            enable: true,
          },
          { name: 'b.service' },
          { name: 'c.service' },
        ],
      },
    },
  ],
  [
    'users by their name, their keys as a whole',
    'users: [{ name: core, ssh_authorized_keys: [a, b], gecos: Core }]',
    'users: [{ name: core, ssh_authorized_keys: [c] }, { name: admin }]',
    { users: [{ name: 'core', ssh_authorized_keys: ['c'], gecos: 'Core' }, { name: 'admin' }] },
  ],
  [
    'other lists as a whole',
    'ssh_authorized_keys: [a, b]',
    'ssh_authorized_keys: [c]',
    { ssh_authorized_keys: ['c'] },
  ],
  [
    'mappings key by key',
    'coreos: { update: { group: stable, reboot_strategy: reboot }, fleet: { metadata: a=b } }',
    'coreos: { update: { reboot_strategy: "off" } }',
    { coreos: { update: { group: 'stable', reboot_strategy: 'off' }, fleet: { metadata: 'a=b' } } },
  ],
];

for (const [what, base, over, expected] of MERGES) {
  test(`extends merges ${what}`, (t) => {
    const worker = merged(`${PROFILE}cloud_config: { ${base} }\n`, `cloud_config: { ${over} }\n`);
    t.deepEqual<unknown, unknown>(worker?.cloudConfig, expected);
  });
}

test('a profile on top of one that boots an image may boot from the disk, and the other way round', (t) => {
  t.deepEqual(merged(PROFILE, 'boot: { local_disk: true }\n')?.boot, { kind: 'local-disk' });
  t.is(merged('boot: { local_disk: true }\n', PROFILE)?.boot.kind, 'image');
});

test('the sections of other formats merge in the same way', (t) => {
  const worker = merged(
    'boot: { image: debian }\nignition: { passwd: { users: [{ name: a, uid: 1 }] } }\ncloud_init: { users: [default, { name: a }], runcmd: [a] }\n',
    'ignition: { passwd: { users: [{ name: a, uid: 2 }] } }\ncloud_init: { users: [{ name: b }], runcmd: [b] }\n',
  );
  t.deepEqual(worker?.ignition, { passwd: { users: [{ name: 'a', uid: 2 }] } });
  t.deepEqual(worker?.cloudInit, { users: ['default', { name: 'a' }, { name: 'b' }], runcmd: ['b'] });
});

test('where each file and unit was written is known', (t) => {
  const worker = merged(
    `${PROFILE}cloud_config:
  write_files:
    - path: /a
      content: a
  coreos:
    units:
      - name: a.service
        command: start
`,
    `cloud_config:
  coreos:
    units:
      - name: a.service
        enable: true
      - name: b.service
`,
  );
  t.deepEqual(worker?.origins, {
    files: new Map([['/a', 'profiles/base.yaml:4']]),
    units: new Map([
      ['a.service', 'profiles/worker.yaml:5, profiles/base.yaml:9'],
      ['b.service', 'profiles/worker.yaml:7'],
    ]),
  });
});

test('what is wrong in a base is told once, at its place in the file of the base', (t) => {
  t.deepEqual(
    problems({
      'profiles/base.yaml': 'boot:\n  image: flatcar/1\n  krnel: x\ndocker_disk:\n  device: sda\n',
      'profiles/worker.yaml': 'extends: base\n',
      'profiles/other.yaml': 'extends: base\n',
    }),
    [
      'config/profiles/base.yaml:3: boot.krnel: unknown key, did you mean kernel? (expected one of image, kernel, initrd, rootfs, args, document, secrets, local_disk)',
      'config/profiles/base.yaml:5: docker_disk.device: "sda" is not a disk (expected for example auto, largest, serial:S4EVNX0, /dev/disk/by-id/…)',
    ],
  );
});

test('what only the whole shows is told at the place where its part was written', (t) => {
  t.deepEqual(
    problems({
      'profiles/base.yaml': 'docker_disk:\n  label: LONGER_THAN_12\n',
      'profiles/worker.yaml': `extends: base\n${PROFILE}docker_disk:\n  filesystem: xfs\n`,
    }),
    ['config/profiles/base.yaml:2: docker_disk.label: is too long for xfs (expected at most 12 characters)'],
  );
});

const CHAINS: readonly [what: string, files: Readonly<Record<string, string>>, ...expected: string[]][] = [
  [
    'itself',
    { 'profiles/worker.yaml': `extends: worker\n${PROFILE}` },
    'config/profiles/worker.yaml:1: extends: extends itself: worker → worker',
  ],
  [
    'itself by way of others',
    {
      'profiles/a.yaml': 'extends: b\n',
      'profiles/b.yaml': '# b\nextends: c\n',
      'profiles/c.yaml': 'extends: a\n',
      'profiles/d.yaml': 'extends: c\n',
    },
    'config/profiles/a.yaml:1: extends: extends itself: a → b → c → a',
  ],
  [
    'what is not there',
    { 'profiles/worker.yaml': `${PROFILE}extends: bass\n`, 'profiles/base.yaml': '{}\n' },
    'config/profiles/worker.yaml:2: extends: there is no profile bass, did you mean base? (expected one of worker, base)',
  ],
  [
    'what can not be read',
    { 'profiles/worker.yaml': 'extends: base\n', 'profiles/base.yaml': 'boot: [\n' },
    'config/profiles/base.yaml:2: is not valid YAML: deficient indentation',
  ],
  [
    'a list',
    { 'profiles/worker.yaml': `${PROFILE}extends: [a]\n` },
    'config/profiles/worker.yaml:2: extends: a list is not a name of a profile (expected for example worker)',
  ],
];

for (const [what, files, ...expected] of CHAINS) {
  test(`a profile that extends ${what} is refused with its place`, (t) => {
    t.deepEqual(problems(files), expected);
  });
}

test('a profile that only others extend need not boot anything, one that machines get must', (t) => {
  const base = { 'profiles/base.yaml': 'boot:\n  args: [quiet]\n' };
  t.deepEqual(problems(base), []);
  const expected =
    'config/profiles/base.yaml:1: boot: says nothing to boot (expected image, or local_disk: true)';
  t.deepEqual(
    problems({ ...base, 'machines/a.yaml': "machines: [{ mac: '52:54:00:00:00:01', profile: base }]" }),
    [expected],
  );
  t.deepEqual(problems({ ...base, 'machines/a.yaml': 'rules: [{ match: { serial: x }, profile: base }]' }), [
    expected,
  ]);
});

test('what a list names twice is refused, in lists of every kind', (t) => {
  t.deepEqual(
    problems({
      'profiles/worker.yaml': `${PROFILE}cloud_config:
  users: [{ name: core }, { name: core }]
  write_files:
    - path: /a
    - path: /b
    - path: /a
  coreos:
    units:
      - name: a.service
        drop_ins: [{ name: 1.conf }, { name: 1.conf }]
      - name: a.service
ignition:
  systemd:
    units: [{ name: c.service }, { name: c.service }]
cloud_init:
  users: [default, { name: b }, default]
`,
    }),
    [
      'config/profiles/worker.yaml:3: cloud_config.users[1].name: core is given twice',
      'config/profiles/worker.yaml:7: cloud_config.write_files[2].path: /a is given twice',
      'config/profiles/worker.yaml:11: cloud_config.coreos.units[0].drop_ins[1].name: 1.conf is given twice',
      'config/profiles/worker.yaml:12: cloud_config.coreos.units[1].name: a.service is given twice',
      'config/profiles/worker.yaml:15: ignition.systemd.units[1].name: c.service is given twice',
      'config/profiles/worker.yaml:17: cloud_init.users[2]: default is given twice',
    ],
  );
});

test('profiles whose machines would have the same names are refused', (t) => {
  t.deepEqual(problems({ 'profiles/a.b.yaml': PROFILE, 'profiles/A-B.yaml': PROFILE }), [
    'config/profiles/A-B.yaml: its machines would be called a-b-01 and so on like those of a.b (expected another name)',
  ]);
});
