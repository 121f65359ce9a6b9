import test from 'ava';
import { enlargeReceiveBuffer } from '../../bench/clients/receive-buffer.ts';
import { namespaceFor } from '../support/netns.ts';
import { runChecked, startFor } from '../support/process.ts';

const BYTES = 16 * 1024 * 1024;

test('perfdhcp’s socket for answers gets a larger receive buffer, not one by which it looks for interfaces', async (t) => {
  const namespace = await namespaceFor(t);
  await namespace.ip('link set lo up');
  const perfdhcp = ['perfdhcp', '-4', '-l', '127.0.0.1', '-r', '1', '-p', '60', '127.0.0.1'];
  const load = await startFor(t, namespace.command(perfdhcp));
  await enlargeReceiveBuffer(load.pid, 'perfdhcp', BYTES);
  const sockets = await runChecked(namespace.command(['ss', '--udp', '--all', '--memory', '--no-header']));
  // The kernel counts twice of what is asked for.
  t.regex(sockets, new RegExp(`:(?:67|bootps)\\s[^]*\\brb${2 * BYTES}\\b`));
});

test('of a program that has ended no socket is waited for', async (t) => {
  const load = await startFor(t, ['true']);
  await load.exited;
  await t.notThrowsAsync(enlargeReceiveBuffer(load.pid, 'true', BYTES));
});
