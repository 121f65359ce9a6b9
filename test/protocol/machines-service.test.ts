import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { curl } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { serviceFor, type TestService } from '../support/service.ts';

interface Shown {
  readonly state: string;
  readonly hostname: string;
  readonly profile?: string;
  readonly address?: string;
  readonly revision: number;
}

/** As a machine's firmware asks for an address; gives how long it may keep it, seconds. */
const PXE = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-V', 'PXEClient', '-s', '/bin/true'];

const post = (service: TestService, path: string, body: object) =>
  runChecked([
    'curl',
    '-sS',
    '--fail',
    '--unix-socket',
    join(service.directory, 'admin.sock'),
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify(body),
    `http://localhost${path}`,
  ]);

/** The end of a machine's lease, milliseconds since the epoch. */
async function leaseEnd(service: TestService, mac: string | undefined): Promise<number> {
  const { leases } = await service.get<{ leases: { mac?: string; expires?: string }[] }>('/v1/leases');
  return Date.parse(leases.find((lease) => lease.mac === mac)?.expires ?? '');
}

test('a machine that waits has its address for two minutes after each poll; approved, it boots at its next one', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const [mac] = macs;
  if (!client) return t.fail('the rack is empty');
  const service = await serviceFor(t, server, { top: { unknown_machines: 'hold' } });
  const { stderr } = await run(client.command(PXE), { timeout: 20_000 });
  t.regex(stderr, /lease of \S+ obtained .*lease time 120/);
  const machine = () => service.get<Shown>(`/v1/machines/${mac}`);
  const { address } = await machine();
  await client.ip(`address add ${address}/24 dev eth0`);
  const script = async () => (await curl(client, `http://192.168.0.254/ipxe?mac=${mac}&serial=CZ1`)).body;

  const first = await leaseEnd(service, mac);
  await pause(50);
  t.regex(await script(), new RegExp(`echo ${mac} is waiting for approval: rackseed approve ${mac}\n`));
  const polled = await leaseEnd(service, mac);
  t.true(polled > first && polled < Date.now() + 121_000, 'as long as it asks, the address stays its own');
  t.like(await machine(), { state: 'discovered', revision: 0 });
  t.is((await curl(client, `http://192.168.0.254/cloud-config/${mac}`)).status, 403);

  await post(service, `/v1/machines/${mac}/approve`, { hostname: 'worker-07' });
  t.like(await machine(), { state: 'approved', hostname: 'worker-07' });
  t.regex(await script(), /echo worker-07 .* boots lab/);
  t.true((await leaseEnd(service, mac)) > Date.now() + 3_000_000, 'iPXE will not renew it while it boots');
  t.like(await machine(), { state: 'booting', profile: 'worker' });

  await post(service, `/v1/machines/${mac}/refuse`, {});
  t.regex(await script(), new RegExp(`echo ${mac} is refused and does not boot`));
});

test('registry, timeline and approval are there again after kill -9', async (t) => {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const [mac] = macs;
  if (!client) return t.fail('the rack is empty');
  const service = await serviceFor(t, server, { top: { unknown_machines: 'hold' } });
  await run(client.command(PXE), { timeout: 20_000 });
  await client.ip('address add 192.168.0.77/24 dev eth0');
  await curl(client, `http://192.168.0.254/ipxe?mac=${mac}`);
  const timeline = async () =>
    (
      await service.get<{ boots: { entries: { kind: string; detail: string }[] }[] }>(
        `/v1/machines/${mac}/boots`,
      )
    ).boots.map(({ entries }) => entries.map(({ kind }) => kind));
  const kinds = await timeline();
  t.deepEqual(kinds, [['discover', 'offer', 'ack', 'script']]);
  // What a boot tells is written down four times a second; an approval is when it is confirmed.
  await pause(1_000);
  await post(service, `/v1/machines/${mac}/approve`, { hostname: 'worker-07', labels: { rack: 'a' } });
  const before = await service.get<Shown>(`/v1/machines/${mac}`);
  service.child.kill('SIGKILL');
  await service.restart();
  t.like(await service.get<Shown>(`/v1/machines/${mac}`), {
    state: 'approved',
    hostname: 'worker-07',
    revision: before.revision,
  });
  t.deepEqual((await timeline())[0]?.slice(0, 4), kinds[0]);
  const { changes } = await service.get<{ changes: { action: string; by: string }[] }>('/v1/changes');
  t.like(changes[0], { action: 'approve', by: 'local' });
});
