import test from 'ava';
import { parseMac } from '../../src/net/mac.ts';
import { magicPacket } from '../../src/net/wake-on-lan.ts';
import { KNOWN, UNKNOWN } from '../support/provisioning.ts';
import { bootingMachine, testRack } from '../support/rack.ts';

test('a magic packet is six bytes of ones and the address sixteen times', (t) => {
  const mac = parseMac('52:54:00:12:34:56');
  t.truthy(mac);
  t.is(Buffer.from(magicPacket(mac ?? KNOWN)).toString('hex'), `ffffffffffff${'525400123456'.repeat(16)}`);
});

test('a machine is woken through the network it was seen on, which its timeline and the audit trail tell', async (t) => {
  const rack = testRack();
  bootingMachine(rack).discover({ mac: KNOWN, architectures: [0], vendorClass: 'PXEClient' });
  const before = rack.rack.machine(KNOWN);
  const after = await rack.rack.change(KNOWN, { action: 'wake' }, 'anna');
  t.deepEqual(rack.woken, [[KNOWN, 'kubernetes1']]);
  t.is(after?.revision, before?.revision, 'nothing is decided by it');
  t.is(rack.entries().at(-1), 'change: woken: a magic packet was sent to its cards by anna');
  t.like(rack.journal.changes()[0], { action: 'wake', by: 'anna', mac: KNOWN, hostname: 'worker-01' });
});

test('a machine that was approved but never seen is looked for on every network', async (t) => {
  const rack = testRack();
  await rack.rack.change(KNOWN, { action: 'approve' }, 'anna');
  await rack.rack.change(KNOWN, { action: 'wake' }, 'anna');
  t.deepEqual(rack.woken, [[KNOWN, undefined]]);
});

test('a machine that was never seen is not woken before somebody has approved it', async (t) => {
  const rack = testRack();
  await t.throwsAsync(rack.rack.change(KNOWN, { action: 'wake' }, 'anna'), { message: /approve it first/ });
  await t.throwsAsync(rack.rack.change(UNKNOWN, { action: 'wake' }, 'anna'), { message: /was never seen/ });
  t.deepEqual(rack.woken, []);
});

test('a magic packet that could not leave is told to whoever wanted it, and not written down', async (t) => {
  const rack = testRack();
  bootingMachine(rack).discover({ mac: KNOWN, architectures: [0], vendorClass: 'PXEClient' });
  rack.settings.wakeFailure = new Error('the magic packet could not be sent through eth1: it is down');
  await t.throwsAsync(rack.rack.change(KNOWN, { action: 'wake' }, 'anna'), {
    message: `${KNOWN}: the magic packet could not be sent through eth1: it is down`,
  });
  t.deepEqual(rack.journal.changes(), []);
});
