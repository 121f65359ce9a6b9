import test, { type ExecutionContext } from 'ava';
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
