import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open } from 'lmdb';
import type { DecisionRecord } from '../../src/machines/decisions.ts';
import type { JournalEvent } from '../../src/machines/journal.ts';
import type { Boot } from '../../src/machines/machine.ts';
import { machineReader } from '../../src/machines/record.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { machine as mac } from '../support/dhcp.ts';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const openStore = (t: ExecutionContext, folder: string) =>
  openLmdbStore(folder, (error) => t.fail(error.message));

const boot = (number: number): Boot => ({ number, began: number, entries: [] });
const DECISION: DecisionRecord = {
  mac: mac(1),
  verdict: 'approved',
  labels: { rack: 'a' },
  adoptDisk: false,
  by: 'anna',
  at: 5,
  revision: 7,
  once: 'pending',
};

test('decisions, boots and events are there again', async (t) => {
  const folder = await folderFor(t);
  const store = openStore(t, folder);
  const event: JournalEvent = { id: 3, at: 1, type: 'notice', severity: 'info', detail: 'x' };
  await store.saveDecision(DECISION);
  await store.saveDecision({ ...DECISION, mac: mac(2) });
  await store.removeDecision(mac(2));
  store.saveBoot(mac(1), boot(1));
  store.events.append([event], 1);
  await store.close();

  const again = openStore(t, folder);
  t.deepEqual([...again.decisions()], [DECISION]);
  t.deepEqual(again.boots(mac(1)), [boot(1)]);
  t.deepEqual([...again.events.all()], [event]);
  t.deepEqual([...again.changes.all()], []);
  await again.close();
});

test('the last nine boots of each machine that have ended are kept, the newest first', async (t) => {
  const folder = await folderFor(t);
  const store = openStore(t, folder);
  for (let number = 1; number <= 30; number += 1) {
    store.saveBoot(mac(1), boot(number));
    // Boots are minutes apart: what was written before is there to be seen.
    await store.saveDecision(DECISION);
  }
  store.saveBoot(mac(2), boot(1));
  await store.saveDecision(DECISION);
  t.deepEqual(
    store.boots(mac(1)).map(({ number }) => number),
    [30, 29, 28, 27, 26, 25, 24, 23, 22],
  );
  store.removeBoots(mac(1));
  await store.saveDecision(DECISION);
  t.deepEqual(store.boots(mac(1)), []);
  t.deepEqual(store.boots(mac(2)), [boot(1)]);
  await store.close();
});

test('no more events are kept than the journal says', async (t) => {
  const store = openStore(t, await folderFor(t));
  const event = (id: number): JournalEvent => ({ id, at: 1, type: 'notice', severity: 'info', detail: 'x' });
  store.events.append([event(1), event(2)], 1);
  await store.saveDecision(DECISION);
  store.events.append([event(3)], 3);
  await store.saveDecision(DECISION);
  t.deepEqual(
    [...store.events.all()].map(({ id }) => id),
    [3],
  );
  await store.close();
});

test('machines that an earlier version wrote down are read', async (t) => {
  const old = { mac: mac(1), network: 'net', firstSeen: 1, lastSeen: 2, inventory: {} };
  const discover = { stage: 'discover', at: 7, detail: 'BIOS asks' } as const;
  const readMachine = machineReader();
  t.deepEqual(readMachine({ ...old, boot: [] }), old);
  t.deepEqual(readMachine({ ...old, boot: [discover] }), {
    ...old,
    boot: { number: 1, began: 7, entries: [{ kind: 'discover', at: 7, detail: 'BIOS asks' }] },
  });
  const folder = await folderFor(t);
  const root = open({ path: folder, maxDbs: 8 });
  await root.openDB({ name: 'machines' }).put(mac(1), { ...old, boot: [discover] });
  await root.close();
  const store = openStore(t, folder);
  t.is([...store.machines()][0]?.boot?.entries[0]?.kind, 'discover');
  await store.close();
});

test('an approval that was confirmed survives kill -9', async (t) => {
  const folder = await folderFor(t);
  const program = `
    import { openLmdbStore } from ${JSON.stringify(new URL('../../src/store/lmdb.ts', import.meta.url).href)};
    const store = openLmdbStore(${JSON.stringify(folder)}, () => {});
    await store.saveDecision(${JSON.stringify(DECISION)});
    process.kill(process.pid, 'SIGKILL');
  `;
  const child = spawn(process.execPath, [...process.execArgv, '--input-type=module', '-e', program], {
    stdio: 'inherit',
  });
  const [, signal] = await once(child, 'exit');
  t.is(signal, 'SIGKILL');
  const store = openStore(t, folder);
  t.deepEqual([...store.decisions()], [DECISION]);
  await store.close();
});

test('the store of a rack that nothing happens on stays small', async (t) => {
  const folder = await folderFor(t);
  const store = openStore(t, folder);
  for (let n = 0; n < 500; n += 1) {
    store.saveMachine({ mac: mac(1), network: 'net', firstSeen: 1, lastSeen: n, inventory: {} });
    await store.saveDecision(DECISION);
  }
  await store.close();
  t.true((await stat(join(folder, 'data.mdb'))).size < 1 << 20);
});
