import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bridgeCommands } from '../../src/lab/namespace.ts';
import { eventually } from '../support/cluster.ts';
import { curl } from '../support/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { serviceFor, type TestService } from '../support/service.ts';
import { healthOf } from '../support/trouble.ts';

const SERVER = '192.168.0.254';

/** A rack with one machine, whose service logs by syslog and serves a loader. */
async function rack(t: ExecutionContext, dhcp: Readonly<Record<string, unknown>> = {}) {
  const { server, clients } = await rackFor(t);
  const [client] = clients as [Namespace];
  const service = await serviceFor(t, server, { dhcp, network: { syslog: { enabled: true } } });
  await writeFile(join(service.directory, 'firmware/loader.bin'), Buffer.alloc(40_000, 'loader'));
  return { server, client, service };
}

/** Whether a machine gets an address, and a file by TFTP and by HTTP. */
async function served(client: Namespace): Promise<Readonly<Record<'dhcp' | 'tftp' | 'http', boolean>>> {
  const script = new URL('../support/clients/udhcpc-address.sh', import.meta.url).pathname;
  const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '8', '-T', '1', '-s', script];
  const dhcp = (await run(client.command(udhcpc))).code === 0;
  const get = (url: string) => curl(client, '--max-time', '5', '-o', '/dev/null', url);
  const tftp = await run(client.command(['curl', '-sS', '--max-time', '5', `tftp://${SERVER}/loader.bin`]));
  return { dhcp, tftp: tftp.code === 0, http: (await get(`http://${SERVER}/boot.ipxe`)).status === 200 };
}

const ALL = { dhcp: true, tftp: true, http: true };

/** After the trouble: everything works, and it was said once that it began and once that it is over. */
async function isBack(t: ExecutionContext, service: TestService, client: Namespace, words: RegExp) {
  await eventually(() => service.api.isReady());
  t.deepEqual(await served(client), ALL);
  const { logged, notices, troubles } = await healthOf(service, /network kubernetes1/);
  t.is(troubles, 0);
  t.is(logged.length, 2, logged.join('\n'));
  t.regex(logged[0] ?? '', words);
  t.is(logged[1], 'interface rack0 is as it should be: network kubernetes1 is served again');
  t.deepEqual(notices, logged);
}

test.serial('an interface that goes down and comes back is served again', async (t) => {
  const { server, client, service } = await rack(t);
  t.deepEqual(await served(client), ALL);
  await server.ip('link set rack0 down');
  await service.child.waitFor(/nothing is served on network kubernetes1/);
  t.false(await service.api.isReady());
  t.is(await service.metric('rackseed_trouble', 'subject="network kubernetes1"'), 1);
  await server.ip('link set rack0 up');
  await isBack(t, service, client, /until this is mended: interface rack0 is down: ip link set rack0 up$/);
});

for (const mode of ['authoritative', 'auto']) {
  test.serial(`an interface that is deleted and made again is served again (${mode})`, async (t) => {
    const { server, client, service } = await rack(t, { mode });
    t.deepEqual(await served(client), ALL);
    await server.ip('link del rack0');
    await service.child.waitFor(/there is no network interface .*rack0/);
    await server.ip(
      ...bridgeCommands('rack0', '52:54:00:ff:00:fe', `${SERVER}/24`),
      'link set port1 master rack0',
    );
    await isBack(
      t,
      service,
      client,
      /mended: there is no network interface "rack0" on this host \(there are/,
    );
    const logger = ['logger', '-n', SERVER, '-d', '--rfc3164', 'hello'];
    await runChecked(client.command(logger));
    await eventually(async () => (await service.metric('rackseed_syslog_messages_total')) > 0);
  });
}

test.serial(
  'an address that is taken away and comes back is served again; another one beside it changes nothing',
  async (t) => {
    const { server, client, service } = await rack(t);
    await server.ip('address add 10.9.9.9/24 dev rack0');
    t.deepEqual(await served(client), ALL);
    await server.ip(`address del ${SERVER}/24 dev rack0`);
    await service.child.waitFor(/rack0 does not have the address 192\.168\.0\.254/);
    await server.ip(`address add ${SERVER}/24 brd + dev rack0`);
    await isBack(t, service, client, /: ip address add 192\.168\.0\.254\/24 dev rack0$/);
  },
);

test.serial('a smaller MTU makes the blocks of TFTP smaller, and a larger one larger again', async (t) => {
  const { server, client, service } = await rack(t);
  const blksize = async () => {
    const curl = ['curl', '-sSv', '--tftp-blksize', '1468', '-o', '/dev/null', `tftp://${SERVER}/loader.bin`];
    return /blksize parsed from OACK \((\d+)\)/.exec((await run(client.command(curl))).stderr)?.[1];
  };
  t.deepEqual(await served(client), ALL);
  t.is(await blksize(), '1468');
  await server.ip('link set rack0 mtu 1400');
  await service.child.waitFor(/the MTU of rack0 is 1400 bytes now/);
  t.is(await blksize(), '1368');
  await server.ip('link set rack0 mtu 1500');
  await service.child.waitFor(/the MTU of rack0 is 1500 bytes now/);
  t.is(await blksize(), '1468');
});
