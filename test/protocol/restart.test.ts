import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { ShownEvent, ShownMachine } from '../../src/api-client/types.ts';
import type { Mac } from '../../src/net/mac.ts';
import { copyStore } from '../../src/store/inspect.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { AS_FIRMWARE, curl, documentUrl, lease } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const SERVER = 'http://192.168.0.254';

/** A service with a machine that is written down, and one that nobody knows. */
async function heldRack(t: ExecutionContext) {
  const { server, clients, macs } = await rackFor(t, 2);
  const [worker, stranger] = clients;
  const [mac, strangerMac] = macs as Mac[];
  if (!worker || !stranger || !mac || !strangerMac) throw new Error('the rack has two machines');
  const service = await serviceFor(t, server, {
    top: { unknown_machines: 'hold' },
    machines: [{ mac, hostname: 'worker-01', labels: { rack: 'r1' } }],
  });
  return { service, worker, stranger, mac, strangerMac };
}

/** All that the service tells of its machines and what happened until `last`, but for when it saw them last. */
async function told({ api }: TestService, last: number) {
  const machines = await api.machines();
  return {
    machines: machines.map(({ lastSeen: _, ...machine }): Omit<ShownMachine, 'lastSeen'> => machine),
    boots: await Promise.all(machines.map(({ mac }) => api.boots(mac as Mac))),
    changes: await api.changes(),
    events: await eventsBetween(0, last, api),
  };
}

/** The events after a number, up to that with another number. */
async function eventsBetween(
  id: number,
  last: number,
  api: TestService['api'],
): Promise<readonly ShownEvent[]> {
  const events = await take(await api.events({ lastId: id }), (event) => event.id === last);
  return events.flatMap((event) => (event.id === undefined ? [] : [event.data as unknown as ShownEvent]));
}

/** What comes until `isLast`, which is among it. */
async function take<Item>(items: AsyncIterable<Item>, isLast: (item: Item) => boolean): Promise<Item[]> {
  const taken: Item[] = [];
  for await (const item of items) {
    taken.push(item);
    if (isLast(item)) break;
  }
  return taken;
}

/** Waits until what the service has told is written down, which it is a moment later; there may be more by then. */
async function written(
  t: ExecutionContext,
  { directory }: TestService,
  { boots, events }: Awaited<ReturnType<typeof told>>,
): Promise<void> {
  const entries = boots.flatMap(([boot]) => boot?.entries ?? []).length;
  const isWritten = async () => {
    const copy = await mkdtemp(join(directory, 'copy-'));
    await copyStore(join(directory, 'store'), copy);
    const store = openLmdbStore(copy, (error) => t.fail(error.message));
    const written = [...store.machines()].flatMap(({ boot }) => boot?.entries ?? []).length;
    const last = [...store.events.all()].at(-1)?.id ?? 0;
    await store.close();
    return written >= entries && last >= (events.at(-1)?.id ?? 0);
  };
  while (!(await isWritten())) await pause(50);
}

/** Ends the service with SIGKILL and starts it again: it tells the same as before. Gives the number of the last event. */
async function crash(t: ExecutionContext, service: TestService, stage: string): Promise<number> {
  // A change is the last that happens, so it's known what there is to wait for.
  await service.api.createToken(`after-${stage}`, 'read');
  const [{ id: last } = { id: 0 }] = await service.api.changes();
  const before = await told(service, last);
  await written(t, service, before);
  service.child.kill('SIGKILL');
  await service.restart();
  t.deepEqual(await told(service, last), before, `after ${stage}`);
  return last;
}

test('kill -9 at any stage of a boot keeps machines, timelines, approval, tokens and events', async (t) => {
  t.timeout(120_000);
  const { service, worker, stranger, mac, strangerMac } = await heldRack(t);
  const { api } = service;

  await lease(service, worker, mac, AS_FIRMWARE);
  await crash(t, service, 'discover');

  const url = await documentUrl(worker, mac);
  await lease(service, stranger, strangerMac, AS_FIRMWARE);
  const script = () => curl(stranger, `${SERVER}/ipxe?mac=${strangerMac}`);
  t.regex((await script()).body, /is waiting for approval/);
  await crash(t, service, 'script');

  t.regex((await script()).body, /is waiting for approval/);
  t.is((await curl(stranger, url)).status, 403);
  t.is((await curl(worker, url)).status, 200, 'the script was from before');
  await crash(t, service, 'document');

  t.is((await curl(worker, '-X', 'POST', '-d', 'stage=up', `${SERVER}/phone-home/${mac}`)).status, 204);
  const last = await crash(t, service, 'up');

  const { boots } = await told(service, last);
  t.deepEqual(
    boots.map((own) => own.map(({ entries }) => entries.map(({ kind }) => kind))),
    [
      [['discover', 'offer', 'ack', 'script']],
      [['discover', 'offer', 'ack', 'script', 'refusal', 'document', 'up']],
    ],
  );
  t.is((await api.machine(mac)).state, 'running');

  const events = await eventsBetween(0, last, api);
  const middle = events[Math.floor(events.length / 2)]?.id ?? 0;
  t.deepEqual(
    await eventsBetween(middle, last, api),
    events.filter(({ id }) => id > middle),
  );
  const ids = events.map(({ id }) => id);
  t.deepEqual(
    ids,
    [...new Set(ids)].sort((a, b) => a - b),
  );
});

test('an approval that was answered outlives a kill -9 in the same moment', async (t) => {
  const { service, stranger, strangerMac } = await heldRack(t);
  const { api } = service;
  await lease(service, stranger, strangerMac, AS_FIRMWARE);
  const approved = await api.change(strangerMac, 'approve', { hostname: 'db-01', labels: { rack: 'r2' } });
  service.child.kill('SIGKILL');
  await service.restart();

  const after = await api.machine(strangerMac);
  const { hostname, labels, admission, decidedBy, decidedAt, revision } = approved;
  t.like(after, { hostname, labels, admission, decidedBy, decidedAt, revision });
  t.is(after.hostname, 'db-01');
  t.deepEqual(
    (await api.changes()).map(({ action, mac, by }) => ({ action, mac, by })),
    [{ action: 'approve', mac: strangerMac, by: 'local' }],
  );
  t.regex(
    (await curl(stranger, `${SERVER}/ipxe?mac=${strangerMac}`)).body,
    /^#!ipxe\necho db-01 .* boots lab/m,
  );
});
