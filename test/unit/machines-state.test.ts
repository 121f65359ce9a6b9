import test from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { expectationsOf, isRunning } from '../../src/machines/expectations.ts';
import type { Boot, EntryKind } from '../../src/machines/machine.ts';
import type { MachineState } from '../../src/machines/rack.ts';
import { type StateFacts, stateOf } from '../../src/machines/state.ts';
import { positionOf } from '../../src/machines/timeline.ts';
import { testConfig } from '../support/provisioning.ts';

const { profiles } = testConfig();
const worker = profiles.get('worker') as Profile;
const disk = profiles.get('disk') as Profile;
const image = worker.boot as Extract<Profile['boot'], { kind: 'image' }>;
const node: Profile = {
  ...worker,
  kubernetes: { role: 'worker', kubelet: { source: 'image' }, labels: {}, taints: [], config: {} },
};
const storage: Profile = {
  ...worker,
  dockerDisk: {
    device: 'auto',
    minimumSize: 0,
    filesystem: 'ext4',
    label: 'docker',
    directories: [],
    wait: 0,
  },
};
const { cloudConfig: _document, ...live } = worker;

/** A boot that has got its script with a profile, and what else is named. */
const boot = (kinds: readonly EntryKind[], profile = 'worker'): Boot => ({
  number: 1,
  began: 0,
  profile,
  entries: kinds.map((kind, at) => ({ kind, at, detail: kind === 'report' ? 'reports disk: ok' : kind })),
});
const { profile: _profile, ...held } = boot(['discover', 'script']);

const STATES: readonly [state: MachineState, what: string, facts: Partial<StateFacts>][] = [
  ['discovered', 'one that waits', { admission: 'hold', boot: held }],
  ['discovered', 'one that is ignored', { admission: 'ignore' }],
  ['refused', 'one that was refused', { admission: 'hold', verdict: 'refused', boot: boot(['up']) }],
  ['retired', 'one that was retired', { admission: 'hold', verdict: 'retired' }],
  ['approved', 'one that has yet to boot', {}],
  ['approved', 'one that was approved between two polls', { boot: held }],
  ['booting', 'one that has asked for an address', { boot: boot(['discover']) }],
  ['booting', 'one that has its script', { boot: boot(['script']) }],
  ['stuck', 'one that does not move', { boot: boot(['script']), isStuck: true }],
  ['running', 'one that has all it will ask for', { boot: boot(['script', 'document']) }],
  [
    'booting',
    'one whose node has yet to report',
    { boot: boot(['script', 'document']), expected: expectationsOf(node) },
  ],
  ['running', 'one whose node is up', { boot: boot(['script', 'document', 'up']) }],
  ['registered', 'one whose node is registered', { boot: boot(['script', 'up', 'registered']) }],
  ['ready', 'one whose node is ready', { boot: boot(['script', 'up', 'registered', 'ready', 'message']) }],
];

for (const [state, what, facts] of STATES) {
  test(`${what} is ${state}`, (t) => {
    const usual = {
      admission: 'boot',
      boot: undefined,
      expected: expectationsOf(worker),
      isStuck: false,
    } as const;
    t.is(stateOf({ ...usual, ...facts }), state);
  });
}

const ENDS: readonly [what: string, profile: Profile, last: EntryKind, before: readonly EntryKind[]][] = [
  ['an image without a document', live, 'initrd', ['script', 'kernel']],
  ['an image without initrd or document', { ...live, boot: { ...image, initrds: [] } }, 'kernel', ['script']],
  ['a document without units that report', worker, 'document', ['script', 'kernel', 'initrd']],
  ['a Docker disk', storage, 'report', ['script', 'kernel', 'initrd', 'document']],
  ['a node of the cluster', node, 'up', ['script', 'kernel', 'initrd', 'document', 'report']],
];

for (const [what, profile, last, before] of ENDS) {
  test(`${what} is running once it has come to ${last}, and not before`, (t) => {
    const expected = expectationsOf(profile);
    t.false(isRunning(boot(before), expected));
    t.true(isRunning(boot([...before, last]), expected));
  });
}

test('a boot from the disk is running once it has its script, and not while it waits for it', (t) => {
  t.false(isRunning(held, expectationsOf(disk)));
  t.true(isRunning(boot(['discover', 'script'], 'disk'), expectationsOf(disk)));
});

test('a boot’s position grows with its stages, and over the DHCP of the iPXE that was loaded', (t) => {
  const order: EntryKind[] = [
    'discover',
    'offer',
    'ack',
    'loader',
    'discover',
    'offer',
    'ack',
    'script',
    'kernel',
  ];
  const positions = order.map((_kind, index) => positionOf(boot(order.slice(0, index + 1))));
  t.deepEqual(
    positions,
    [...positions].sort((a, b) => a - b),
  );
  t.is(new Set(positions).size, order.length);
});
