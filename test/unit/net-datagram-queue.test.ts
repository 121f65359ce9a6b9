import test, { type ExecutionContext } from 'ava';
import { DatagramQueue } from '../../src/net/datagram-queue.ts';
import { DatagramReceiver, type Endpoint, endpointOf } from '../../src/net/datagrams.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import {
  bindAddress,
  closeDescriptor,
  describeSocket,
  openUdp,
  type SystemCallError,
} from '../../src/net/libc.ts';
import { addressOf } from '../../src/net/memory.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;
const NOBODY = endpointOf(LOOPBACK, 0);
const BODIES = Buffer.from('abcdefgh');
const receiver = new DatagramReceiver(100);

/** A bound socket, where it can be reached, and what has come there as text; closed at the end of the test. */
function open(t: ExecutionContext) {
  const fd = openUdp();
  t.teardown(() => closeDescriptor(fd));
  bindAddress(fd, LOOPBACK, 0);
  const endpoint = endpointOf(LOOPBACK, describeSocket(fd)?.port ?? 0);
  const arrived = (from?: { readonly endpoint: Endpoint }) => {
    const texts: string[] = [];
    for (let datagram = receiver.receive(fd); datagram; datagram = receiver.receive(fd)) {
      if (from) t.is(datagram.sender, from.endpoint);
      texts.push(Buffer.from(datagram.bytes).toString());
    }
    return texts;
  };
  return { fd, endpoint, arrived };
}

/** Adds a datagram with this head and a body from the middle of `BODIES`. */
function add(queue: DatagramQueue, fd: number, to: Endpoint, head: string, errors: string[] = []): void {
  const owner = { sendFailed: ({ code }: SystemCallError) => errors.push(`${head}: ${code}`) };
  queue.add(fd, to, addressOf(BODIES) + 2, 3, owner).set(Buffer.from(head));
}

test('nothing leaves before flush, and then each datagram goes where it is to go', (t) => {
  const [from, one, other] = [open(t), open(t), open(t)];
  const queue = new DatagramQueue(4);
  // Twice: what was sent leaves nothing behind.
  for (const round of ['A', 'B']) {
    add(queue, from.fd, one.endpoint, `${round}001`);
    add(queue, from.fd, other.endpoint, `${round}002`);
    add(queue, from.fd, one.endpoint, `${round}003`);
    t.deepEqual(one.arrived(), []);
    queue.flush();
    t.deepEqual(one.arrived(from), [`${round}001cde`, `${round}003cde`]);
    t.deepEqual(other.arrived(from), [`${round}002cde`]);
    queue.flush();
    t.deepEqual(one.arrived(), []);
  }
});

test('a single datagram leaves too', (t) => {
  const [from, to] = [open(t), open(t)];
  const queue = new DatagramQueue(4);
  add(queue, from.fd, to.endpoint, 'solo');
  queue.flush();
  t.deepEqual(to.arrived(from), ['solocde']);
});

test('a queue that is full sends what it holds', (t) => {
  const [from, to] = [open(t), open(t)];
  const queue = new DatagramQueue(2);
  for (const head of ['0001', '0002', '0003']) add(queue, from.fd, to.endpoint, head);
  t.deepEqual(to.arrived(), ['0001cde', '0002cde']);
  queue.flush();
  t.deepEqual(to.arrived(), ['0003cde']);
});

test('a datagram from another socket has those before it sent', (t) => {
  const [one, other, to] = [open(t), open(t), open(t)];
  const queue = new DatagramQueue(4);
  add(queue, one.fd, to.endpoint, '0001');
  add(queue, other.fd, to.endpoint, '0002');
  t.deepEqual(to.arrived(one), ['0001cde']);
  queue.flush();
  t.deepEqual(to.arrived(other), ['0002cde']);
});

for (const heads of [['0001'], ['0001', '0002'], ['0001', '0002', '0003', '0004']]) {
  test(`of ${heads.length}, a datagram that the kernel refuses costs only itself, and its owner is told`, (t) => {
    const [from, to] = [open(t), open(t)];
    const queue = new DatagramQueue(4);
    const errors: string[] = [];
    const isRefused = (head: string) => Number(head) % 2 === 1;
    for (const head of heads) add(queue, from.fd, isRefused(head) ? NOBODY : to.endpoint, head, errors);
    queue.flush();
    t.deepEqual(
      errors,
      heads.filter(isRefused).map((head) => `${head}: EINVAL`),
    );
    t.deepEqual(
      to.arrived(),
      heads.filter((head) => !isRefused(head)).map((head) => `${head}cde`),
    );
  });
}
