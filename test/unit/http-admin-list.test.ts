import test from 'ava';
import fc from 'fast-check';
import { naturalKey, type PageRequest, type SortKey, startPage } from '../../src/http/admin/paging.ts';
import { allMachines } from '../../src/http/admin/slices.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { createTestAdmin } from '../support/admin.ts';
import { machineView, macNumber, RackDouble } from '../support/rack-double.ts';

test('machines that wait come first, then those that are stuck, then all others by name as people count', async (t) => {
  const rack = new RackDouble([
    machineView(1, { state: 'ready', hostname: 'worker-10' }),
    machineView(2, { state: 'stuck', hostname: 'worker-7' }),
    machineView(3, { state: 'booting', hostname: 'worker-9' }),
    machineView(4, { state: 'discovered', hostname: 'node-z' }),
    machineView(5, { state: 'retired', hostname: 'worker-9' }),
    machineView(6, { state: 'discovered', hostname: 'node-a' }),
  ]);
  const { app } = await createTestAdmin(t, { rack });
  const { machines, total } = (await app.inject('/v1/machines')).json();
  t.is(total, 6);
  t.deepEqual(
    machines.map(({ mac }: { mac: string }) => mac),
    [6, 4, 2, 3, 5, 1].map(macNumber),
  );
});

for (const [query, expected] of [
  ['state=ready', [1]],
  ['state=ready,stuck', [2, 1]],
  ['network=lab', [3]],
  ['q=ALPHA', [1]],
  ['q=00:02', [2]],
  ['q=00:99', [3]],
  ['q=192.168.0.9', [2]],
  ['q=rack%3D7', [2]],
  ['q=cz1', [3]],
  ['q=Gi1/0', [3]],
  ['q=rescue', [1]],
  ['q=nowhere', []],
  ['q=', [3, 2, 1]],
  ['state=stuck&q=alpha', []],
] as const) {
  test(`/v1/machines?${query} gives ${expected.length} of three machines`, async (t) => {
    const rack = new RackDouble([
      machineView(1, { state: 'ready', hostname: 'alpha', profile: 'rescue' }),
      machineView(2, {
        state: 'stuck',
        hostname: 'b',
        labels: { rack: '7' },
        address: parseIpv4('192.168.0.9') as Ipv4,
      }),
      machineView(3, {
        cards: [macNumber(3), macNumber(0x99)],
        network: 'lab',
        hostname: 'c',
        inventory: { serial: 'CZ1' },
        attachment: { circuit: 'Gi1/0/7' },
      }),
    ]);
    const { app } = await createTestAdmin(t, { rack });
    const answer = await app.inject(`/v1/machines?${query}`);
    t.deepEqual(
      answer.json().machines.map(({ mac }: { mac: string }) => mac),
      expected.map(macNumber),
    );
    t.is(answer.json().total, expected.length);
  });
}

for (const query of [
  'limit=0',
  'limit=1001',
  'limit=x',
  'state=asleep',
  'state=',
  'cursor=x',
  'sate=ready',
  'q=a&q=b',
]) {
  test(`/v1/machines?${query} is refused with a reason`, async (t) => {
    const { app } = await createTestAdmin(t);
    const answer = await app.inject(`/v1/machines?${query}`);
    t.is(answer.statusCode, 400);
    t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
    t.regex(answer.json().detail, /^the query: .*(limit|state|cursor|sate|q)/);
  });
}

/** The page of a list that is asked for. */
function pageOf<Item>(items: readonly Item[], keyOf: (item: Item) => SortKey, request: PageRequest) {
  const pager = startPage(keyOf, request);
  for (const item of items) pager?.add(item);
  return pager?.page();
}

test('others have their turn while twenty thousand machines are listed', async (t) => {
  const { app } = await createTestAdmin(t, {
    rack: new RackDouble(
      Array.from({ length: 20_000 }, (_, index) => machineView(index, { hostname: `worker-${index}` })),
    ),
  });
  let turns = 0;
  let turn = setImmediate(function next() {
    turns += 1;
    turn = setImmediate(next);
  });
  const answer = await app.inject('/v1/machines?limit=2&q=52:54');
  clearImmediate(turn);
  t.is(answer.json().total, 20_000);
  t.deepEqual(
    answer.json().machines.map(({ mac }: { mac: string }) => mac),
    [0, 1].map(macNumber),
  );
  // Without slices there is one turn or two.
  t.true(turns > 3, `${turns} turns`);
});

test('a machine that boots with another card while machines are listed is listed once, as it is then', async (t) => {
  const cards = [macNumber(1), macNumber(2)];
  const moments = [machineView(1, { cards }), machineView(3), machineView(2, { cards, state: 'booting' })];
  const listed = await allMachines({ machines: () => moments.values() });
  t.deepEqual(
    listed.map(({ mac, state }) => [mac, state]),
    [
      [macNumber(3), 'discovered'],
      [macNumber(2), 'booting'],
    ],
  );
});

test('paging gives every machine once, whatever comes and goes meanwhile', (t) => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 });
  fc.assert(
    fc.property(
      names,
      names,
      fc.integer({ min: 1, max: 7 }),
      fc.infiniteStream(fc.boolean()),
      (stay, pass, limit, coin) => {
        const lasting = stay.map((name) => `s${name}`);
        const passing = pass.map((name) => `p${name}`);
        const got: string[] = [];
        let cursor: string | undefined;
        do {
          const there = [...passing.filter(() => coin.next().value), ...lasting];
          const page = pageOf(there, (name) => [name.slice(1), name], { limit, cursor });
          t.truthy(page);
          got.push(...(page?.items ?? []));
          cursor = page?.next;
        } while (cursor !== undefined);
        const lastingGot = got.filter((name) => name.startsWith('s'));
        t.deepEqual(lastingGot.toSorted(), lasting.toSorted());
        t.is(new Set(got).size, got.length);
      },
    ),
  );
});

test('a list that fits on one page has no next one', (t) => {
  const options = { limit: 3, cursor: undefined };
  t.is(pageOf(['a', 'b', 'c'], (name) => [name], options)?.next, undefined);
  t.is(typeof pageOf(['a', 'b', 'c', 'd'], (name) => [name], options)?.next, 'string');
  t.deepEqual(
    pageOf<string>([], (name) => [name], options),
    { items: [], total: 0, next: undefined },
  );
});

test('no text is a cursor that makes paging fail', (t) => {
  const any = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  );
  fc.assert(
    fc.property(any, (cursor) => {
      const page = pageOf([1, 2], (item) => [item, `${item}`], { limit: 1, cursor });
      t.true(page === undefined || page.items.length <= 1);
    }),
  );
});

test('worker-9 comes before worker-10, and worker-a after both', (t) => {
  const sorted = ['worker-a', 'worker-10', 'worker-9', 'w2-1', 'w10-1'].map(naturalKey).sort();
  t.deepEqual(sorted, ['w2-1', 'w10-1', 'worker-9', 'worker-10', 'worker-a'].map(naturalKey));
});
