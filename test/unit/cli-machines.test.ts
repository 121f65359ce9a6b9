import test from 'ava';
import { describe, formatBoot, machineCommand } from '../../src/cli/machine.ts';
import { attention, machineTable, stageOf } from '../../src/cli/machine-table.ts';
import { machinesCommand } from '../../src/cli/machines.ts';
import { cut, drawInPlace } from '../../src/cli/terminal.ts';
import { formatAge } from '../../src/cli/times.ts';
import { changeLine, screen } from '../../src/cli/watch.ts';
import { AT, adminApiFor, shownMachine } from '../support/admin-api-double.ts';
import { Printed } from '../support/printed.ts';

const NOW = Date.parse(AT) + 125_000;
const ready = shownMachine(1, { stage: 'ready', address: '192.168.0.1' });
const loading = shownMachine(2, {
  state: 'booting',
  stage: 'kernel',
  progress: { file: 'initrd.gz', bytes: 45, size: 100 },
});
const stuck = shownMachine(3, {
  state: 'stuck',
  stage: 'loader',
  stuck: { stage: 'loader', since: AT, cause: 'the file is missing' },
});
const { profile: _, ...nobody } = shownMachine(4);
const waiting = {
  ...nobody,
  state: 'discovered',
  hostname: 'node-525400000004',
  admission: 'hold',
  reason: 'unknown_machines is hold',
} as const;

test('machines are a table with state, stage, profile, address and for how long', (t) => {
  t.is(
    machineTable([waiting, stuck, loading, ready], NOW),
    `HOSTNAME           MAC                STATE       STAGE        PROFILE  ADDRESS      SINCE
node-525400000004  52:54:00:00:00:04  discovered  -            -        -            2 min
worker-03          52:54:00:00:00:03  stuck       loader       worker   -            2 min
worker-02          52:54:00:00:00:02  booting     kernel 45 %  worker   -            2 min
worker-01          52:54:00:00:00:01  ready       ready        worker   192.168.0.1  2 min
`,
  );
});

test('a download of unknown size has no percentage', (t) => {
  t.is(stageOf({ ...loading, progress: { file: 'x', bytes: 5, size: 0 } }), 'kernel');
  t.is(stageOf(shownMachine(1)), '-');
});

test('what a machine says about itself cannot steer the terminal', (t) => {
  const bad = shownMachine(1, { hostname: 'a\x1b[2Jb\u009bc\u202ed\ne' });
  t.regex(machineTable([bad], NOW), /^a\\x1b\[2Jb\\x9bc\\u\{202e\}d e {2}52:54/m);
  t.regex(describe({ ...bad, inventory: { serial: '\x07' } }, NOW), /^serial +\\x07$/m);
  t.regex(
    formatBoot({ number: 1, began: AT, entries: [{ kind: 'message', at: AT, detail: '\x1b]0;x\x07' }] }),
    /\\x1b\]0;x\\x07$/m,
  );
});

test('JSON is the same to programs and harmless to terminals', async (t) => {
  const { client } = await adminApiFor(t, { machines: [shownMachine(1, { hostname: 'a\u009b\u202eb' })] });
  const output = new Printed();
  await machinesCommand(client, {}, { json: true }, output);
  t.regex(output.text, /"hostname": "a\\u009b\\u202eb"/);
  t.is(JSON.parse(output.text).machines[0].hostname, 'a\u009b\u202eb');
});

test('every page of a long list is fetched, each machine is told once', async (t) => {
  const machines = Array.from({ length: 7 }, (_, index) => shownMachine(index + 1));
  const { client, requests } = await adminApiFor(t, { machines, pageSize: 3 });
  const output = new Printed();
  await machinesCommand(client, { states: ['ready'], search: 'worker' }, {}, output);
  t.is(output.lines.length, 8);
  t.deepEqual(requests, [
    'GET /v1/machines?state=ready&q=worker&limit=1000',
    'GET /v1/machines?state=ready&q=worker&limit=1000&cursor=3',
    'GET /v1/machines?state=ready&q=worker&limit=1000&cursor=6',
  ]);
});

test('an empty list is told in words', async (t) => {
  const { client } = await adminApiFor(t);
  const output = new Printed();
  await machinesCommand(client, {}, {}, output);
  await machinesCommand(client, { states: ['stuck'] }, {}, output);
  t.deepEqual(output.lines, ['no machine has been seen yet', 'no machine is like that']);
});

test('on a terminal, what needs somebody stands below the table', async (t) => {
  const { client } = await adminApiFor(t, { machines: [waiting, ready] });
  const piped = new Printed();
  await machinesCommand(client, {}, {}, piped);
  t.is(piped.lines.length, 3);
  const terminal = Object.assign(new Printed(), { isTTY: true, columns: 80, rows: 24 });
  await machinesCommand(client, {}, {}, terminal);
  t.deepEqual(terminal.lines.slice(3), ['1 machine waits for approval: rackseed approve 52:54:00:00:00:04']);
});

test('a machine is told with its story', async (t) => {
  const at = (milliseconds: number) => new Date(Date.parse(AT) + milliseconds).toISOString();
  const boot = (number: number) => ({
    number,
    began: AT,
    entries: [
      { kind: 'discover', at: AT, detail: 'UEFI x64 asks' },
      { kind: 'retry', at: at(1500), detail: 'asks again' },
      { kind: 'registered', at: at(71_500), detail: '' },
    ] as const,
  });
  const { client } = await adminApiFor(t, {
    machines: [ready],
    boots: { [ready.mac]: [boot(3), boot(2), boot(1)].map((one) => ({ ...one, entries: [...one.entries] })) },
  });
  const output = new Printed();
  await machineCommand(client, 'worker-01', { boots: 1 }, output);
  t.deepEqual(output.lines.slice(-4), [
    'boot 3, began 2030-01-01 00:00:00Z',
    '       0.0 s               discover    UEFI x64 asks',
    '       1.5 s       +1.5 s  retry       asks again',
    '  1 min 12 s  +1 min 10 s  registered',
  ]);
  const json = new Printed();
  await machineCommand(client, '5254.0000.0001', { boots: 2, json: true }, json);
  t.like(JSON.parse(json.text), { mac: ready.mac, boots: [{ number: 3 }, { number: 2 }] });
});

test('a machine is told with everything known of it, and nothing else', (t) => {
  t.is(
    describe(
      {
        ...stuck,
        cards: [stuck.mac, '52:54:00:00:00:13'],
        labels: { rack: 'a1' },
        bootOnce: 'rescue',
        adoptDisk: true,
        index: 3,
        decidedBy: 'ci',
        decidedAt: AT,
        address: '192.168.0.3',
        attachment: { circuit: 'Gi1/0/7', remote: 'sw-1' },
        inventory: { manufacturer: 'Dell', product: 'R640', serial: 'S1', uuid: 'u-1' },
        firmware: 'UEFI x64',
        loader: 'ipxe.efi',
        stageAt: AT,
      },
      NOW,
    ),
    `machine    worker-03 52:54:00:00:00:03
cards      52:54:00:00:00:03, 52:54:00:00:00:13
state      stuck since 2030-01-01 00:00:00Z, 2 min ago
stuck      at loader since 2030-01-01 00:00:00Z, 2 min ago: the file is missing
stage      loader, 2030-01-01 00:00:00Z, 2 min ago
profile    worker (default_profile)
next boot  profile rescue, once
disk       its next boot may format the Docker disk whatever it holds
index      3
labels     rack=a1
decided    by ci, 2030-01-01 00:00:00Z, 2 min ago
network    kubernetes1
address    192.168.0.3
switch     sw-1 Gi1/0/7
hardware   Dell R640
serial     S1
uuid       u-1
firmware   UEFI x64, loads ipxe.efi
seen       first 2030-01-01 00:00:00Z, 2 min ago; last 2030-01-01 00:00:00Z, 2 min ago
`,
  );
  t.regex(
    describe(waiting, NOW),
    /^approve +rackseed approve 52:54:00:00:00:04\nprofile +none, it may not boot: unknown_machines is hold$/m,
  );
});

test('what needs somebody is told below the table: who waits, and who is stuck why', (t) => {
  t.deepEqual(attention([waiting, stuck, ready]), [
    '1 machine waits for approval: rackseed approve 52:54:00:00:00:04',
    'worker-03 is stuck at loader: the file is missing',
  ]);
  const lines = screen(Array(30).fill(ready), { now: NOW, rows: 10, trouble: 'no answer' });
  t.is(lines.length, 10);
  t.deepEqual(lines.slice(-2), ['… and 23 more', 'not up to date: no answer']);
  t.deepEqual(screen([], { now: NOW, rows: 10 }), ['no machine to show yet']);
});

test('a change is told on a line, progress alone is none', (t) => {
  t.is(changeLine(undefined, ready), '2030-01-01 00:00:00Z  52:54:00:00:00:01  worker-01  ready, at ready');
  t.is(
    changeLine({ ...stuck, state: 'booting' }, stuck),
    '2030-01-01 00:00:00Z  52:54:00:00:00:03  worker-03  booting → stuck, at loader: the file is missing',
  );
  t.is(changeLine(loading, { ...loading, progress: { file: 'initrd.gz', bytes: 99, size: 100 } }), undefined);
});

test('what is drawn stays on the terminal and is drawn over', (t) => {
  const output = new Printed();
  const show = drawInPlace(Object.assign(output, { columns: 5, rows: 3 }));
  show(['1234567', 'b', 'c']);
  show(['d']);
  t.is(output.text, '12345\x1b[K\nb\x1b[K\n\x1b[J\x1b[2Ad\x1b[K\n\x1b[J');
  t.is(cut('ab\x1b[31mcdef\x1b[0mgh', 4), 'ab\x1b[31mcd\x1b[0m');
});

test('ages are told in their largest unit', (t) => {
  const ages = [0, 59_999, 60_000, 7_200_000, 200_000_000].map(formatAge);
  t.deepEqual(ages, ['0 s', '59 s', '1 min', '2 h', '2 d']);
});
