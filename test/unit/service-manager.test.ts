import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openServiceManager } from '../../src/net/service-manager.ts';
import { startFor } from '../support/process.ts';

// A double of systemd's end of sd_notify(3): it says what it hears, a datagram in a line.
const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1].replace('@', '\\0', 1))
print('listening', flush=True)
while True: print(receiver.recv(4096).decode().replace('\\n', ' '), flush=True)
`;

const silence = { environment: {}, pid: process.pid, onError: (error: Error) => void error };

async function receiverFor(t: ExecutionContext, path: string) {
  const receiver = await startFor(t, ['python3', '-c', RECEIVER, path]);
  await receiver.waitFor(/^listening$/m);
  return receiver;
}

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-notify-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

for (const place of ['file', 'abstract'] as const) {
  test(`systemd is told what happens, through a ${place} socket`, async (t) => {
    const name = join(await folderFor(t), 'notify');
    const path = place === 'file' ? name : `@${name}`;
    const receiver = await receiverFor(t, path);
    const manager = openServiceManager({ ...silence, environment: { NOTIFY_SOCKET: path } });
    manager.ready('lab on rack0');
    await receiver.waitFor(/^READY=1 STATUS=lab on rack0$/m);
    manager.reloading();
    await receiver.waitFor(/^RELOADING=1 MONOTONIC_USEC=\d+$/m);
    manager.stopping();
    await receiver.waitFor(/^STOPPING=1$/m);
    t.pass();
  });
}

test('signs of life go to the watchdog of this process, and of no other', async (t) => {
  const folder = await folderFor(t);
  const receivers = [];
  for (const pid of [process.pid + 1, process.pid]) {
    const path = join(folder, `${pid}`);
    receivers.push(await receiverFor(t, path));
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', WATCHDOG_PID: `${pid}` };
    const manager = openServiceManager({ ...silence, environment });
    t.teardown(() => manager.stop());
    manager.ready('lab');
  }
  const [another, own] = receivers;
  await own?.waitFor(/(?:^WATCHDOG=1\n){5}/m);
  t.regex(another?.output() ?? '', /READY=1/);
  t.notRegex(another?.output() ?? '', /WATCHDOG/);
});

test('a process that systemd did not start tells nobody, and one that cannot tell says so once', (t) => {
  openServiceManager(silence).ready('alone');
  const errors: string[] = [];
  const manager = openServiceManager({
    environment: { NOTIFY_SOCKET: '/nowhere/notify' },
    pid: process.pid,
    onError: ({ message }) => errors.push(message),
  });
  manager.ready('alone');
  manager.stopping();
  t.deepEqual(errors, ['sendto: ENOENT']);
});
