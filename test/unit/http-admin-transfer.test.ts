import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { exportCsv, exportYaml } from '../../src/http/admin/export.ts';
import { readCsv, readYamlRows } from '../../src/http/admin/import-file.ts';
import { ChangeRefusal, type MachineView } from '../../src/machines/rack.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin.ts';
import { DISK, KNOWN } from '../support/provisioning.ts';
import { type TestRack, testRack } from '../support/rack.ts';
import { machineView, macNumber, RackDouble, SEEN } from '../support/rack-double.ts';

const [A, B, C] = [macNumber(0xa), macNumber(0xb), macNumber(0xc)];
const approved = (number: number, changes: Partial<MachineView> = {}) =>
  machineView(number, { state: 'ready', admission: 'boot', profile: 'worker', ...changes });
const rackOfThree = () =>
  new RackDouble([
    approved(0xa, {
      hostname: 'worker-11',
      labels: { rack: '7', row: 'a;b\\c' },
      address: parseIpv4('192.168.0.9') as Ipv4,
    }),
    machineView(0xb),
    machineView(0xc, { state: 'refused', hostname: 'old' }),
  ]);

/** The real rack with a machine that is approved, one that waits and one that is refused. */
async function adminOfThree(t: ExecutionContext): Promise<TestAdmin & { readonly live: TestRack }> {
  const live = testRack();
  for (const mac of [A, B, C]) live.registry.see(mac, 'kubernetes1', SEEN);
  const labels = { rack: '7', row: 'a;b\\c' };
  await live.rack.change(A, { action: 'approve', hostname: 'worker-11', profile: 'worker', labels }, 'ops');
  await live.rack.change(C, { action: 'refuse' }, 'ops');
  return { ...(await createTestAdmin(t, { live })), live };
}

const send = (admin: TestAdmin, payload: string, type = 'text/csv', query = '') =>
  admin.app.inject({ method: 'POST', url: `/v1/import${query}`, payload, headers: { 'content-type': type } });

test('the export as CSV has every machine', async (t) => {
  const { app } = await createTestAdmin(t, { rack: rackOfThree() });
  const answer = await app.inject('/v1/export');
  t.is(answer.headers['content-type'], 'text/csv; charset=utf-8');
  t.is(
    answer.body,
    `mac,hostname,profile,address,labels,state
52:54:00:00:00:0b,node-52540000000b,,,,discovered
52:54:00:00:00:0c,old,,,,refused
52:54:00:00:00:0a,worker-11,worker,192.168.0.9,rack=7;row=a\\;b\\\\c,ready
`,
  );
});

test('the export as YAML can go into machines/: who may boot, and reserved addresses only', async (t) => {
  const rack = new RackDouble([
    approved(1, { mac: KNOWN, hostname: 'worker-01', address: 1 as Ipv4 }),
    approved(2, { mac: DISK, hostname: 'old-server', profile: 'disk', labels: { rack: '7' } }),
    machineView(0xb),
  ]);
  const { app } = await createTestAdmin(t, { rack });
  const answer = await app.inject('/v1/export?format=yaml');
  t.is(answer.headers['content-type'], 'application/yaml; charset=utf-8');
  t.deepEqual(load(answer.body), {
    machines: [
      { mac: DISK, hostname: 'old-server', profile: 'disk', labels: { rack: '7' } },
      { mac: KNOWN, hostname: 'worker-01', profile: 'worker' },
    ],
  });
});

test('what was exported can be imported again, and changes nothing', async (t) => {
  const admin = await adminOfThree(t);
  for (const [format, type] of [
    ['csv', 'text/csv'],
    ['yaml', 'application/yaml'],
  ]) {
    const { body } = await admin.app.inject(`/v1/export?format=${format}`);
    const answer = await send(admin, body, type);
    t.is(answer.statusCode, 200, answer.body);
    const outcomes = answer.json().results.map(({ outcome }: { outcome: string }) => outcome);
    t.deepEqual([...new Set(outcomes)], ['unchanged']);
  }
  t.is((await admin.app.inject('/v1/changes')).json().changes.length, 2);
});

test('an import approves, refuses and retires; a dry run only says so', async (t) => {
  const admin = await adminOfThree(t);
  const csv = `\uFEFFMAC,State,hostname,labels
${B},,worker-02,rack=8;row=

5254.0000.000C,retired,,
52-54-00-00-00-0D,approved,worker-03,"rack=a;b=""c"""
${A},refused,,
`;
  const expected = [
    { line: 2, mac: B, outcome: 'approved', detail: 'worker-02' },
    { line: 4, mac: C, outcome: 'retired', detail: 'node-52540000000c' },
    { line: 5, mac: macNumber(0xd), outcome: 'approved', detail: 'worker-03' },
    { line: 6, mac: A, outcome: 'refused', detail: 'worker-11' },
  ];
  const dry = await send(admin, csv, 'text/csv; charset=utf-8', '?dry_run=true');
  t.deepEqual(dry.json(), { results: expected });
  t.is(admin.live.rack.machine(B)?.state, 'discovered');
  t.deepEqual((await send(admin, csv)).json(), { results: expected });
  t.like(admin.live.rack.machine(B), {
    admission: 'boot',
    hostname: 'worker-02',
    labels: { rack: '8', row: '' },
  });
  t.like(admin.live.rack.machine(macNumber(0xd)), { labels: { rack: 'a', b: '"c"' } });
  t.is(admin.live.rack.machine(C)?.state, 'retired');
  const [last] = (await admin.app.inject('/v1/changes')).json().changes;
  t.like(last, { action: 'import', by: 'local', detail: '4 of 4 machines changed' });
});

test('everything wrong in a file is told by line, and nothing of it is imported', async (t) => {
  const admin = await adminOfThree(t);
  const answer = await send(
    admin,
    `mac,hostname,profile,labels,state
${B},worker-11,,,
52:54:00:00:00,,,,
52:54:00:00:00:21,Worker,,,
52:54:00:00:00:22,,wroker,,
52:54:00:00:00:23,,,rack,
52:54:00:00:00:24,,,,asleep
52:54:00:00:00:25,
52:54:00:00:00:26,twin,,,
52:54:00:00:00:27,twin,,,
52:54:00:00:00:26,,,,
52:54:00:00:00:28,old-server,,,
52:54:00:00:00:29,,,,retired
${KNOWN},other,,,
${C},good,,,
`,
  );
  t.is(answer.statusCode, 422);
  t.is(answer.json().detail, '12 things are wrong, and nothing was imported; errors tells what');
  t.deepEqual(
    answer.json().errors.map(({ line, detail }: { line: number; detail: string }) => `${line} ${detail}`),
    [
      `2 ${B}: the name worker-11 belongs to ${A}`,
      '3 "52:54:00:00:00" is not a hardware address such as 52:54:00:12:34:56',
      '4 "Worker" is not a host name of lower-case letters, digits and hyphens',
      '5 52:54:00:00:00:22: there is no profile wroker, did you mean worker? (expected one of worker, disk)',
      '6 "rack" is no label such as rack=7',
      '7 "asleep" is no state; leave it empty to approve the machine',
      '8 has 2 cells where the header has 5',
      '10 twin is on line 9 too',
      '11 52:54:00:00:00:26 is on line 9 too',
      `12 52:54:00:00:00:28: the name old-server belongs to ${DISK} (machines/)`,
      '13 52:54:00:00:00:29 was never seen and is in no file in machines/',
      `14 ${KNOWN}: its entry in machines/ says its name is worker-01: change it there`,
    ],
  );
  t.is(admin.live.rack.machine(C)?.state, 'refused');
});

for (const [what, csv, detail] of [
  ['no header', '52:54:00:00:00:01,a\n', /must name the columns: mac,hostname/],
  ['nothing', '', /must name the columns/],
  ['an unknown column', 'mac,host\n', /there is no column "host"/],
  ['a column twice', 'mac,mac\n', /the column mac is there twice/],
  ['an open quote', 'mac\n"52:54\n', /is not valid CSV/],
  ['too many machines', `mac\n${'x\n'.repeat(20_001)}`, /more than 20000 machines/],
  ['an endless cell', `mac\n"${'x'.repeat(70_000)}"\n`, /is not valid CSV/],
] as const) {
  test(`CSV with ${what} is refused with a reason`, async (t) => {
    const answer = await send(await createTestAdmin(t), csv);
    t.is(answer.statusCode, 422);
    t.regex(answer.json().errors[0].detail, detail);
  });
}

for (const [what, yaml, line, detail] of [
  ['a broken document', 'machines: [', 1, /is not valid YAML/],
  ['a bad address', 'machines:\n  - mac: x\n', 2, /mac "x" is not a MAC address/],
  ['an unknown key', 'machines:\n  - mac: "52:54:00:00:00:01"\n    host: a\n', 3, /host unknown key/],
  [
    'a reservation',
    'machines:\n  - mac: "52:54:00:00:00:aa"\n    address: 192.168.0.4\n',
    3,
    /address can't be imported/,
  ],
  ['rules', 'rules:\n  - match: { arch: x }\n    profile: worker\n', 1, /rules can't be imported/],
  ['endless nesting', '['.repeat(50_000), 1, /nested|depth|YAML/],
] as const) {
  test(`YAML with ${what} is refused with a reason and its line`, async (t) => {
    const answer = await send(await createTestAdmin(t), yaml, 'application/yaml');
    t.is(answer.statusCode, 422, answer.body.slice(0, 300));
    const [error] = answer.json().errors;
    t.regex(error.detail, detail);
    t.is(error.line, line);
  });
}

test('YAML approves the machines it names', async (t) => {
  const admin = await adminOfThree(t);
  const yaml = `machines:\n  - mac: ${B}\n    hostname: worker-02\n    labels: { rack: "8" }\n`;
  const answer = await send(admin, yaml, 'application/x-yaml');
  t.deepEqual(answer.json().results, [{ line: 2, mac: B, outcome: 'approved', detail: 'worker-02' }]);
  t.like(admin.live.rack.machine(B), { admission: 'boot', labels: { rack: '8' } });
});

test('a refusal that nobody could foresee is told with the line', async (t) => {
  const rack = rackOfThree();
  rack.refusals.set('retire', new ChangeRefusal('conflict', 'not now'));
  const admin = await createTestAdmin(t, { rack });
  const answer = await send(admin, `mac,state\n${B},\n${C},retired\n`);
  t.is(answer.statusCode, 409);
  t.deepEqual(answer.json().errors, [{ line: 3, detail: 'not now' }]);
});

for (const [type, size, status] of [
  ['application/json', 10, 415],
  ['text/plain', 10, 415],
  ['text/csv', 2 * 1024 * 1024, 200],
  ['text/csv', 5 * 1024 * 1024, 413],
] as const) {
  test(`${size} bytes of ${type} are answered ${status}`, async (t) => {
    const payload = `mac\n${'\n'.repeat(size)}`;
    t.is((await send(await createTestAdmin(t), payload, type)).statusCode, status);
  });
}

test('labels survive the way through CSV whatever they hold', (t) => {
  const key = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,5}[A-Za-z0-9])?$/);
  const labels = fc.dictionary(key, fc.string({ maxLength: 8 }), { minKeys: 1, maxKeys: 4 });
  fc.assert(
    fc.property(labels, (given) => {
      const { rows, errors } = readCsv(exportCsv([approved(1, { hostname: 'a', labels: given })]));
      t.deepEqual(errors, []);
      t.deepEqual({ ...rows[0]?.labels }, { ...given });
    }),
  );
});

test('labels survive the way through YAML whatever they hold', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b'), fc.string(), { minKeys: 1 }), (given) => {
      const { rows, errors } = readYamlRows(
        exportYaml([approved(1, { hostname: 'a', labels: given })], new Map()),
      );
      t.deepEqual(errors, []);
      t.deepEqual({ ...rows[0]?.labels }, { ...given });
    }),
  );
});
