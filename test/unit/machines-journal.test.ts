import test from 'ava';
import { EventJournal } from '../../src/machines/event-journal.ts';
import { EventLimit } from '../../src/machines/event-limit.ts';
import type { Happening, JournalEvent } from '../../src/machines/journal.ts';
import { MachineFeed } from '../../src/machines/machine-feed.ts';
import type { MachineView } from '../../src/machines/rack.ts';
import type { Mac } from '../../src/net/mac.ts';
import { machine as mac } from '../support/dhcp.ts';
import { memoryJournal, testRack } from '../support/rack.ts';

const NOTICE: Happening = { type: 'notice', severity: 'info', detail: 'hello' };
const CHANGE: Happening = { type: 'change', action: 'refuse', by: 'anna', detail: 'refused' };

function journal(events = memoryJournal(), changes = memoryJournal()) {
  const errors: string[] = [];
  const onError = (error: Error) => errors.push(error.message);
  const feed = new MachineFeed({ view: () => undefined, isStranger: () => false, onError });
  const made = new EventJournal({
    events,
    changes,
    feed,
    now: () => 5,
    onError,
    capacity: { events: 10, changes: 3 },
  });
  return { journal: made, events, changes, errors };
}

const ids = (events: readonly JournalEvent[] | undefined) => events?.map(({ id }) => id);

test('events have growing numbers, and those after any of them can be had', (t) => {
  const { journal: told } = journal();
  t.is(told.lastId, 0);
  t.deepEqual(told.since(0), []);
  for (let n = 0; n < 5; n += 1) told.publish(NOTICE);
  t.deepEqual(ids(told.since(0)), [1, 2, 3, 4, 5]);
  t.deepEqual(ids(told.since(3)), [4, 5]);
  t.deepEqual(told.since(5), []);
  t.like(told.since(4)?.[0], { ...NOTICE, id: 5, at: 5 });
});

test('who has missed what is no longer kept is told so, and so is who asks from the future', (t) => {
  const { journal: told } = journal();
  for (let n = 0; n < 15; n += 1) told.publish(NOTICE);
  t.is(told.since(4), undefined);
  t.deepEqual(ids(told.since(5))?.length, 10);
  t.is(told.since(16), undefined);
});

test('changes are kept apart, the newest first, however much else happens', (t) => {
  const { journal: told } = journal();
  for (let n = 0; n < 4; n += 1) told.publish(CHANGE);
  for (let n = 0; n < 50; n += 1) told.publish(NOTICE);
  t.deepEqual(ids(told.changes()), [4, 3, 2]);
});

test('after a restart what was written down is there, and no number comes twice', (t) => {
  const before = journal();
  for (let n = 0; n < 3; n += 1) before.journal.publish(CHANGE);
  before.journal.flush();
  before.journal.publish(NOTICE);
  // Killed here: event 4 was told to listeners, but not written down.
  const { journal: told } = journal(before.events, before.changes);
  t.true(told.lastId > 4);
  told.publish(NOTICE);
  t.deepEqual(ids(told.since(1)), [2, 3, told.lastId]);
  t.deepEqual(ids(told.since(3)), [told.lastId]);
  t.is(told.since(4), undefined, 'nobody knows what came after it');
  t.deepEqual(ids(told.changes()), [3, 2, 1]);
});

test('no more is written down than is kept', (t) => {
  const { journal: told, events, changes } = journal();
  for (let n = 0; n < 100; n += 1) {
    told.publish(CHANGE);
    told.flush();
  }
  t.is(events.written.length, 10);
  t.is(changes.written.length, 3);
});

test('a listener hears what comes until it leaves, and one that fails keeps nothing from the others', (t) => {
  const { journal: told, errors } = journal();
  const heard: number[] = [];
  const leave = told.subscribe(() => {
    throw new Error('no ears');
  });
  told.subscribe(({ id }) => heard.push(id));
  told.publish(NOTICE);
  leave();
  told.publish(NOTICE);
  t.deepEqual(heard, [1, 2]);
  t.deepEqual(errors, ['no ears']);
});

test('machines that change often are told once in half a second, and only while somebody listens', async (t) => {
  const viewed: Mac[] = [];
  const feed = new MachineFeed({
    view: (machine) => {
      viewed.push(machine);
      return { mac: machine } as MachineView;
    },
    isStranger: () => false,
    onError: (error) => t.fail(error.message),
  });
  feed.changed(mac(1));
  t.deepEqual(viewed, []);
  const began = performance.now();
  const told = await new Promise<unknown>((resolve) => {
    const leave = feed.subscribe((machines, forgotten) => {
      leave();
      resolve([machines.map((view) => view.mac), forgotten]);
    });
    for (let n = 0; n < 100; n += 1) feed.changed(mac(2));
    feed.changed(mac(3));
    feed.forgot(mac(3));
  });
  t.deepEqual(told, [[mac(2)], [mac(3)]]);
  t.deepEqual(viewed, [mac(2)]);
  t.true(performance.now() - began > 400);
});

test('a flood of strangers leaves some events and one notice a minute', (t) => {
  const limit = new EventLimit();
  const admitted = (now: number) =>
    Array.from({ length: 5_000 }, () => limit.admit(NOTICE, now)).filter((event) => event !== undefined);
  t.is(admitted(0).length, 1_001);
  t.is(admitted(10_000).length, 100);
  const [told] = admitted(60_001).filter((event) => event !== NOTICE);
  t.regex(told?.detail ?? '', /^a flood of machines that nobody knows: 8\d\d\d of their events are left out/);
});

test('a state is told when it changes, with the one before', (t) => {
  const rack = testRack();
  rack.registry.see(mac(1), 'kubernetes1', 1);
  rack.registry.see(mac(12), 'kubernetes1', 1);
  rack.announcer.flush();
  rack.registry.see(mac(12), 'other', 2);
  rack.announcer.flush();
  t.deepEqual(
    rack.published.map((event) => event.type === 'state' && [event.mac, event.before, event.state]),
    [
      [mac(1), undefined, 'approved'],
      [mac(12), undefined, 'discovered'],
    ],
  );
  t.like(rack.registry.get(mac(1))?.standing, { state: 'approved', since: 1_000 });
  rack.save();
  const again = testRack({ machines: [...rack.store.savedMachines.values()] });
  again.announcer.touchAll();
  t.deepEqual(again.states(), [], 'a restart is no news');
});
