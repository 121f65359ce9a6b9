import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Boot } from '../../src/machines/machine.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked } from '../support/process.ts';
import { type ServiceSettings, serviceFor } from '../support/service.ts';

/** A machine that has got its address as a network card's firmware does, and what option 7 told it. */
async function bootedFor(t: ExecutionContext, settings: ServiceSettings = {}) {
  const { server, clients, macs } = await rackFor(t);
  const [client] = clients;
  const [mac = ''] = macs;
  if (!client) throw new Error('the rack has no machine');
  const service = await serviceFor(t, server, settings);
  const logServers = await lease(client, service.directory);
  return { service, server, client, mac, logServers };
}

/** Leases an address and configures it; gives option 7 in hexadecimal digits. */
async function lease(client: Namespace, directory: string): Promise<string> {
  const hook = join(directory, 'hook');
  const script = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/24" dev "$interface"
echo "option 7: $opt7"
`;
  await writeFile(hook, script, { mode: 0o755 });
  const { stdout } = await run(
    client.command(['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', hook, '-V', 'PXEClient']),
    { timeout: 20_000 },
  );
  return /^option 7: (.*)$/m.exec(stdout)?.[1] ?? 'no lease';
}

const logger = (text: string) => [
  'logger',
  '--udp',
  '--server',
  '192.168.0.254',
  '--rfc3164',
  '-t',
  'kubelet',
  text,
];

test('machines are told where to log, and what they log is on their timeline', async (t) => {
  const { service, client, mac, logServers } = await bootedFor(t);
  t.is(logServers, 'c0a800fe', '192.168.0.254');
  await runChecked(client.command(logger('disk \u001b[1mready\u001b[0m')));
  while ((await service.metric('rackseed_syslog_messages_total')) === 0) await pause(20);
  const { boots } = await service.get<{ boots: Boot[] }>(`/v1/machines/${mac}/boots`);
  const messages = boots.flatMap(({ entries }) => entries).filter(({ kind }) => kind === 'message');
  t.deepEqual(
    messages.map(({ detail }) => detail),
    ['kubelet: disk ready'],
  );
});

test('another log server that the configuration names is what machines are told', async (t) => {
  const { logServers } = await bootedFor(t, { dhcp: { options: { log_servers: ['192.168.0.9'] } } });
  t.is(logServers, 'c0a80009', '192.168.0.9');
});

test('where syslog is switched off machines are told nothing of it, and the port is free', async (t) => {
  const { server, logServers } = await bootedFor(t, { network: { syslog: { enabled: false } } });
  t.is(logServers, '');
  t.notRegex(await runChecked(server.command(['ss', '-lun'])), /:514 /);
});
