import test from 'ava';
import { createIdentifier } from '../../src/machines/identifier.ts';
import { identify } from '../../src/machines/identity.ts';
import { type MachineIndex, MachineIndexes } from '../../src/machines/indexes.ts';
import type { Inventory } from '../../src/machines/machine.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import { textPattern } from '../../src/machines/rules.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { good, PROFILE, RACKSEED } from '../support/config.ts';

const mac = (last: number) => parseMac(`52:54:00:00:00:${String(last).padStart(2, '0')}`) as Mac;

const MACHINES = `machines:
  - { mac: "52:54:00:00:00:01", profile: storage, labels: { rack: own } }
  - { mac: "52:54:00:00:00:02", labels: { rack: own } }
rules:
  - { match: { mac: "52:54:00:00:00:01" }, profile: worker }
  - { match: { mac_prefix: "52:54:ff" }, profile: prefix }
  - { match: { manufacturer: dell*, product: "POWEREDGE *5*" }, profile: edge, labels: { rack: rule, kind: edge } }
  - { match: { serial: "CZ1" }, profile: serial }
  - { match: { arch: arm64, network: blue* }, profile: arm }
  - { match: { uuid: "4C4C*" }, profile: uuid }
`;
const names = ['storage', 'prefix', 'edge', 'serial', 'arm', 'uuid'];

const config = (unknown: string, files: Readonly<Record<string, string>> = {}) =>
  good({
    'rackseed.yaml': `${RACKSEED}unknown_machines: ${unknown}\n`,
    ...Object.fromEntries(names.map((name) => [`profiles/${name}.yaml`, PROFILE])),
    'machines/a.yaml': MACHINES.replace('blue*', 'kube*'),
    ...files,
  });

/** What iPXE always tells. */
const asked: Inventory = { buildarch: 'x86_64', platform: 'efi' };
const edge: Inventory = { ...asked, manufacturer: 'Dell Inc.', product: 'PowerEdge R650' };

const CHOICES: readonly [
  what: string,
  mac: Mac,
  inventory: Inventory,
  network: string,
  profile: string,
  reason: string,
][] = [
  ['its entry before any rule', mac(1), edge, 'kubernetes1', 'storage', 'machines/a.yaml: machines[0]'],
  [
    'a rule for all that its maker and product match',
    mac(2),
    edge,
    'kubernetes1',
    'edge',
    'machines/a.yaml: rules[2]: manufacturer matches dell*, product matches POWEREDGE *5*',
  ],
  [
    'the default when one of two conditions fails',
    mac(2),
    { ...edge, product: 'R 7' },
    'x',
    'worker',
    'default_profile',
  ],
  [
    'a rule for the first bytes of its address',
    parseMac('52:54:ff:00:00:01') as Mac,
    {},
    'x',
    'prefix',
    'machines/a.yaml: rules[1]: mac begins with 52:54:ff',
  ],
  [
    'the first of two rules that match',
    mac(3),
    { ...edge, serial: 'cz1' },
    'x',
    'edge',
    'machines/a.yaml: rules[2]: manufacturer matches dell*, product matches POWEREDGE *5*',
  ],
  [
    'a rule for its serial number',
    mac(3),
    { ...asked, serial: 'cz1' },
    'x',
    'serial',
    'machines/a.yaml: rules[3]: serial is CZ1',
  ],
  [
    'a rule for its architecture and network',
    mac(3),
    { buildarch: 'arm64' },
    'kubernetes1',
    'arm',
    'machines/a.yaml: rules[4]: arch is arm64, network matches kube*',
  ],
  [
    'a rule for its UUID',
    mac(3),
    { uuid: '4c4c4544-0000' },
    'x',
    'uuid',
    'machines/a.yaml: rules[5]: uuid matches 4C4C*',
  ],
  ['the default when nothing matches', mac(3), asked, 'x', 'worker', 'default_profile'],
];

for (const [what, address, inventory, network, profile, reason] of CHOICES) {
  test(`a machine gets the profile of ${what}`, (t) => {
    const identity = identify(config('boot'), address, { inventory, network });
    t.like(identity, { admission: 'boot', reason });
    t.is(identity.admission === 'boot' ? identity.profile.name : '', profile);
  });
}

test('the labels of the rule that chose the profile join those of the entry, which win', (t) => {
  const labels = (address: Mac) => {
    const identity = identify(config('boot'), address, { inventory: edge });
    return identity.admission === 'boot' && identity.labels;
  };
  t.deepEqual(labels(mac(2)), { rack: 'own', kind: 'edge' });
  t.deepEqual(labels(mac(3)), { rack: 'rule', kind: 'edge' });
  t.deepEqual(labels(mac(1)), { rack: 'own' }, 'the entry names its own profile');
});

for (const policy of ['hold', 'ignore'] as const) {
  test(`a rule lets nobody in: a machine without an entry gets ${policy} all the same`, (t) => {
    const identity = identify(config(policy), mac(3), { inventory: edge });
    t.deepEqual(identity, {
      admission: policy,
      mac: mac(3),
      hostname: 'node-525400000003',
      reason: `no entry in machines/, and unknown_machines is ${policy}`,
    });
  });
}

const PATTERNS: readonly [pattern: string, text: string, matches: boolean][] = [
  ['a', 'A', true],
  ['a', 'ab', false],
  ['a*', 'a', true],
  ['*', '', true],
  ['*b', 'ab', true],
  ['a*a', 'a', false],
  ['a*b*c', 'aXXbYYc', true],
  ['a*b*c', 'acb', false],
  ['*b*', 'abc', true],
  ['a.c', 'abc', false],
  ['**a', 'ba', true],
];

for (const [pattern, text, matches] of PATTERNS) {
  test(`the pattern ${pattern} ${matches ? 'matches' : "doesn't match"} "${text}"`, (t) => {
    t.is(textPattern(pattern)(text), matches);
  });
}

/** An identifier over an empty registry, and what it wrote down. */
function identifier(files: Readonly<Record<string, string>> = {}, records: readonly MachineIndex[] = []) {
  const registry = new MachineRegistry({
    machines: [],
    isKept: () => false,
    capacity: 100,
    strangers: 100,
    onForgotten: () => {},
  });
  const saved: MachineIndex[] = [];
  const indexes = new MachineIndexes({
    records,
    onAssigned: (record) => saved.push(record),
    onForgotten: (record) => saved.splice(saved.indexOf(record), 1),
  });
  const settings = config('boot', files);
  const { admit, lookUp } = createIdentifier(() => settings, registry, indexes);
  const see = (address: Mac, inventory: Inventory) =>
    void registry.see(address, 'kubernetes1', 1, { inventory });
  return { admit, lookUp, see, saved };
}

const described = (identity: ReturnType<typeof identify>) =>
  identity.admission === 'boot' ? [identity.hostname, identity.index] : [];

test('a machine without a name is called after its profile and its index, which it keeps', (t) => {
  const { admit, lookUp, see, saved } = identifier();
  for (const last of [4, 5, 6]) see(mac(last), asked);
  see(mac(6), edge);
  t.deepEqual(described(lookUp(mac(4))), ['node-525400000004', undefined], 'looking gives nothing');
  t.deepEqual(described(admit(mac(5))), ['worker-01', 1]);
  t.deepEqual(described(admit(mac(4))), ['worker-02', 2]);
  t.deepEqual(described(admit(mac(6))), ['edge-01', 1]);
  t.deepEqual(described(admit(mac(5))), ['worker-01', 1]);
  t.deepEqual(described(lookUp(mac(4))), ['worker-02', 2]);
  t.deepEqual(saved, [
    { profile: 'worker', mac: mac(5), index: 1 },
    { profile: 'worker', mac: mac(4), index: 2 },
    { profile: 'edge', mac: mac(6), index: 1 },
  ]);
});

test('a machine is numbered only when it has told what the rules ask for', (t) => {
  const { admit, see } = identifier();
  see(mac(4), { uuid: '0-0' });
  t.deepEqual(described(admit(mac(4))), ['node-525400000004', undefined]);
  see(mac(4), edge);
  t.deepEqual(described(admit(mac(4))), ['edge-01', 1]);
});

test('a machine nobody has seen or written down is not numbered', (t) => {
  const { admit, see, saved } = identifier({ 'machines/a.yaml': 'machines: [{ mac: "52:54:00:00:00:01" }]' });
  t.deepEqual(described(admit(mac(4))), ['node-525400000004', undefined]);
  t.deepEqual(described(admit(mac(1))), ['worker-01', 1]);
  see(mac(4), {});
  t.deepEqual(described(admit(mac(4))), ['worker-02', 2]);
  t.is(saved.length, 2);
});

test('names given by hand come first: their numbers are kept for their machines', (t) => {
  const { admit } = identifier({
    'machines/a.yaml': `machines:
  - { mac: "52:54:00:00:00:01", hostname: worker-01 }
  - { mac: "52:54:00:00:00:02" }
  - { mac: "52:54:00:00:00:03", hostname: worker-07 }
  - { mac: "52:54:00:00:00:04", hostname: frontend }
`,
  });
  t.deepEqual(described(admit(mac(2))), ['worker-02', 2]);
  t.deepEqual(described(admit(mac(1))), ['worker-01', 1]);
  t.deepEqual(described(admit(mac(3))), ['worker-07', 7]);
  t.deepEqual(described(admit(mac(4))), ['frontend', 3]);
});

test('a machine whose name was given to another is called after its address', (t) => {
  const files = {
    'machines/a.yaml':
      'machines: [{ mac: "52:54:00:00:00:01", hostname: worker-03 }, { mac: "52:54:00:00:00:02" }]',
  };
  const { admit } = identifier(files, [{ profile: 'worker', mac: mac(2), index: 3 }]);
  t.deepEqual(described(admit(mac(2))), ['node-525400000002', 3]);
  t.deepEqual(described(admit(mac(1))), ['worker-03', 1], 'the number is taken, the name is not');
});

test('names of machines are DNS labels, whatever their profile is called', (t) => {
  const { admit } = identifier({
    [`profiles/My.Profile_${'x'.repeat(80)}.yaml`]: PROFILE,
    'machines/a.yaml': `machines: [{ mac: "52:54:00:00:00:01", profile: My.Profile_${'x'.repeat(80)} }]`,
  });
  const [hostname = ''] = described(admit(mac(1)));
  t.regex(String(hostname), /^my-profile-x{44}-01$/);
});
