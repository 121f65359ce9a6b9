import test from 'ava';
import type { SeenMachine } from '../../src/machines/machine.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ip, machine } from '../support/dhcp.ts';

function registry({ capacity = 100, kept = [] as Mac[], machines = [] as SeenMachine[] } = {}) {
  const forgotten: Mac[] = [];
  const made = new MachineRegistry({
    machines,
    isKept: (mac) => kept.includes(mac),
    capacity,
    onForgotten: (mac) => forgotten.push(mac),
  });
  return { registry: made, forgotten };
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

test('a retransmission is not a new stage', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1);
  t.true(seen.record(machine(1), 'discover', 'BIOS asks', 1));
  t.false(seen.record(machine(1), 'discover', 'BIOS asks', 2));
  t.true(seen.record(machine(1), 'ack', 'BIOS has 10.0.0.1', 3));
  t.deepEqual(
    seen.get(machine(1))?.boot.map(({ stage, at }) => [stage, at]),
    [
      ['discover', 1],
      ['ack', 3],
    ],
  );
});

test('a machine that goes round in circles does not fill the memory', (t) => {
  const { registry: seen } = registry();
  seen.see(machine(1), 'net', 1);
  for (let n = 0; n < 1000; n += 1) seen.record(machine(1), 'discover', `try ${n}`, n);
  t.is(seen.get(machine(1))?.boot.length, 64);
  t.is(seen.get(machine(1))?.boot[0]?.detail, 'try 0');
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

test('machines known from before are there after a restart', (t) => {
  const { registry: before } = registry();
  before.see(machine(1), 'net', 1, { address: ip('10.0.0.1') });
  const { registry: after } = registry({ machines: before.takeChanged() });
  t.is(after.at(ip('10.0.0.1'))?.mac, machine(1));
  t.deepEqual(after.takeChanged(), []);
});
