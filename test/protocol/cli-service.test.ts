import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ApiClient } from '../../src/api-client/client.ts';
import { localEndpoint } from '../../src/api-client/endpoint.ts';
import { type Change, changeCommand } from '../../src/cli/change.ts';
import { changesCommand } from '../../src/cli/changes.ts';
import type { Output } from '../../src/cli/check.ts';
import { eventsCommand } from '../../src/cli/events.ts';
import { machineCommand } from '../../src/cli/machine.ts';
import { machinesCommand } from '../../src/cli/machines.ts';
import { exportCommand, importCommand } from '../../src/cli/rack-file.ts';
import { createTokenCommand, listTokensCommand, revokeTokenCommand } from '../../src/cli/token.ts';
import { waitCommand } from '../../src/cli/wait.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { Printed } from '../support/printed.ts';
import { run, runChecked } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const MAC = '52:54:00:00:00:01';

/** A service that has seen one machine and holds it, and a client of its API. */
async function setUp(
  t: ExecutionContext,
): Promise<{ service: TestService; client: ApiClient; machine: Namespace; path: string }> {
  const { server, clients } = await rackFor(t);
  const service = await serviceFor(t, server, { top: { unknown_machines: 'hold' } });
  const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true'];
  const [machine] = clients;
  if (!machine) throw new Error('the rack has no machine');
  await run(machine.command(udhcpc), { timeout: 20_000 });
  const path = join(service.directory, 'admin.sock');
  return { service, client: new ApiClient(localEndpoint({ path })), machine, path };
}

/** What a command prints. */
async function printed(command: (output: Output) => Promise<unknown>): Promise<string> {
  const output = new Printed();
  await command(output);
  return output.text;
}

test('a machine that waits is found, approved and rendered by commands as they are typed', async (t) => {
  const { service } = await setUp(t);
  const rackseed = (...args: string[]) => {
    const config = ['--config', join(service.directory, 'config')];
    return runChecked([...PROGRAM, ...args, ...config], { timeout: 60_000 });
  };
  t.regex(
    await rackseed('machines', '--state', 'discovered'),
    new RegExp(`^node-525400000001 +${MAC} +disc`, 'm'),
  );
  t.is(
    await rackseed('approve', MAC, '--hostname', 'db-1', '--label', 'rack=a1', '--label', 'row=2'),
    `db-1 (${MAC}) may boot: profile worker\n`,
  );
  t.regex(await rackseed('machine', 'db-1'), /^labels +rack=a1 row=2$/m);
  t.regex(await rackseed('render', 'db-1', '--format', 'cloud-config'), /^hostname: db-1$/m);
});

test('every change that a command asks for is made, and told in the audit trail and the events', async (t) => {
  const { client } = await setUp(t);
  const change = (machine: string, wanted: Change) =>
    printed((output) => changeCommand(client, [machine], wanted, {}, output));
  const waiting = await printed((output) => machineCommand(client, MAC, { boots: 1 }, output));
  t.regex(waiting, new RegExp(`^approve +rackseed approve ${MAC}$`, 'm'));

  await change(MAC, { action: 'approve', body: { hostname: 'db-1', labels: { rack: 'a1' } } });
  const labels = { rack: null, role: 'db' };
  t.is(await change('db-1', { action: 'label', body: { labels } }), `db-1 (${MAC}) has labels: role=db\n`);
  const once = await change('db-1', { action: 'boot-once', body: { profile: 'worker' } });
  t.is(once, `db-1 (${MAC}) boots profile worker the next time, then worker again\n`);
  t.regex(await change('db-1', { action: 'boot-once', body: { profile: null } }), /as always/);
  t.regex(await change('db-1', { action: 'assign', body: { profile: 'worker' } }), /\(assigned by local\)/);
  t.regex(await change('db-1', { action: 'adopt-disk' }), /may format/);
  t.is(await change('db-1', { action: 'rename', body: { hostname: 'db-2' } }), `${MAC} is called db-2\n`);
  t.regex(await change('db-2', { action: 'refuse' }), /is refused/);
  t.regex(await change('db-2', { action: 'retire' }), /is retired/);
  await t.throwsAsync(change('db-2', { action: 'assign', body: { profile: 'wroker' } }), {
    message: /wroker.*did you mean worker/,
  });
  await t.throwsAsync(change('52:54:00:00:00:99', { action: 'retire' }), { message: /52:54:00:00:00:99/ });

  const trail = await printed((output) => changesCommand(client, {}, output));
  for (const action of [
    'approve',
    'label',
    'boot-once',
    'assign',
    'adopt-disk',
    'rename',
    'refuse',
    'retire',
  ]) {
    t.regex(trail, new RegExp(`local +${action} +${MAC}`));
  }
  const events = await printed((output) =>
    eventsCommand(client, { since: 0, types: ['state'] }, output, new Printed()),
  );
  t.regex(events, /discovered → (?:approved|booting)/);
  t.regex(events, /→ retired/);
  t.is(await change('db-2', { action: 'forget' }), `${MAC} is forgotten\n`);
  t.is(await printed((output) => machinesCommand(client, {}, {}, output)), 'no machine has been seen yet\n');
});

test('a rack that was exported is imported: all of it or, with a mistake, nothing', async (t) => {
  const { client, service } = await setUp(t);
  await changeCommand(client, [MAC], { action: 'approve', body: { hostname: 'db-1' } }, {}, new Printed());
  const file = join(service.directory, 'rack.csv');
  const csv = await printed((output) => exportCommand(client, { format: 'csv' }, output));
  t.regex(csv, new RegExp(`^${MAC},db-1,`, 'm'));
  await writeFile(file, csv.replace('db-1', 'db-2'));
  const take = (dryRun: boolean) => printed((output) => importCommand(client, file, { dryRun }, output));
  t.regex(await take(true), /1 approved; nothing was changed yet/);
  t.regex(await printed((output) => machinesCommand(client, {}, {}, output)), /^db-1 /m);
  t.regex(await take(false), new RegExp(`${MAC} +approved`));
  t.regex(await printed((output) => machinesCommand(client, {}, {}, output)), /^db-2 /m);
  await writeFile(file, `mac,hostname\n${MAC},db-3\nx,db-4\n`);
  await t.throwsAsync(take(false), { message: /\n.*rack\.csv:3: / });
  const yaml = await printed((output) => exportCommand(client, { format: 'yaml' }, output));
  t.regex(yaml, /hostname: db-2/);
});

test('a token that was made may what its role may, until it is revoked', async (t) => {
  const { client, path } = await setUp(t);
  const token = await printed((output) =>
    createTokenCommand(client, { name: 'ci', role: 'read' }, output, new Printed()),
  );
  const ci = new ApiClient(localEndpoint({ path }, token.trim()));
  t.is((await ci.machines()).length, 1);
  await t.throwsAsync(changeCommand(ci, [MAC], { action: 'refuse' }, {}, new Printed()), {
    message: /ci has the role read, and this needs operator; use a token that may do it, .*--role operator"$/,
  });
  t.regex(await printed((output) => listTokensCommand(client, {}, output)), /^ci +read /m);
  await revokeTokenCommand(client, 'ci', {}, new Printed());
  await t.throwsAsync(ci.machines(), { message: /does not know this API token: it may be revoked/ });
});

test('wait looks on while the service is killed and started again, until a machine is up', async (t) => {
  const { client, machine, service } = await setUp(t);
  const output = new Printed();
  const notes = new Printed();
  const waiting = waitCommand(client, { ready: 1, state: 'up', timeout: 120 }, output, notes);
  await output.whenLine(/^waiting for 1 machine, 0 up$/);
  service.child.kill('SIGKILL');
  await notes.whenLine(/trying again$/);
  await service.restart();
  await changeCommand(client, [MAC], { action: 'approve' }, {}, new Printed());
  await machine.ip('address add 192.168.0.60/24 dev eth0');
  const curl = (...args: string[]) => runChecked(machine.command(['curl', '-sSf', ...args]));
  await curl(`http://192.168.0.254/ipxe?mac=${MAC}`);
  await curl('-d', 'stage=up', `http://192.168.0.254/phone-home/${MAC}`);
  t.is(await waiting, 0, notes.text);
});

test('wait ends with who is missing, and what would help, when the time is over', async (t) => {
  const { client } = await setUp(t);
  const notes = new Printed();
  t.is(await waitCommand(client, { ready: 1, state: 'ready', timeout: 4 }, new Printed(), notes), 1);
  t.regex(
    notes.text,
    /not in time: 0 of 1 ready after 4\.0 s\n.*waits for approval: rackseed approve 52:54:00:00:00:01\n$/,
  );
});
