import test, { type ExecutionContext } from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { ChangeRefusal, type MachineChange } from '../../src/machines/rack.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ip, machine as mac } from '../support/dhcp.ts';
import { KNOWN, testConfig, UNKNOWN } from '../support/provisioning.ts';
import { bootingMachine, type TestRack, testRack } from '../support/rack.ts';

const worker = testConfig().profiles.get('worker') as Profile;
const profiles = new Map(
  ['worker', 'rescue', 'storage'].map((name) => [name, { ...worker, name, chain: [name] }]),
);
const CONFIG = { profiles };

/** A rack on which a machine nobody wrote down waits in iPXE. */
function waiting(unknownMachines: 'hold' | 'ignore' | 'boot' = 'hold') {
  const rack = testRack({ config: { ...CONFIG, unknownMachines } });
  const machine = bootingMachine(rack, UNKNOWN);
  machine.dhcp(machine.IPXE);
  machine.script('hold');
  return { rack, machine };
}

const refusal = async (t: ExecutionContext, rack: TestRack, machine: Mac, change: MachineChange) => {
  const error = await t.throwsAsync(rack.rack.change(machine, change, 'local'), {
    instanceOf: ChangeRefusal,
  });
  return `${error?.kind}: ${error?.message}`;
};

for (const policy of ['hold', 'ignore'] as const) {
  test(`approval lets a machine boot under ${policy}, with the profile, name and labels it was given`, async (t) => {
    const { rack, machine } = waiting(policy);
    t.is(rack.rack.machine(UNKNOWN)?.state, 'discovered');
    const view = await rack.rack.change(
      UNKNOWN,
      { action: 'approve', profile: 'storage', hostname: 'big-disk', labels: { rack: 'a' } },
      'anna',
    );
    t.like(view, {
      state: 'approved',
      hostname: 'big-disk',
      profile: 'storage',
      reason: 'assigned by anna',
      labels: { rack: 'a' },
      decision: { verdict: 'approved', by: 'anna' },
    });
    machine.script();
    t.is(rack.rack.machine(UNKNOWN)?.state, 'booting');
    t.true(rack.entries(UNKNOWN).includes('script: iPXE → script: boots profile storage'));
  });
}

test('an approval survives a restart, is on the timeline and in the trail of changes', async (t) => {
  const { rack } = waiting();
  await rack.rack.change(UNKNOWN, { action: 'approve', hostname: 'w-1' }, 'anna');
  t.is(rack.entries(UNKNOWN).at(-1), 'change: approved, hostname w-1 by anna');
  t.like(rack.journal.changes()[0], {
    type: 'change',
    action: 'approve',
    by: 'anna',
    mac: UNKNOWN,
    hostname: 'w-1',
    detail: 'approved, hostname w-1',
  });
  const again = testRack({
    config: { ...CONFIG, unknownMachines: 'hold' },
    decisions: [...rack.store.savedDecisions.values()],
  });
  t.like(again.rack.machine(UNKNOWN), { state: 'approved', hostname: 'w-1' });
});

test('a machine can be approved before it was ever seen', async (t) => {
  const rack = testRack({ config: CONFIG });
  const view = await rack.rack.change(mac(7), { action: 'approve', hostname: 'w-7' }, 'local');
  t.like(view, { mac: mac(7), cards: [mac(7)], state: 'approved', network: 'kubernetes1', firstSeen: 1_000 });
  t.deepEqual(
    [...rack.rack.machines()].map(({ hostname }) => hostname),
    ['w-7'],
  );
  t.is(
    await refusal(t, rack, mac(8), { action: 'refuse' }),
    `unknown: ${mac(8)} was never seen and is in no file in machines/`,
  );
});

for (const [action, state] of [
  ['refuse', 'refused'],
  ['retire', 'retired'],
] as const) {
  test(`a machine that was ${state} doesn't boot, until it is approved`, async (t) => {
    const { rack } = waiting('boot');
    t.is(rack.rack.machine(UNKNOWN)?.state, 'approved');
    t.like(await rack.rack.change(UNKNOWN, { action }, 'anna'), {
      state,
      admission: 'hold',
      reason: `${state} by anna`,
    });
    t.like(rack.identifier.lookUp(UNKNOWN), { admission: 'hold', verdict: state });
    t.is(
      await refusal(t, rack, UNKNOWN, { action: 'boot-once', profile: 'rescue' }),
      `conflict: ${UNKNOWN}: it is ${state}: approve it first`,
    );
    t.is((await rack.rack.change(UNKNOWN, { action: 'approve' }, 'anna'))?.state, 'approved');
  });
}

const written = {
  mac: KNOWN,
  hostname: 'worker-01',
  profile: 'worker',
  labels: { rack: '7' },
  adoptDisk: false,
};
const REFUSALS: readonly [change: MachineChange, reason: RegExp][] = [
  [
    { action: 'rename', hostname: 'other' },
    /^conflict: .* machines\/a\.yaml: machines\[0\] says its name is worker-01/,
  ],
  [{ action: 'rename', hostname: null }, /^conflict: .* says its name is worker-01: change it there/],
  [{ action: 'assign', profile: 'storage' }, /^conflict: .* says its profile is worker: change it there/],
  [{ action: 'label', labels: { rack: '8' } }, /^conflict: .* says its label rack is 7/],
  [{ action: 'refuse' }, /^conflict: .* says that it boots, and goes first/],
  [{ action: 'forget' }, /^conflict: .* names it: take the machine out of the file first/],
  [
    { action: 'boot-once', profile: 'rescu' },
    /^invalid: .* there is no profile rescu, did you mean rescue\?/,
  ],
  [{ action: 'label', labels: { 'no good': 'x' } }, /^invalid: "no good" is no key of a label/],
  [{ action: 'label', labels: { a: 'x\ny' } }, /^invalid: the value of the label a must be one line/],
];

for (const [change, reason] of REFUSALS) {
  test(`${JSON.stringify(change)} is refused for a machine that is written down: ${reason.source}`, async (t) => {
    const machines = new Map([[KNOWN, { ...written, place: 'machines/a.yaml: machines[0]' }]]);
    const rack = testRack({ config: { ...CONFIG, machines } });
    bootingMachine(rack).dhcp(bootingMachine(rack).IPXE);
    t.regex(await refusal(t, rack, KNOWN, change), reason);
    t.deepEqual(rack.journal.changes(), []);
    t.is(rack.rack.machine(KNOWN)?.revision, 0);
  });
}

test('what an entry in machines/ leaves open can be decided', async (t) => {
  const machines = new Map([[KNOWN, { mac: KNOWN, labels: { rack: '7' }, adoptDisk: false }]]);
  const rack = testRack({ config: { ...CONFIG, machines } });
  await rack.rack.change(KNOWN, { action: 'rename', hostname: 'w-9' }, 'local');
  await rack.rack.change(KNOWN, { action: 'label', labels: { row: '2' } }, 'local');
  const view = await rack.rack.change(KNOWN, { action: 'assign', profile: 'storage' }, 'local');
  t.like(view, { hostname: 'w-9', profile: 'storage', labels: { rack: '7', row: '2' } });
  t.like(await rack.rack.change(KNOWN, { action: 'label', labels: { row: null } }, 'local'), {
    labels: { rack: '7' },
  });
});

test('an entry that is written for a refused machine goes first', async (t) => {
  const { rack } = waiting();
  await rack.rack.change(UNKNOWN, { action: 'refuse' }, 'local');
  const entry = { mac: UNKNOWN, hostname: 'in-file', labels: {}, adoptDisk: false };
  rack.settings.config = testConfig({ ...CONFIG, machines: new Map([[UNKNOWN, entry]]) });
  t.like(rack.rack.machine(UNKNOWN), { admission: 'boot', hostname: 'in-file', state: 'approved' });
});

test('a host name belongs to one machine', async (t) => {
  const { rack } = waiting();
  await rack.rack.change(mac(11), { action: 'approve', hostname: 'w-1' }, 'local');
  const rename = (hostname: string) => refusal(t, rack, UNKNOWN, { action: 'approve', hostname });
  t.regex(await rename('w-1'), new RegExp(`^conflict: .* the name w-1 belongs to ${mac(11)}$`));
  t.regex(await rename('worker-01'), new RegExp(`^conflict: .* belongs to ${KNOWN} \\(machines/\\)$`));
  t.regex(await rename('node-525400000005'), /belongs to the machine with that hardware address$/);
  t.regex(await rename('No_Name'), /^invalid: "No_Name" is no host name/);
  rack.indexes.assign({ profile: 'worker', mac: mac(3), isFree: () => true, preferred: 5 });
  t.regex(await rename('worker-05'), new RegExp(`belongs to ${mac(3)}, which has that number$`));
  t.is(
    (await rack.rack.change(mac(11), { action: 'rename', hostname: null }, 'local'))?.hostname,
    'node-52540000000b',
  );
  t.is((await rack.rack.change(UNKNOWN, { action: 'approve', hostname: 'w-1' }, 'local'))?.hostname, 'w-1');
});

test('nothing is decided about a machine that waits, but whether it may boot', async (t) => {
  const { rack } = waiting();
  for (const change of [
    { action: 'rename', hostname: 'a' },
    { action: 'adopt-disk' },
    { action: 'boot-once', profile: 'rescue' },
  ] as const) {
    t.regex(await refusal(t, rack, UNKNOWN, change), /^conflict: .* approve it first$/);
  }
});

test('a profile for one boot is used until that boot has its document, and is gone with the next', async (t) => {
  const rack = testRack({ config: CONFIG });
  const machine = bootingMachine(rack);
  const profile = () => rack.rack.machine(KNOWN)?.profile;
  const toDocument = () => {
    machine.dhcp(machine.IPXE);
    machine.script();
    machine.kernel();
    machine.initrd();
    machine.document();
  };
  toDocument();
  await rack.rack.change(KNOWN, { action: 'boot-once', profile: 'rescue' }, 'anna');
  t.is(profile(), 'worker', 'this boot goes on as it began');
  t.is(
    (await rack.rack.next(KNOWN))?.script.split('\n')[1],
    'echo worker-01 (52:54:00:00:00:01) boots flatcar/1',
  );
  t.like(rack.identifier.lookAhead(KNOWN), { profile: { name: 'rescue' }, reason: 'for one boot, by anna' });

  machine.dhcp(machine.IPXE);
  t.is(profile(), 'rescue');
  machine.script();
  machine.kernel();
  machine.dhcp(machine.IPXE);
  t.is(profile(), 'rescue', 'the boot before came to nothing');
  machine.script();
  machine.script();
  t.is(profile(), 'rescue', 'a script asked for again is the same');
  t.is(rack.rack.machine(KNOWN)?.decision?.bootOnce, 'rescue');
  machine.kernel();
  machine.initrd();
  machine.document();
  t.is(profile(), 'rescue', 'until this boot is over');
  t.is(rack.rack.machine(KNOWN)?.hostname, 'worker-01', 'its name stays');
  t.is(rack.rack.machine(KNOWN)?.decision?.bootOnce, undefined, 'but it is used up');
  t.like(rack.identifier.lookAhead(KNOWN), { profile: { name: 'worker' } });
  machine.dhcp(machine.IPXE);
  t.is(profile(), 'worker');
});

test('a profile for one boot is still known after a restart in the middle of that boot', async (t) => {
  const rack = testRack({ config: CONFIG });
  const machine = bootingMachine(rack);
  await rack.rack.change(KNOWN, { action: 'boot-once', profile: 'rescue' }, 'anna');
  machine.dhcp(machine.IPXE);
  machine.script();
  rack.save();
  const machines = [...rack.store.savedMachines.values()];
  const after = testRack({ config: CONFIG, machines, decisions: [...rack.store.savedDecisions.values()] });
  t.is(after.rack.machine(KNOWN)?.profile, 'rescue');
  bootingMachine(after).document();
  const later = testRack({ config: CONFIG, machines, decisions: [...after.store.savedDecisions.values()] });
  t.like(later.identifier.lookAhead(KNOWN), { profile: { name: 'worker' } });
});

test('leave to format the disk is for one boot', async (t) => {
  const rack = testRack({ config: CONFIG });
  const machine = bootingMachine(rack);
  await rack.rack.change(KNOWN, { action: 'adopt-disk' }, 'anna');
  const adopts = () => {
    const identity = rack.identifier.lookUp(KNOWN);
    return identity.admission === 'boot' && identity.entry.adoptDisk;
  };
  machine.dhcp(machine.IPXE);
  machine.script();
  t.true(adopts());
  machine.document();
  machine.dhcp(machine.IPXE);
  t.false(adopts());
});

test('a profile that is gone is replaced by what the rules choose, and the reason says so', async (t) => {
  const { rack } = waiting();
  await rack.rack.change(UNKNOWN, { action: 'approve', profile: 'storage' }, 'anna');
  await rack.rack.change(UNKNOWN, { action: 'boot-once', profile: 'rescue' }, 'anna');
  rack.settings.config = testConfig();
  t.like(rack.rack.machine(UNKNOWN), {
    profile: 'worker',
    reason:
      'default_profile, as the profile storage it was assigned is gone, as the profile rescue for one boot is gone',
  });
});

test('a forgotten machine is as if it had never been', async (t) => {
  const { rack, machine } = waiting();
  await rack.rack.change(UNKNOWN, { action: 'approve', hostname: 'w-1' }, 'local');
  machine.script();
  machine.dhcp(machine.IPXE);
  rack.save();
  t.is(rack.rack.boots(UNKNOWN).length, 2);
  const { revision = 0 } = rack.rack.machine(UNKNOWN) ?? {};
  t.is(await rack.rack.change(UNKNOWN, { action: 'forget' }, 'anna'), undefined);
  t.is(rack.rack.machine(UNKNOWN), undefined);
  t.deepEqual(rack.rack.boots(UNKNOWN), []);
  t.is(rack.store.savedDecisions.size + rack.store.savedMachines.size + rack.store.boots(UNKNOWN).length, 0);
  t.like(rack.journal.changes()[0], { action: 'forget', by: 'anna', hostname: 'w-1' });
  rack.settings.now += 1;
  machine.dhcp(machine.IPXE);
  t.is(rack.rack.machine(UNKNOWN)?.state, 'discovered');
  const again = await rack.rack.change(UNKNOWN, { action: 'approve' }, 'local');
  t.true((again?.revision ?? 0) > revision, 'no entity tag comes twice');
});

test('a change that cannot be written down is not made', async (t) => {
  const { rack } = waiting();
  rack.store.failure = new Error('disk full');
  await t.throwsAsync(rack.rack.change(UNKNOWN, { action: 'approve' }, 'local'), { message: 'disk full' });
  t.is(rack.rack.machine(UNKNOWN)?.state, 'discovered');
  t.deepEqual(rack.journal.changes(), []);
});

test('what a machine would get next is shown, less its token; nothing for one that may not boot', async (t) => {
  const { rack } = waiting();
  t.is(await rack.rack.next(UNKNOWN), undefined);
  t.is(await rack.rack.next(mac(5)), undefined);
  await rack.rack.change(UNKNOWN, { action: 'approve', hostname: 'w-1' }, 'local');
  const next = await rack.rack.next(UNKNOWN);
  t.regex(
    next?.script ?? '',
    /\nkernel --name kernel http:\/\/192\.168\.0\.254\/assets\/flatcar\/1\/vmlinuz /,
  );
  t.notRegex(next?.script ?? '', /token=/);
  t.deepEqual(next?.document, { format: 'cloud-config', text: '#cloud-config\nhostname: w-1\n' });
});

test('what a machine would get next is told in words when it can’t be rendered yet', async (t) => {
  const needy = { ...worker, cloudConfig: { hostname: '{{ machine.serial }}' } };
  const rack = testRack({ config: { profiles: new Map([['worker', needy]]) } });
  bootingMachine(rack, KNOWN, ip('192.168.0.7')).dhcp(bootingMachine(rack).IPXE);
  await t.throwsAsync(rack.rack.next(KNOWN), { message: /machine\.serial/ });
});
