import test from 'ava';
import type { SavedParts, SeenMachine } from '../../src/machines/machine.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ip, machine } from '../support/dhcp.ts';

function registry({
  capacity = 100,
  strangers = 100,
  kept = [] as Mac[],
  machines = [] as SeenMachine[],
} = {}) {
  const forgotten: Mac[] = [];
  const ended: number[] = [];
  const made = new MachineRegistry({
    machines,
    isKept: (mac) => kept.includes(mac),
    capacity,
    strangers,
    onForgotten: (mac) => forgotten.push(mac),
    onBootEnded: (_, { number }) => ended.push(number),
  });
  const kinds = (mac = machine(1)) => made.get(mac)?.boot?.entries.map(({ kind }) => kind);
  return { registry: made, forgotten, ended, kinds };
}

test('what is learned about a machine adds up', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1, { firmware: 'BIOS', inventory: { uuid: 'u' } });
  seen.see(machine(1), 'net', 2, { address: ip('10.0.0.1'), inventory: { serial: 's' } });
  t.like(seen.get(machine(1)), {
    firstSeen: 1,
    lastSeen: 2,
    firmware: 'BIOS',
    address: ip('10.0.0.1'),
    inventory: { uuid: 'u', serial: 's' },
  });
});

test('a machine that says again what it said is not written down again', (t) => {
  const { registry: seen } = registry();
  const facts = { inventory: { serial: 's' }, attachment: { circuit: '7' } };
  seen.see(machine(1), 'net', 1, facts);
  t.is(seen.takeChanged().length, 1);
  seen.see(machine(1), 'net', 2, { inventory: { serial: 's' }, attachment: { circuit: '7' } });
  t.is(seen.takeChanged().length, 0);
  seen.see(machine(1), 'net', 3, { attachment: { circuit: '8' } });
  t.is(seen.takeChanged().length, 1);
});

test('a machine is found by the address it has, not by one it had', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1, { address: ip('10.0.0.1') });
  seen.see(machine(1), 'net', 2, { address: ip('10.0.0.2') });
  t.is(seen.at(ip('10.0.0.2'))?.mac, machine(1));
  t.is(seen.at(ip('10.0.0.1')), undefined);
});

test('an address that went to another machine leads to that one', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1, { address: ip('10.0.0.1') });
  seen.see(machine(2), 'net', 2, { address: ip('10.0.0.1') });
  seen.see(machine(1), 'net', 3, { address: ip('10.0.0.5') });
  t.is(seen.at(ip('10.0.0.1'))?.mac, machine(2));
});

test('a retransmission is not a new entry', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1);
  t.true(seen.record(machine(1), 'discover', 'BIOS asks', 1));
  t.false(seen.record(machine(1), 'discover', 'BIOS asks', 2));
  t.true(seen.record(machine(1), 'ack', 'BIOS has 10.0.0.1', 3));
  t.deepEqual(seen.get(machine(1))?.boot, {
    number: 1,
    began: 1,
    entries: [
      { kind: 'discover', at: 1, detail: 'BIOS asks' },
      { kind: 'ack', at: 3, detail: 'BIOS has 10.0.0.1' },
    ],
  });
});

test('of a boot that goes round in circles the first stages are kept, and the last of everything else', (t) => {
  const { registry: seen, kinds } = registry();
  seen.see(machine(1), 'net', 1, { address: ip('10.0.0.1') });
  for (let n = 0; n < 1000; n += 1) {
    seen.record(machine(1), 'discover', `try ${n}`, n);
    seen.record(machine(1), 'retry', `again ${n}`, n);
  }
  const { entries = [] } = seen.get(machine(1))?.boot ?? {};
  t.is(entries.filter(({ kind }) => kind === 'discover').length, 64);
  t.is(entries[0]?.detail, 'try 0');
  t.is(entries.filter(({ kind }) => kind === 'retry').length, 200);
  t.is(entries.at(-1)?.detail, 'again 999');
  t.is(kinds()?.length, 264);
});

test('what is told is one line of at most 512 characters', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1);
  seen.record(machine(1), 'discover', `a\n\u001b[2J${'x'.repeat(600)}`, 1);
  const detail = seen.get(machine(1))?.boot?.entries[0]?.detail ?? '';
  t.is(detail.length, 512);
  t.regex(detail, /^a \[2Jx+…$/);
});

test('a machine that only asks for an address of its own has no boot to tell of', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1);
  t.false(seen.record(machine(1), 'nak', 'no', 1));
  t.is(seen.get(machine(1))?.boot, undefined);
});

test('boots are numbered over all cards of a machine, and handed on when they end', (t) => {
  const { registry: seen, ended } = registry({ kept: [machine(1)] });
  const inventory = { uuid: '4c4c4544-0038-5a10-8051-cac04f4c4d31' };
  seen.see(machine(1), 'net', 1, { inventory });
  seen.see(machine(2), 'net', 1, { inventory });
  seen.beginBoot(machine(1), 1);
  seen.beginBoot(machine(1), 2);
  seen.beginBoot(machine(2), 3);
  t.deepEqual(ended, [1]);
  t.is(seen.get(machine(2))?.boot?.number, 3);
});

test('beyond its capacity it forgets the machine unseen for longest, but none that is written down', (t) => {
  const { registry: seen, forgotten } = registry({ capacity: 2, kept: [machine(1)] });
  for (const n of [1, 2, 3, 4]) seen.see(machine(n), 'net', n);
  t.deepEqual(forgotten, [machine(2), machine(3)]);
  t.deepEqual(
    [...seen.all()].map(({ mac }) => mac),
    [machine(1), machine(4)],
  );
});

test('machines that never got a script are forgotten before those that did', (t) => {
  const { registry: seen, forgotten } = registry({ capacity: 3 });
  seen.see(machine(1), 'net', 1);
  seen.record(machine(1), 'script', 'iPXE waits for approval', 1);
  for (const n of [2, 3, 4, 5]) seen.see(machine(n), 'net', n);
  t.deepEqual(forgotten, [machine(2), machine(3)]);
  t.false(seen.isStranger(machine(1)));
  t.true(seen.isStranger(machine(5)));
});

test('strangers beyond their own capacity are forgotten, and displace nobody else', (t) => {
  const { registry: seen, forgotten } = registry({ strangers: 2, kept: [machine(1)] });
  seen.see(machine(1), 'net', 1);
  seen.see(machine(2), 'net', 1);
  seen.record(machine(2), 'script', 'iPXE waits for approval', 1);
  for (const n of [3, 4, 5, 6]) seen.see(machine(n), 'net', n);
  t.deepEqual(forgotten, [machine(3), machine(4)]);
});

test('strangers are forgotten after a while, machines that waited for approval are not', (t) => {
  const { registry: seen, forgotten } = registry({ kept: [machine(2)] });
  for (const n of [1, 2, 3, 4]) seen.see(machine(n), 'net', n * 10);
  seen.record(machine(3), 'script', 'iPXE waits for approval', 30);
  seen.forgetStrangers(135, 100);
  t.deepEqual(forgotten, [machine(1)]);
  seen.forgetStrangers(10_000, 100);
  t.deepEqual(forgotten, [machine(1), machine(4)]);
});

test('of a flood of strangers a few are written down at a time, and no other machine waits for them', (t) => {
  const { registry: seen } = registry();
  for (const n of [1, 2, 3, 4]) seen.see(machine(n), 'net', n);
  seen.record(machine(4), 'script', 'iPXE waits for approval', 5);
  const taken = (strangers?: number) => seen.takeChanged(strangers).map(({ mac }) => mac);
  t.deepEqual(taken(2), [machine(1), machine(2), machine(4)]);
  t.deepEqual(taken(2), [machine(3)]);
  t.deepEqual(taken(), []);
});

test('a stranger is not written down in its first moments, and any other machine is', (t) => {
  const { registry: seen } = registry();
  for (const n of [1, 2, 3]) seen.see(machine(n), 'net', n);
  seen.record(machine(3), 'script', 'iPXE waits for approval', 5);
  const taken = (firstSeen: number) => seen.takeChanged(10, firstSeen).map(({ mac }) => mac);
  t.deepEqual(taken(1), [machine(1), machine(3)]);
  t.deepEqual(taken(2), [machine(2)]);
});

test('a client that has an address is a stranger as long as it is not seen to boot', (t) => {
  const { registry: seen } = registry({ kept: [machine(3)] });
  for (const n of [1, 2, 3]) seen.see(machine(n), 'net', n, { address: ip(`10.0.0.${n}`) });
  seen.record(machine(2), 'discover', 'BIOS asks for an address', 4);
  t.deepEqual(
    [1, 2, 3].map((n) => seen.isStranger(machine(n))),
    [true, false, false],
  );
});

test('whoever forgets a machine is told what may be written down of it', (t) => {
  const told: [Mac, SavedParts][] = [];
  const seen = new MachineRegistry({
    machines: [],
    isKept: () => false,
    capacity: 100,
    strangers: 100,
    onForgotten: (mac, saved) => told.push([mac, saved]),
  });
  for (const n of [1, 2, 3]) seen.see(machine(n), 'net', n);
  seen.takeChanged(1);
  seen.record(machine(3), 'script', 'iPXE waits for approval', 4);
  for (const n of [1, 2, 3]) seen.forget(machine(n));
  t.deepEqual(told, [
    [machine(1), { machine: true, boots: false }],
    [machine(2), { machine: false, boots: false }],
    [machine(3), { machine: true, boots: true }],
  ]);
});

test('machines known from before are there after a restart', (t) => {
  const { registry: before } = registry();
  before.see(machine(1), 'net', 1, { address: ip('10.0.0.1') });
  const { registry: after } = registry({ machines: before.takeChanged() });
  t.is(after.at(ip('10.0.0.1'))?.mac, machine(1));
  t.deepEqual(after.takeChanged(), []);
});
