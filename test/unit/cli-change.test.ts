import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { type Change, changeCommand, outcome } from '../../src/cli/change.ts';
import { changesCommand } from '../../src/cli/changes.ts';
import { chooseByName } from '../../src/cli/find-machine.ts';
import { assignLabel, parseLabelChanges } from '../../src/cli/labels.ts';
import { leasesCommand } from '../../src/cli/leases.ts';
import { exportCommand, importCommand } from '../../src/cli/rack-file.ts';
import { createTokenCommand, listTokensCommand, revokeTokenCommand } from '../../src/cli/token.ts';
import { AT, adminApiFor, refusal, shownMachine } from '../support/admin-api-double.ts';
import { folderFor } from '../support/openssl.ts';
import { Printed } from '../support/printed.ts';

const MAC = '52:54:00:00:00:01';

const CHANGES: readonly [said: string, change: Change, request: string][] = [
  [
    'worker-01 (52:54:00:00:00:01) may boot: profile storage',
    { action: 'approve', body: { profile: 'storage' } },
    `POST /v1/machines/${MAC}/approve {"profile":"storage"}`,
  ],
  ['worker-01 (52:54:00:00:00:01) is refused', { action: 'refuse' }, `POST /v1/machines/${MAC}/refuse {}`],
  ['worker-01 (52:54:00:00:00:01) is retired', { action: 'retire' }, `POST /v1/machines/${MAC}/retire {}`],
  ['52:54:00:00:00:01 is forgotten', { action: 'forget' }, `DELETE /v1/machines/${MAC}`],
  [
    'worker-01 (52:54:00:00:00:01) may format its Docker disk at its next boot, whatever it holds',
    { action: 'adopt-disk' },
    `POST /v1/machines/${MAC}/adopt-disk {}`,
  ],
  [
    'worker-01 (52:54:00:00:00:01): a magic packet was sent; its first DHCP message shows that it woke',
    { action: 'wake' },
    `POST /v1/machines/${MAC}/wake {}`,
  ],
  [
    '52:54:00:00:00:01 is called db-1',
    { action: 'rename', body: { hostname: 'db-1' } },
    `POST /v1/machines/${MAC}/rename {"hostname":"db-1"}`,
  ],
  [
    'worker-01 (52:54:00:00:00:01) has labels: rack=a1',
    { action: 'label', body: { labels: { rack: 'a1', role: null } } },
    `POST /v1/machines/${MAC}/label {"labels":{"rack":"a1","role":null}}`,
  ],
  [
    'worker-01 (52:54:00:00:00:01) has profile worker (default_profile)',
    { action: 'assign', body: { profile: null } },
    `POST /v1/machines/${MAC}/assign {"profile":null}`,
  ],
  [
    'worker-01 (52:54:00:00:00:01) boots profile rescue the next time, then worker again',
    { action: 'boot-once', body: { profile: 'rescue' } },
    `POST /v1/machines/${MAC}/boot-once {"profile":"rescue"}`,
  ],
  [
    'worker-01 (52:54:00:00:00:01) boots profile worker, as always',
    { action: 'boot-once', body: { profile: null } },
    `POST /v1/machines/${MAC}/boot-once {"profile":null}`,
  ],
];

for (const [said, change, request] of CHANGES) {
  test(`${change.action} says: ${said}`, async (t) => {
    const { client, requests } = await adminApiFor(t, {
      machines: [shownMachine(1, { labels: { role: 'x' } })],
    });
    const output = new Printed();
    await changeCommand(client, ['5254.0000.0001'], change, {}, output);
    t.is(output.text, `${said}\n`);
    t.deepEqual(requests, [request]);
  });
}

test('machines are meant by address or by host name, several at once', async (t) => {
  const { client, requests } = await adminApiFor(t, { machines: [1, 2, 3].map((n) => shownMachine(n)) });
  const output = new Printed();
  await changeCommand(client, ['Worker-02', MAC], { action: 'refuse' }, { json: true }, output);
  t.deepEqual(
    requests.filter((request) => request.startsWith('POST')),
    [`POST /v1/machines/52:54:00:00:00:02/refuse {}`, `POST /v1/machines/${MAC}/refuse {}`],
  );
  t.like(JSON.parse(output.text), { machines: [{ hostname: 'worker-02' }, { hostname: 'worker-01' }] });
});

test('a machine that is refused keeps the others from nothing, a name that is wrong does', async (t) => {
  const { client, requests } = await adminApiFor(t, { machines: [shownMachine(1)] });
  const output = new Printed();
  const machines = ['52:54:00:00:00:09', MAC];
  await t.throwsAsync(changeCommand(client, machines, { action: 'retire' }, {}, output), {
    message: '52:54:00:00:00:09: no machine with the address 52:54:00:00:00:09 has been seen',
  });
  t.is(output.text, `worker-01 (${MAC}) is retired\n`);
  const before = requests.length;
  await t.throwsAsync(changeCommand(client, [MAC, 'wroker-01'], { action: 'refuse' }, {}, output), {
    message: 'no machine is called "wroker-01", did you mean worker-01?',
  });
  t.deepEqual(requests.slice(before), ['GET /v1/machines?limit=1000']);
});

test('a name that means no machine, or several, is told with the candidates', (t) => {
  const machines = Array.from({ length: 11 }, (_, index) => shownMachine(index + 1));
  t.is<string, string>(chooseByName('WORKER-03', machines), '52:54:00:00:00:03');
  t.throws(() => chooseByName('worker-1', machines), {
    message:
      'no machine is called "worker-1"; there is worker-10 (52:54:00:00:00:10), worker-11 (52:54:00:00:00:11)',
  });
  t.throws(() => chooseByName('work', machines), { message: /worker-08 \(52:54:00:00:00:08\) and 3 more$/ });
  t.throws(() => chooseByName('storage', machines), {
    message: 'no machine is called "storage": "rackseed machines" tells who there is',
  });
  t.throws(
    () =>
      chooseByName('twin', [shownMachine(1, { hostname: 'twin' }), shownMachine(2, { hostname: 'twin' })]),
    {
      message:
        '2 machines are called "twin": name one by its address, twin (52:54:00:00:00:01), twin (52:54:00:00:00:02)',
    },
  );
});

test('what has become of a machine cannot steer the terminal', (t) => {
  t.is(outcome('rename', MAC, shownMachine(1, { hostname: '\x1b[2J' })), `${MAC} is called \\x1b[2J`);
});

test('labels are set by KEY=VALUE and taken away by KEY-', (t) => {
  t.deepEqual(parseLabelChanges(['rack=a1', 'note=a=b-', 'empty=', 'role-']), {
    rack: 'a1',
    note: 'a=b-',
    empty: '',
    role: null,
  });
  t.deepEqual(assignLabel('b=2', assignLabel('a=1')), { a: '1', b: '2' });
  for (const wrong of ['rack', '=a', '-'])
    t.throws(() => parseLabelChanges([wrong]), { message: /KEY=VALUE/ });
  t.throws(() => assignLabel('rack-'), { message: 'It must be KEY=VALUE.' });
});

test('import sends a file by the form of its name, and tells what became of each line', async (t) => {
  const results = [
    { line: 2, mac: MAC, outcome: 'approved', detail: 'worker-01' },
    { line: 3, mac: '52:54:00:00:00:02', outcome: 'unchanged', detail: '' },
  ];
  const { client, requests } = await adminApiFor(t, { answers: { 'POST /v1/import': { results } } });
  const folder = await folderFor(t);
  await writeFile(join(folder, 'rack.csv'), 'mac\n');
  await writeFile(join(folder, 'rack.yml'), 'machines: []\n');
  const output = new Printed();
  await importCommand(client, join(folder, 'rack.csv'), { dryRun: true }, output);
  t.is(
    output.text,
    `LINE  MAC                OUTCOME    DETAIL
2     52:54:00:00:00:01  approved   worker-01
3     52:54:00:00:00:02  unchanged
1 approved, 1 unchanged; nothing was changed yet (--dry-run)
`,
  );
  await importCommand(client, join(folder, 'rack.yml'), {}, output);
  t.deepEqual(requests, ['POST /v1/import?dry_run=true mac', 'POST /v1/import?dry_run=false machines: []']);
  await t.throwsAsync(importCommand(client, 'rack.txt', {}, output), { message: /neither CSV nor YAML/ });
  await t.throwsAsync(importCommand(client, join(folder, 'no.csv'), {}, output), {
    message: /no\.csv can't be read \(ENOENT\)$/,
  });
});

test('import tells every line that is wrong', async (t) => {
  const faults = [
    { line: 2, detail: '"x" is not a hardware address' },
    { line: 4, detail: 'there is no profile wroker' },
  ];
  const answer = refusal(422, 'nothing was taken over', faults);
  const { client } = await adminApiFor(t, { answers: { 'POST /v1/import': answer } });
  const file = join(await folderFor(t), 'rack.csv');
  await writeFile(file, 'mac\n');
  await t.throwsAsync(importCommand(client, file, {}, new Printed()), {
    message: `nothing was taken over\n${file}:2: "x" is not a hardware address\n${file}:4: there is no profile wroker`,
  });
});

test('export prints the file as it is', async (t) => {
  const { client, requests } = await adminApiFor(t, { answers: { 'GET /v1/export': { text: 'mac\n' } } });
  const output = new Printed();
  await exportCommand(client, { format: 'yaml' }, output);
  t.is(output.text, '{"text":"mac\\n"}');
  t.deepEqual(requests, ['GET /v1/export?format=yaml']);
});

test('leases and changes are tables', async (t) => {
  const leases = [
    { network: 'n', address: '192.168.0.7', mac: MAC, expires: '2020-01-01T00:00:00.000Z' },
    { network: 'n', address: '192.168.0.8' },
  ];
  const changes = [
    { id: 2, at: AT, action: 'approve', by: 'ci', mac: MAC, hostname: 'w', detail: 'profile worker' },
  ];
  const { client } = await adminApiFor(t, {
    answers: { 'GET /v1/leases': { leases }, 'GET /v1/changes': { changes } },
  });
  const output = new Printed();
  await leasesCommand(client, {}, output);
  await changesCommand(client, {}, output);
  t.is(
    output.text,
    `ADDRESS      MAC                NETWORK  LEASE
192.168.0.7  52:54:00:00:00:01  n        ended 2020-01-01 00:00:00Z
192.168.0.8  declined           n        never ends
TIME                  BY  ACTION   MAC                HOSTNAME  DETAIL
2030-01-01 00:00:00Z  ci  approve  52:54:00:00:00:01  w         profile worker
`,
  );
});

test('a new token stands alone on standard output, so that a script can keep it', async (t) => {
  const token = { name: 'ci', role: 'operator', token: 'rs_x' };
  const listed = [{ name: 'ci', role: 'operator', created: AT }];
  const { client, requests } = await adminApiFor(t, {
    answers: { 'POST /v1/tokens': token, 'GET /v1/tokens': { tokens: listed }, 'DELETE /v1/tokens/ci': {} },
  });
  const output = new Printed();
  const notes = new Printed();
  await createTokenCommand(client, { name: 'ci', role: 'operator' }, output, notes);
  t.is(output.text, 'rs_x\n');
  t.regex(notes.text, /shown only now/);
  const more = new Printed();
  await listTokensCommand(client, {}, more);
  await revokeTokenCommand(client, 'ci', {}, more);
  t.deepEqual(more.lines, [
    'NAME  ROLE      CREATED               LAST USED',
    'ci    operator  2030-01-01 00:00:00Z  never',
    'the token of ci is worth nothing any more',
  ]);
  t.deepEqual(requests, [
    'POST /v1/tokens {"name":"ci","role":"operator"}',
    'GET /v1/tokens',
    'DELETE /v1/tokens/ci',
  ]);
});
