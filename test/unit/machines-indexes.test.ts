import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { MachineIndexes } from '../../src/machines/indexes.ts';
import { type Mac, macFromBytes } from '../../src/net/mac.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';

const mac = (number: number) => macFromBytes(Uint8Array.of(0x52, 0x54, 0, 0, number >> 8, number & 255));
const isFree = () => true;

function fresh() {
  return new MachineIndexes({ records: [], onAssigned: () => {}, onForgotten: () => {} });
}

test('indexes begin at 1 for each profile, and a machine has one in every profile it had', (t) => {
  const indexes = fresh();
  const assign = (profile: string, number: number) => indexes.assign({ profile, mac: mac(number), isFree });
  t.deepEqual(
    [assign('a', 1), assign('a', 2), assign('b', 2), assign('a', 2), assign('b', 1)],
    [1, 2, 1, 2, 2],
  );
});

test('the index of a machine that is forgotten goes to the next that needs one', (t) => {
  const indexes = fresh();
  const assign = (number: number) => indexes.assign({ profile: 'a', mac: mac(number), isFree });
  for (const number of [1, 2, 3]) assign(number);
  indexes.forget(mac(2));
  t.is(indexes.get('a', mac(2)), undefined);
  t.deepEqual([assign(4), assign(5), assign(2)], [2, 4, 5]);
});

test('indexes whose names belong to others are passed over, a preferred one is given when it is free', (t) => {
  const indexes = fresh();
  const request = { profile: 'a', isFree: (index: number) => index > 2 };
  t.is(indexes.assign({ ...request, mac: mac(1) }), 3);
  t.is(indexes.assign({ ...request, mac: mac(2), preferred: 9 }), 9);
  t.is(indexes.assign({ ...request, mac: mac(3), preferred: 9 }), 4);
});

test('no two machines of a profile ever have the same index, and each keeps its own', (t) => {
  const step = fc.record({
    forget: fc.boolean(),
    number: fc.nat(20),
    preferred: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const indexes = fresh();
      const model = new Map<Mac, number>();
      for (const { forget, number, preferred } of steps) {
        const machine = mac(number);
        if (forget) {
          indexes.forget(machine);
          model.delete(machine);
          continue;
        }
        const index = indexes.assign({
          profile: 'a',
          mac: machine,
          isFree,
          ...(preferred !== undefined && { preferred }),
        });
        if ((model.get(machine) ?? index) !== index) return false;
        model.set(machine, index);
        if (new Set(model.values()).size !== model.size) return false;
      }
      return true;
    }),
  );
  t.pass();
});

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rackseed-indexes-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

test('indexes survive a restart', async (t) => {
  const path = await directory(t);
  const open = () => {
    const store = openLmdbStore(path, (error) => t.fail(error.message));
    const indexes = new MachineIndexes({
      records: store.indexes(),
      onAssigned: (record) => store.saveIndex(record),
      onForgotten: (record) => store.removeIndex(record),
    });
    return { store, indexes };
  };
  const before = open();
  for (const number of [1, 2, 3]) before.indexes.assign({ profile: 'worker', mac: mac(number), isFree });
  before.indexes.assign({ profile: 'storage', mac: mac(3), isFree });
  before.indexes.forget(mac(2));
  await before.store.close();

  const after = open();
  t.is(after.indexes.get('worker', mac(1)), 1);
  t.is(after.indexes.get('worker', mac(3)), 3);
  t.is(after.indexes.get('storage', mac(3)), 1);
  t.is(after.indexes.assign({ profile: 'worker', mac: mac(4), isFree }), 2);
  await after.store.close();
});
