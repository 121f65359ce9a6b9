import test from 'ava';
import type { Boot, Machine } from '../../web/src/model/api.ts';
import { labelChange, parseLabels } from '../../web/src/model/labels.ts';
import { compareMachines, matcher } from '../../web/src/model/order.ts';
import { hashOf, parseRoute, type Route } from '../../web/src/model/route.ts';
import { rowsOf } from '../../web/src/model/rows.ts';
import { formatAgo, formatClock, formatSpan, oneUnit } from '../../web/src/model/time.ts';
import { timelineRows, trackOf } from '../../web/src/model/timeline.ts';
import { offsetsOf, visibleRows } from '../../web/src/model/visible.ts';
import { offeredActions } from '../../web/src/parts/actions.ts';
import { makeMachine } from './support/rack-data.ts';

const NOW = Date.parse('2026-03-04T05:06:07.000Z');

for (const [milliseconds, text] of [
  [-5, '0 ms'],
  [2, '2 ms'],
  [400, '0.4 s'],
  [9_949, '9.9 s'],
  [9_950, '10 s'],
  [59_600, '1 min'],
  [125_000, '2 min 5 s'],
  [3_600_000, '1 h'],
  [11_400_000, '3 h 10 min'],
  [180_000_000, '2 d 2 h'],
] as const) {
  test(`${milliseconds} ms are ${text}`, (t) => t.is(formatSpan(milliseconds), text));
}

test('a time is so long ago, or so far ahead', (t) => {
  t.is(formatAgo(NOW - 1_000, NOW), 'now');
  t.is(formatAgo(NOW - 42_000, NOW), '42 s ago');
  t.is(formatAgo(NOW - 47 * 3_600_000, NOW), '47 h ago');
  t.is(formatAgo(NOW + 3_500_000, NOW), 'in 58 min');
  t.is(oneUnit(-3_000), '0 s');
});

test('a time of another day has its date', (t) => {
  t.regex(formatClock(NOW + 120, NOW), /^\d\d:06:07\.120$/);
  t.regex(formatClock(NOW - 2 * 86_400_000, NOW), /^03-0[12] \d\d:06:07$/);
});

test('who waits comes first, then who is stuck, then the others as people count', (t) => {
  const machines = [
    makeMachine(10, 'ready', NOW),
    makeMachine(2, 'booting', NOW),
    makeMachine(5, 'stuck', NOW),
    makeMachine(7, 'discovered', NOW),
  ];
  const names = machines.toSorted(compareMachines).map(({ hostname }) => hostname);
  t.deepEqual(names, ['node-525400000007', 'worker-5', 'worker-2', 'worker-10']);
});

test('groups stand under headings; ordinary machines alone need none', (t) => {
  const waiting = makeMachine(1, 'discovered', NOW);
  const ready = makeMachine(2, 'ready', NOW);
  t.deepEqual(
    rowsOf([waiting, ready]).map(({ kind }) => kind),
    ['heading', 'waiting', 'heading', 'others'],
  );
  t.deepEqual(
    rowsOf([ready]).map(({ kind }) => kind),
    ['others'],
  );
});

for (const [query, found] of [
  ['', true],
  ['worker-7', true],
  ['WORKER storage', false],
  ['52-54-00-00-00-07', true],
  ['525400000007', true],
  ['5254.0000.0007', true],
  ['rack=r8 zone=a', true],
  ['leaf-8 Ethernet1/8', true],
  ['qm1007', true],
  ['192.168.0.8', true],
  ['nothing', false],
] as const) {
  test(`searching “${query}” ${found ? 'finds' : 'doesn’t find'} the machine`, (t) => {
    t.is(matcher(query)(makeMachine(7, 'ready', NOW)), found);
  });
}

test('labels are read as they are typed, and only what changes is sent', (t) => {
  t.deepEqual(parseLabels(' rack=r1, zone=a  empty='), { rack: 'r1', zone: 'a', empty: '' });
  t.throws(() => parseLabels('rack=r1 zone'), { message: /“zone” isn’t a label/ });
  t.deepEqual(labelChange({ a: '1', b: '2', c: '3' }, { a: '1', b: '4', d: '5' }), {
    b: '4',
    c: null,
    d: '5',
  });
});

for (const [hash, route] of [
  ['#/', { page: 'rack', query: '' }],
  ['#/?state=stuck&q=r1', { page: 'rack', query: 'r1', state: 'stuck' }],
  ['#/machines/52:54:00:12:34:56', { page: 'machine', mac: '52:54:00:12:34:56' }],
  ['#/leases', { page: 'leases' }],
  ['#/elsewhere', { page: 'nowhere', path: 'elsewhere' }],
] as const satisfies readonly (readonly [string, Route])[]) {
  test(`${hash} is a page, and the page is ${hash}`, (t) => {
    t.deepEqual(parseRoute(hash), route);
    t.is(hashOf(route), hash);
  });
}

test('an address that makes no sense is a page too', (t) => {
  t.deepEqual(parseRoute(''), { page: 'rack', query: '' });
  t.deepEqual(parseRoute('#/?state=bored'), { page: 'rack', query: '' });
  t.deepEqual(parseRoute('#/machines/%'), { page: 'machine', mac: '%' });
});

test('of a long list, the rows that show are drawn and the others have their room', (t) => {
  const offsets = offsetsOf(Array(1000).fill(10));
  t.deepEqual(visibleRows(offsets, 0, 95, 2), { first: 0, last: 12, above: 0, below: 9_880 });
  t.deepEqual(visibleRows(offsets, 5_000, 5_100, 2), { first: 498, last: 513, above: 4_980, below: 4_870 });
  t.deepEqual(visibleRows(offsets, 9_950, 20_000, 2), { first: 993, last: 1000, above: 9_930, below: 0 });
  t.deepEqual(visibleRows(offsetsOf([]), 0, 500, 2), { first: 0, last: 0, above: 0, below: 0 });
});

const BOOT: Boot = {
  number: 1,
  began: '2026-03-04T05:06:07.000Z',
  entries: [
    { kind: 'discover', at: '2026-03-04T05:06:07.000Z', detail: '' },
    { kind: 'retry', at: '2026-03-04T05:06:08.000Z', detail: '' },
    { kind: 'script', at: '2026-03-04T05:06:09.500Z', detail: '' },
  ],
};

test('a stage takes until the next stage, whatever else happens between', (t) => {
  const rows = timelineRows(BOOT).map(({ isStage, offset, took }) => [isStage, offset, took]);
  t.deepEqual(rows, [
    [true, 0, 2_500],
    [false, 1_000, undefined],
    [true, 2_500, undefined],
  ]);
});

test('the track has all stages, and when each was reached', (t) => {
  const track = trackOf(BOOT);
  t.is(track.length, 12);
  t.deepEqual(track[0], { stage: 'discover', offset: 0 });
  t.deepEqual(track[1], { stage: 'offer' });
  t.deepEqual(track[4], { stage: 'script', offset: 2_500 });
});

for (const [state, changes, actions] of [
  ['discovered', {}, ['approve', 'refuse', 'forget']],
  ['refused', {}, ['approve', 'forget']],
  ['ready', {}, ['boot-once', 'assign', 'rename', 'label', 'adopt-disk', 'wake', 'retire', 'forget']],
  ['retired', { place: 'machines/a.yaml: machines[0]' }, ['approve']],
] as const satisfies readonly (readonly [Machine['state'], Partial<Machine>, readonly string[]])[]) {
  const where = 'place' in changes ? ', written in a file,' : '';
  test(`a machine that is ${state}${where} is offered ${actions.join(', ')}`, (t) => {
    t.deepEqual(offeredActions(makeMachine(1, state, NOW, changes)), actions);
  });
}
