import test from 'ava';
import type { ShownBoot } from '../../src/api-client/types.ts';
import { describePosition, isUp, type MachineProgress, progressOf } from '../../src/lab/progress.ts';
import { drawRack, newStages, stageLine } from '../../src/lab/view.ts';
import { STAGES } from '../../src/machines/machine.ts';
import { shownMachine } from '../support/admin-api-double.ts';

const poweredOn = Date.parse('2030-01-01T00:00:00Z');
const first = { name: 'worker-01', mac: '52:54:00:00:00:01', poweredOn };
const shown = shownMachine(1, { hostname: 'storage-7', address: '192.168.0.17', firmware: 'UEFI x64' });
const boot: ShownBoot = {
  number: 1,
  began: '2030-01-01T00:00:02.500Z',
  entries: [
    { kind: 'discover', at: '2030-01-01T00:00:02.500Z', detail: 'UEFI x64 asks' },
    { kind: 'retry', at: '2030-01-01T00:00:02.600Z', detail: 'asks again' },
    { kind: 'ack', at: '2030-01-01T00:00:03Z', detail: '' },
  ],
};
const booting = progressOf(first, shown, boot);
const up: MachineProgress = {
  ...booting,
  stages: [...booting.stages, { stage: 'up', after: 25_000, detail: 'is up' }],
};
const room = { columns: 80, rows: 24 };

test('stages are counted from power-on, and the machine is called what the configuration calls it', (t) => {
  t.like(booting, { hostname: 'storage-7', address: '192.168.0.17', firmware: 'UEFI x64', held: false });
  t.deepEqual(
    booting.stages.map(({ stage, after }) => [stage, after]),
    [
      ['discover', 2500],
      ['ack', 3000],
    ],
  );
});

test('what the service remembers from before power-on is not part of the boot', (t) => {
  const later = progressOf({ ...first, poweredOn: poweredOn + 2700 }, shown, boot);
  t.deepEqual(
    later.stages.map(({ stage, after }) => [stage, after]),
    [['ack', 300]],
  );
});

test('a machine that the service has not seen keeps the name the lab gave it', (t) => {
  t.deepEqual(progressOf(first, undefined, undefined), {
    hostname: 'worker-01',
    mac: first.mac,
    held: false,
    stages: [],
  });
});

test('a machine is up when it has told so', (t) => {
  t.false(isUp(booting));
  t.true(isUp(up));
});

test('the position of a stuck machine is told in words', (t) => {
  t.is(describePosition(booting), 'storage-7 (52:54:00:00:00:01) reached ack 3.0 s after power-on');
  t.is(
    describePosition({ ...booting, held: true }),
    'storage-7 (52:54:00:00:00:01) reached ack 3.0 s after power-on and waits for approval',
  );
  t.is(
    describePosition(progressOf(first, undefined, undefined)),
    'worker-01 (52:54:00:00:00:01) has not sent a DHCP packet',
  );
});

test('with room, each machine has a line for each stage, and a clock until it is up', (t) => {
  t.deepEqual(drawRack([up, booting], 4200, { columns: 80, rows: 50 }), [
    'storage-7  52:54:00:00:00:01  192.168.0.17  UEFI x64',
    '  ✔ discover     2.5 s  UEFI x64 asks',
    '  ✔ ack          3.0 s',
    '  ✔ up          25.0 s  is up',
    '',
    'storage-7  52:54:00:00:00:01  192.168.0.17  UEFI x64',
    '  ✔ discover     2.5 s  UEFI x64 asks',
    '  ✔ ack          3.0 s',
    '  … 4.2 s',
  ]);
});

test('without room, each machine has one line with its last stage', (t) => {
  t.deepEqual(drawRack([up, booting, { ...booting, held: true, stages: [] }], 4200, room), [
    'storage-7  up          25.0 s  is up',
    'storage-7  ack          3.0 s  … 4.2 s',
    'storage-7  waits for approval',
  ]);
});

test('what follows the names of stages stands in one column, whatever the longest name', (t) => {
  const lines = STAGES.map((stage) => stageLine(booting, { stage, after: 12_340, detail: 'here' }));
  t.deepEqual([...new Set(lines.map((line) => line.lastIndexOf('here')))], [32]);
  const drawn = drawRack(
    [{ ...up, stages: STAGES.map((stage) => ({ stage, after: 12_340, detail: '' })) }],
    0,
    { columns: 80, rows: 50 },
  );
  t.deepEqual([...new Set(drawn.slice(1).map((line) => line.indexOf('12.3 s')))], [16]);
});

test('nothing is drawn outside the terminal', (t) => {
  const lines = drawRack(Array(30).fill(booting), 0, { columns: 20, rows: 10 });
  t.is(lines.length, 9);
  t.true(lines.every((line) => line.length <= 20));
});

test('what is new since the last look comes in the order it happened', (t) => {
  const other: MachineProgress = {
    ...booting,
    mac: '52:54:00:00:00:02',
    hostname: 'worker-02',
    stages: [{ stage: 'discover', after: 2700, detail: '' }],
  };
  const found = newStages([{ ...booting, stages: booting.stages.slice(0, 1) }], [booting, other]);
  t.deepEqual(
    found.map(({ machine, reached }) => [machine.hostname, reached.stage]),
    [
      ['worker-02', 'discover'],
      ['storage-7', 'ack'],
    ],
  );
  t.deepEqual(newStages([booting], [booting]), []);
});

test('a stage on a line of its own names the machine', (t) => {
  t.is(
    stageLine(booting, { stage: 'script', after: 12_340, detail: 'boots profile lab' }),
    ' 12.3 s  storage-7  script      boots profile lab',
  );
});
