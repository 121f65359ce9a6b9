import test from 'ava';
import type { Profile } from '../../src/config/config.ts';
import type { JoinMaterial } from '../../src/provision/join.ts';
import { describeNode } from '../../src/provision/node.ts';
import { PlaceholderError } from '../../src/provision/placeholders.ts';
import { DISK, JOIN, KUBERNETES, profileOf } from '../support/profiles.ts';
import { VARIABLES, withMachine } from '../support/variables.ts';

const describe = (sections: Partial<Profile>, join: JoinMaterial | undefined = JOIN) =>
  describeNode(profileOf(sections), VARIABLES, join);

test('a profile of which nothing is said describes nothing', (t) => {
  t.deepEqual(describe({}), {
    sshAuthorizedKeys: [],
    users: [],
    files: [],
    units: [],
    coreos: {},
    adoptDisk: false,
  });
});

test('the cloud_config becomes files, units and users with their placeholders filled', (t) => {
  const node = describe({
    cloudConfig: {
      hostname: '{{ machine.hostname }}',
      manage_etc_hosts: 'localhost',
      ssh_authorized_keys: ['key'],
      users: [{ name: 'rack-{{ machine.labels.rack }}', groups: ['docker'] }],
      write_files: [
        { path: '/a', content: '{{ machine.mac }}', permissions: '600', owner: 'core:core' },
        { path: '/b', content: 'aGVsbG8=', encoding: 'b64' },
      ],
      coreos: {
        update: { reboot_strategy: 'off' },
        units: [
          { name: 'a.service', content: 'A', command: 'start', drop_ins: [{ name: 'x.conf', content: 'X' }] },
          { name: 'b.service', mask: true, runtime: true, enable: true },
        ],
      },
    },
  });
  const origin = 'profile worker';
  t.deepEqual(node, {
    hostname: 'worker-01',
    manageEtcHosts: 'localhost',
    sshAuthorizedKeys: ['key'],
    users: [{ name: 'rack-r1', groups: ['docker'] }],
    files: [
      {
        path: '/a',
        content: Buffer.from('52:54:00:12:34:56'),
        permissions: '0600',
        owner: 'core:core',
        origin,
        secret: false,
      },
      { path: '/b', content: Buffer.from('hello'), origin, secret: false },
    ],
    units: [
      {
        name: 'a.service',
        content: 'A',
        dropIns: [{ name: 'x.conf', content: 'X' }],
        enable: false,
        mask: false,
        runtime: false,
        command: 'start',
        origin,
      },
      { name: 'b.service', dropIns: [], enable: true, mask: true, runtime: true, origin },
    ],
    coreos: { update: { reboot_strategy: 'off' } },
    adoptDisk: false,
  });
});

test("files and units tell where they come from: a section's name, or where they were written", (t) => {
  const node = describe({
    dockerDisk: DISK,
    kubernetes: KUBERNETES,
    cloudConfig: {
      write_files: [{ path: '/a' }, { path: '/etc/kubernetes/kubelet.yaml', permissions: '0600' }],
      coreos: { units: [{ name: 'a.service' }] },
    },
    origins: {
      files: new Map([
        ['/a', 'profiles/base.yaml:3'],
        ['/etc/kubernetes/kubelet.yaml', 'profiles/worker.yaml:9'],
      ]),
      units: new Map([['a.service', 'profiles/base.yaml:7']]),
    },
  });
  const files = new Map(node.files.map(({ path, origin }) => [path, origin]));
  const units = new Map(node.units.map(({ name, origin }) => [name, origin]));
  t.is(files.get('/a'), 'profiles/base.yaml:3');
  t.is(files.get('/opt/bin/rackseed-docker-disk'), 'docker_disk');
  t.is(files.get('/etc/kubernetes/kubelet.yaml'), 'kubernetes, changed by profiles/worker.yaml:9');
  t.is(units.get('a.service'), 'profiles/base.yaml:7');
  t.is(units.get('var-lib-docker.mount'), 'docker_disk');
  t.is(units.get('kubelet.service'), 'kubernetes');
});

test('a profile changes a file of a section by its path, key by key', (t) => {
  const path = '/etc/kubernetes/kubeconfig';
  const change = (entry: object) => {
    const cloudConfig = { write_files: [{ path, ...entry }] };
    return describe({ kubernetes: KUBERNETES, cloudConfig }).files.filter((file) => file.path === path);
  };
  const origin = 'kubernetes, changed by profile worker';
  const written = { path, permissions: '0600', origin, secret: true };
  t.deepEqual(change({ owner: 'core:core' }), [
    { ...written, content: Buffer.from(JOIN.kubeconfig), owner: 'core:core' },
  ]);
  t.deepEqual(change({ content: 'own' }), [{ ...written, content: Buffer.from('own') }]);
});

test('a profile changes a unit of a section by its name, where it stands', (t) => {
  const before = describe({ dockerDisk: DISK, kubernetes: KUBERNETES });
  const after = describe({
    dockerDisk: DISK,
    kubernetes: KUBERNETES,
    cloudConfig: {
      coreos: {
        units: [
          { name: 'own.service', command: 'start', content: 'own' },
          { name: 'kubelet.service', drop_ins: [{ name: '20-own.conf', content: 'own' }] },
          { name: 'docker.service', drop_ins: [{ name: '10-docker-disk.conf', content: 'own' }] },
        ],
      },
    },
  });
  const names = (units: typeof after.units) => units.map(({ name }) => name);
  t.deepEqual(names(after.units), [...names(before.units), 'own.service']);
  const unit = (name: string) => after.units.find((one) => one.name === name);
  const kubelet = before.units.find(({ name }) => name === 'kubelet.service');
  t.is(unit('kubelet.service')?.content, kubelet?.content);
  t.is(unit('kubelet.service')?.command, 'start');
  t.deepEqual(
    unit('kubelet.service')?.dropIns.map(({ name }) => name),
    ['10-docker-disk.conf', '20-own.conf'],
  );
  t.deepEqual(unit('docker.service')?.dropIns, [{ name: '10-docker-disk.conf', content: 'own' }]);
});

test('the disk is prepared before what uses it, and no file or unit is there twice', (t) => {
  const { files, units } = describe({ dockerDisk: DISK, kubernetes: KUBERNETES });
  t.deepEqual(
    units.filter(({ command }) => command).map(({ name, command }) => `${command} ${name}`),
    [
      'start var-lib-nodedata.mount',
      'start var-lib-docker.mount',
      'start var-lib-containerd.mount',
      'start var-lib-kubelet.mount',
      'start var-log-pods.mount',
      'start rackseed-restart-engines.service',
      'start kubelet.service',
      'start rackseed-report-kubelet.service',
    ],
  );
  t.is(new Set(files.map(({ path }) => path)).size, files.length);
  t.is(new Set(units.map(({ name }) => name)).size, units.length);
});

test('no command names a unit that the sections do not write', (t) => {
  const { units } = describe({ dockerDisk: DISK, kubernetes: KUBERNETES });
  t.deepEqual(
    units.filter(({ command, content }) => command !== undefined && content === undefined),
    [],
  );
});

test('the node description holds the disk as it is after filling, and whether it may be adopted', (t) => {
  const disk = { ...DISK, device: '/dev/disk/by-id/{{ machine.labels.rack }}' };
  const node = describeNode(profileOf({ dockerDisk: disk }), VARIABLES, undefined, true);
  t.deepEqual(node.dockerDisk, { ...DISK, device: '/dev/disk/by-id/r1' });
  t.true(node.adoptDisk);
});

const UNFILLED: readonly [what: string, sections: Partial<Profile>, message: string][] = [
  [
    'a device that is none',
    { dockerDisk: { ...DISK, device: '{{ machine.labels.x }}' } },
    'profile worker, docker_disk.device: "a b" is no disk (expected auto, largest, serial:… or a path below /dev)',
  ],
  [
    'a label value that the kubelet would end on',
    { kubernetes: { ...KUBERNETES, labels: { rack: '{{ machine.labels.x }}' } } },
    'profile worker, kubernetes.labels.rack: "a b" is no value of a label (expected at most 63 letters, digits, dots, hyphens and underscores between letters or digits)',
  ],
  [
    'a taint that is none',
    { kubernetes: { ...KUBERNETES, taints: ['{{ machine.labels.x }}'] } },
    'profile worker, kubernetes.taints[0]: "a b" is no taint (expected key=value:Effect or key:Effect)',
  ],
  [
    'a variable that is not defined',
    { kubernetes: { ...KUBERNETES, config: { providerID: '{{ machine.serial }}' } } },
    'profile worker, kubernetes.config.providerID: machine.serial is not defined; defined are machine.mac, machine.hostname, machine.address, machine.labels',
  ],
];

for (const [what, sections, message] of UNFILLED) {
  test(`${what} is refused, once it is known, by profile and place`, (t) => {
    const variables = withMachine({ labels: { x: 'a b' } });
    const error = t.throws(() => describeNode(profileOf(sections), variables), {
      instanceOf: PlaceholderError,
    });
    t.is(error?.message, message);
  });
}
