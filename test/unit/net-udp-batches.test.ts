import test, { type ExecutionContext } from 'ava';
import { type Endpoint, endpointOf } from '../../src/net/datagrams.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { bindAddress, closeDescriptor, describeSocket, openUdp } from '../../src/net/libc.ts';
import { BatchReceiver, BatchSender } from '../../src/net/udp-batches.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;

/** A bound socket and where it can be reached; closed at the end of the test. */
function open(t: ExecutionContext): { fd: number; endpoint: Endpoint } {
  const fd = openUdp();
  t.teardown(() => closeDescriptor(fd));
  bindAddress(fd, LOOPBACK, 0);
  return { fd, endpoint: endpointOf(LOOPBACK, describeSocket(fd)?.port ?? 0) };
}

const text = (receiver: BatchReceiver, count: number) =>
  Array.from({ length: count }, (_, index) => receiver.bytes(index).toString());

test('a batch arrives in order, each datagram where it is to go, and from whom', (t) => {
  const [from, one, other] = [open(t), open(t), open(t)];
  const sender = new BatchSender(4, 100);
  const receiver = new BatchReceiver(8, 100);
  // Twice: a batch leaves nothing behind for the next.
  for (const word of ['first', 'second']) {
    for (const [to, n] of [
      [one, 1],
      [other, 2],
      [one, 3],
    ] as const) {
      sender.add(to.endpoint, Buffer.from(`${word} ${n}`));
    }
    t.is(sender.count, 3);
    t.is(sender.flush(from.fd).size, 0);
    t.is(sender.count, 0);
    t.is(receiver.receive(one.fd), 2);
    t.deepEqual(text(receiver, 2), [`${word} 1`, `${word} 3`]);
    t.deepEqual([receiver.sender(0), receiver.sender(1)], [from.endpoint, from.endpoint]);
    t.is(receiver.receive(other.fd), 1);
    t.deepEqual(text(receiver, 1), [`${word} 2`]);
  }
});

test('receiving takes what there is room for, never blocks, and cuts what is too long', (t) => {
  const [from, to] = [open(t), open(t)];
  const sender = new BatchSender(3, 100);
  for (const word of ['hello', 'hi', 'good morning']) sender.add(to.endpoint, Buffer.from(word));
  sender.flush(from.fd);
  const receiver = new BatchReceiver(2, 4);
  t.is(receiver.receive(to.fd), 2);
  t.deepEqual(text(receiver, 2), ['hell', 'hi']);
  t.is(receiver.receive(to.fd), 1);
  t.deepEqual(text(receiver, 1), ['good']);
  t.is(receiver.receive(to.fd), 0);
});

test('a datagram that the kernel refuses costs only itself', (t) => {
  const [from, to] = [open(t), open(t)];
  const sender = new BatchSender(4, 100);
  const nobody = endpointOf(LOOPBACK, 0);
  for (const [endpoint, word] of [
    [nobody, 'a'],
    [to.endpoint, 'b'],
    [nobody, 'c'],
    [to.endpoint, 'd'],
  ] as const) {
    sender.add(endpoint, Buffer.from(word));
  }
  const failed = sender.flush(from.fd);
  t.deepEqual(
    [...failed].map(([index, { code }]) => [index, code]),
    [
      [0, 'EINVAL'],
      [2, 'EINVAL'],
    ],
  );
  const receiver = new BatchReceiver(4, 100);
  t.deepEqual(text(receiver, receiver.receive(to.fd)), ['b', 'd']);
});

test('a full batch takes no more, and no datagram that is too long', (t) => {
  const sender = new BatchSender(1, 4);
  const to = endpointOf(LOOPBACK, 9);
  t.throws(() => sender.add(to, Buffer.alloc(5)), { instanceOf: RangeError });
  sender.add(to, Buffer.alloc(4));
  t.true(sender.isFull);
  t.throws(() => sender.add(to, Buffer.alloc(1)), { instanceOf: RangeError });
});
