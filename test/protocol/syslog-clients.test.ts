import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { SyslogEvent } from '../../src/syslog/events.ts';
import { MESSAGES_PER_SECOND } from '../../src/syslog/limits.ts';
import { connect, type Namespace, namespaceFor, rackFor } from '../support/netns.ts';
import { type Child, run, runChecked, startFor } from '../support/process.ts';

const RECEIVER = new URL('../support/syslog-receiver.ts', import.meta.url).pathname;
const SENDER = new URL('../support/clients/send-datagrams.mjs', import.meta.url).pathname;
const SERVER = '192.168.0.254';
const CLIENT = '192.168.0.7';

/** A receiver, a machine whose address is leased to it, and the receiver's events. */
async function receiverFor(t: ExecutionContext) {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const [mac = ''] = macs;
  if (!client) throw new Error('the rack has no machine');
  await client.ip(`address add ${CLIENT}/24 dev eth0`);
  const child = await startReceiver(t, server, `${CLIENT}=${mac}`);
  await child.waitFor(/listening/);
  return { server, client, mac, child };
}

function startReceiver(t: ExecutionContext, server: Namespace, ...leases: string[]): Promise<Child> {
  return startFor(t, server.command([process.execPath, ...process.execArgv, RECEIVER, ...leases]));
}

/** All events so far, once one that `pattern` matches has come. */
async function events(child: Child, pattern: RegExp): Promise<SyslogEvent[]> {
  await child.waitFor(pattern);
  const lines = child.output().split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as SyslogEvent)
    .filter(({ type }) => String(type) !== 'listening');
}

/** util-linux's logger, sending to the receiver by UDP. */
const logger = (...args: string[]) => ['logger', '--udp', '--server', SERVER, ...args];

test('util-linux’s logger is understood, in both formats', async (t) => {
  const { client, mac, child } = await receiverFor(t);
  await runChecked(
    client.command(logger('--rfc3164', '-t', 'kubelet', '-i', '-p', 'daemon.err', 'old [form]: x')),
  );
  await runChecked(
    client.command(
      logger(
        '--rfc5424',
        '-t',
        'kubelet',
        '-p',
        'local3.info',
        '--sd-id',
        'a@1',
        '--sd-param',
        'k="v"',
        'new',
      ),
    ),
  );
  t.deepEqual(await events(child, /"new"/), [
    {
      type: 'message',
      mac,
      message: { facility: 'daemon', severity: 'error', app: 'kubelet', text: 'old [form]: x' },
    },
    { type: 'message', mac, message: { facility: 'local3', severity: 'info', app: 'kubelet', text: 'new' } },
  ] as SyslogEvent[]);
});

test('busybox’s syslogd passes on what its logger is told', async (t) => {
  const { client, mac, child } = await receiverFor(t);
  // It listens on /dev/log, so that it gets a /dev of its own.
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-syslog-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const script = `
    mount -t tmpfs none /dev
    busybox mknod /dev/null c 1 3
    busybox syslogd -n -L -R ${SERVER} -O ${folder}/log & syslogd=$!
    until [ -S /dev/log ]; do busybox usleep 10000; done
    busybox logger -p daemon.warning -t kubelet 'disk is slow'
    until grep -q slow ${folder}/log; do busybox usleep 10000; done
    kill $syslogd; wait`;
  await run(client.command(['unshare', '--mount', 'sh', '-c', script]), { timeout: 20_000 });
  t.deepEqual((await events(child, /disk is slow/)).filter(({ type }) => type === 'message').at(-1), {
    type: 'message',
    mac,
    message: { facility: 'daemon', severity: 'warning', app: 'kubelet', text: 'disk is slow' },
  } as SyslogEvent);
});

test('what iPXE and netconsole send is understood, and cleaned before anybody sees it', async (t) => {
  const { client, mac, child } = await receiverFor(t);
  const datagrams = [
    '<6>worker-01.kubernetes.local ipxe: \u001b[1mInitialising\u001b[0m devices',
    '4,416,1758426,-;virtio_net: \u0007link up\n SUBSYSTEM=net\n',
    '\n',
  ];
  const sender = client.command([process.execPath, SENDER, SERVER, '514']);
  await runChecked(sender, { input: JSON.stringify(datagrams) });
  t.deepEqual(await events(child, /"empty"/), [
    {
      type: 'message',
      mac,
      message: { facility: 'kern', severity: 'info', app: 'ipxe', text: 'Initialising devices' },
    },
    {
      type: 'message',
      mac,
      message: { facility: 'kern', severity: 'warning', app: 'kernel', text: 'virtio_net:  link up' },
    },
    { type: 'dropped', reason: 'empty', source: CLIENT },
  ] as SyslogEvent[]);
});

test('messages from an address that nobody has leased are dropped', async (t) => {
  const { client, child } = await receiverFor(t);
  await client.ip('address flush dev eth0', 'address add 192.168.0.66/24 dev eth0');
  await runChecked(client.command(logger('hello')));
  t.deepEqual(await events(child, /dropped/), [
    { type: 'dropped', reason: 'no-lease', source: '192.168.0.66' },
  ]);
});

test('of a machine that says too much, most is left out, which is told once', async (t) => {
  const { client, mac, child } = await receiverFor(t);
  const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`).join('');
  await runChecked(client.command(logger()), { input: lines });
  await run(client.command(['sleep', '1.1']));
  await runChecked(client.command(logger('the last')));
  const all = await events(child, /the last/);
  const count = (match: (event: SyslogEvent) => boolean) => all.filter(match).length;
  t.is(
    count(({ type }) => type === 'limited'),
    1,
  );
  t.deepEqual(
    all.find(({ type }) => type === 'limited'),
    {
      type: 'limited',
      mac,
      limit: 'rate',
      detail: `says more than ${MESSAGES_PER_SECOND} messages a second: what is more is left out`,
    } as SyslogEvent,
  );
  t.is(
    count(({ type }) => type === 'limited' || type === 'message' || type === 'dropped'),
    1_002,
  );
  t.true(count(({ type }) => type === 'message') < 3 * MESSAGES_PER_SECOND);
});

test('nothing is received by way of another interface', async (t) => {
  const { server, client, child } = await receiverFor(t);
  const stranger = await namespaceFor(t);
  await connect({ namespace: server, interface: 'office0' }, { namespace: stranger, interface: 'eth0' });
  await server.ip('address add 10.1.0.1/24 dev office0');
  await stranger.ip('address add 10.1.0.2/24 dev eth0', 'route add default via 10.1.0.1');
  await runChecked(stranger.command(['busybox', 'ping', '-c', '1', '-W', '5', SERVER]));
  await runChecked(stranger.command(logger('from elsewhere')));
  await runChecked(client.command(logger('from the rack')));
  t.is((await events(child, /from the rack/)).length, 1);
});

test('when another syslog server has the port, it is named, and how to do without', async (t) => {
  const { server } = await rackFor(t);
  const listen = "require('dgram').createSocket('udp4').bind(514, () => console.log('bound'))";
  const holder = await startFor(t, server.command([process.execPath, '-e', listen]));
  await holder.waitFor(/bound/);
  const receiver = await startReceiver(t, server);
  const [line] = await receiver.waitFor(/.*failed.*/);
  t.regex(
    line,
    /cannot listen on UDP port 514 on rack0 \(192\.168\.0\.254\): \S+ \(pid \d+\) already does; stop it first, or set syslog: \{ enabled: false \} for network kubernetes1/,
  );
});
