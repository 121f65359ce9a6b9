import { existsSync } from 'node:fs';
import test from 'ava';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { describeSocket } from '../../src/net/libc.ts';
import { TransferSockets } from '../../src/tftp/transfer-sockets.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;
const client = (port: number) => ({ address: '10.0.0.1', port });
const isOpen = (fd: number) => existsSync(`/proc/self/fd/${fd}`);
const portOf = (fd: number) => describeSocket(fd)?.port;

// Serial: a descriptor that is closed here may be opened again by a test beside.
test.serial('clients share a socket, which is open until the last of them has ended', (t) => {
  const sockets = new TransferSockets(LOOPBACK);
  const fd = sockets.take(client(2000), true);
  t.is(sockets.take(client(2001), true), fd);
  sockets.release(fd);
  t.true(isOpen(fd));
  sockets.release(fd);
  t.false(isOpen(fd));
});

test.serial('a client has no second transfer from the same socket, even after its first has ended', (t) => {
  const sockets = new TransferSockets(LOOPBACK);
  const first = sockets.take(client(2000), true);
  t.is(sockets.take(client(2001), true), first);
  sockets.release(first);
  const second = sockets.take(client(2000), true);
  t.not(portOf(second), portOf(first));
  t.is(sockets.take(client(2002), true), second, 'others join the newer one');
  for (const fd of [first, second, second]) sockets.release(fd);
});

test.serial('a socket serves 64 transfers in its life', (t) => {
  const sockets = new TransferSockets(LOOPBACK);
  const taken = Array.from({ length: 130 }, (_, index) => sockets.take(client(2000 + index), true));
  const [first, second, third] = new Set(taken);
  t.deepEqual(
    [first, second, third].map((fd) => taken.filter((other) => other === fd).length),
    [64, 64, 2],
  );
  for (const fd of taken) sockets.release(fd);
  t.deepEqual([...new Set(taken)].filter(isOpen), []);
});

test.serial('a transfer that shares with nobody has a socket of its own', (t) => {
  const sockets = new TransferSockets(LOOPBACK);
  const shared = sockets.take(client(2000), true);
  const alone = sockets.take(client(2001), false);
  t.not(alone, shared);
  t.is(sockets.take(client(2002), true), shared);
  sockets.release(alone);
  t.false(isOpen(alone));
  for (const fd of [shared, shared]) sockets.release(fd);
});
