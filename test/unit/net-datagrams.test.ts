import test, { type ExecutionContext } from 'ava';
import koffi from 'koffi';
import {
  addressOfEndpoint,
  DatagramReceiver,
  DatagramSender,
  type Endpoint,
  portOfEndpoint,
} from '../../src/net/datagrams.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { bindAddress, closeDescriptor, describeSocket, openUdp } from '../../src/net/libc.ts';
import { addressOf } from '../../src/net/memory.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;

/** A bound socket and where it can be reached; closed at the end of the test. */
function open(t: ExecutionContext): { fd: number; endpoint: Endpoint } {
  const fd = openUdp();
  t.teardown(() => closeDescriptor(fd));
  bindAddress(fd, LOOPBACK, 0);
  const port = describeSocket(fd)?.port ?? 0;
  return { fd, endpoint: (LOOPBACK * 65536 + port) as Endpoint };
}

/** Has the kernel hand over what was sent as one packet in one piece (UDP_GRO, udp(7)). */
function takeWhole(fd: number): void {
  const setsockopt = koffi.load('libc.so.6').func('int setsockopt(int, int, int, const void *, uint32_t)');
  if (setsockopt(fd, 17, 104, Buffer.from([1, 0, 0, 0]), 4) < 0) throw new Error('UDP_GRO');
}

test('a datagram arrives with the address and port of its sender', (t) => {
  const [from, to] = [open(t), open(t)];
  t.is(new DatagramSender(1).send(from.fd, to.endpoint, Buffer.from('hello')), undefined);
  const datagram = new DatagramReceiver(100).receive(to.fd);
  t.deepEqual(datagram?.bytes, Buffer.from('hello'));
  t.is(datagram?.sender, from.endpoint);
});

test('an endpoint is an address and a port', (t) => {
  const endpoint = (0xc0a800fe * 65536 + 65535) as Endpoint;
  t.is(formatIpv4(addressOfEndpoint(endpoint)), '192.168.0.254');
  t.is(portOfEndpoint(endpoint), 65535);
});

test('receiving never blocks, and cuts what is too long', (t) => {
  const [from, to] = [open(t), open(t)];
  const receiver = new DatagramReceiver(4);
  t.is(receiver.receive(to.fd), undefined);
  new DatagramSender(1).send(from.fd, to.endpoint, Buffer.from('hello'));
  t.deepEqual(receiver.receive(to.fd)?.bytes, Buffer.from('hell'));
  t.is(receiver.receive(to.fd), undefined);
});

for (const count of [1, 2, 32]) {
  test(`a batch of ${count} arrives in order, each with its head and its part of the contents`, (t) => {
    const [from, to] = [open(t), open(t)];
    const contents = Buffer.alloc(32 * 100).map((_, index) => index % 251);
    const sender = new DatagramSender(32);
    // Twice: a batch leaves nothing behind for the next.
    for (const first of [0, 1]) {
      for (let index = 0; index < count; index++) {
        sender.add(addressOf(contents) + index * 100, 100 - first).set([0, 3, first, index]);
      }
      t.is(sender.flush(from.fd, to.endpoint), undefined);
      const receiver = new DatagramReceiver(200);
      for (let index = 0; index < count; index++) {
        const body = contents.subarray(index * 100, (index + 1) * 100 - first);
        t.deepEqual(receiver.receive(to.fd)?.bytes, Buffer.from([0, 3, first, index, ...body]));
      }
      t.is(receiver.receive(to.fd), undefined);
    }
  });
}

test('a batch of equal datagrams, the last one shorter, is one packet on its way', (t) => {
  const [from, to] = [open(t), open(t)];
  takeWhole(to.fd);
  const contents = Buffer.alloc(1000, 'x');
  const sender = new DatagramSender(32);
  for (const length of [400, 400, 200]) sender.add(addressOf(contents), length).set([0, 3, 0, 1]);
  t.is(sender.flush(from.fd, to.endpoint), undefined);
  t.is(new DatagramReceiver(2000).receive(to.fd)?.bytes.length, 1000 + 3 * 4);
});

for (const [title, lengths] of [
  ['of unequal datagrams', [100, 200, 100]],
  ['whose last datagram is the longest', [100, 100, 101]],
  ['with empty datagrams', [0, 0]],
  ['too large for one packet', [30_000, 30_000, 30_000]],
] as const) {
  test(`a batch ${title} arrives all the same`, (t) => {
    const [from, to] = [open(t), open(t)];
    const contents = Buffer.alloc(30_000, 'x');
    const sender = new DatagramSender(32);
    for (const length of lengths) sender.add(addressOf(contents), length).set([0, 3, 0, 1]);
    t.is(sender.flush(from.fd, to.endpoint), undefined);
    const receiver = new DatagramReceiver(65_536);
    t.deepEqual(
      lengths.map(() => receiver.receive(to.fd)?.bytes.length),
      lengths.map((length) => length + 4),
    );
  });
}

test('a batch has no room for more than it was made for', (t) => {
  const sender = new DatagramSender(1);
  sender.add(0, 0);
  t.throws(() => sender.add(0, 0), { instanceOf: RangeError });
});

test('what the kernel does not take is told by its error', (t) => {
  const { fd } = open(t);
  const nowhere = (LOOPBACK * 65536) as Endpoint;
  const sender = new DatagramSender(2);
  t.is(sender.send(fd, nowhere, Buffer.from('x'))?.code, 'EINVAL');
  for (const count of [1, 2]) {
    for (let index = 0; index < count; index++) sender.add(0, 0);
    t.is(sender.flush(fd, nowhere)?.code, 'EINVAL');
  }
});

test('receiving from what is no socket is an error', (t) => {
  t.throws(() => new DatagramReceiver(4).receive(-1), { code: 'EBADF' });
});
