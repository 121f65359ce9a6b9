import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { DhcpChannel } from '../../src/dhcp/channel.ts';
import { addressOfEndpoint, portOfEndpoint } from '../../src/net/datagrams.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { bindAddress, openUdp, setReceiveBuffer } from '../../src/net/libc.ts';

const LOOPBACK = parseIpv4('127.0.0.1') as Ipv4;

/** A socket on the loopback interface, its descriptor and its port. */
async function open(): Promise<{ socket: Socket; fd: number; port: number }> {
  const fd = openUdp();
  setReceiveBuffer(fd, 4 * 1024 * 1024);
  bindAddress(fd, LOOPBACK, 0);
  const socket = createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
  return { socket, fd, port: socket.address().port };
}

/** A channel, and somebody who talks to it. */
async function setUp(t: ExecutionContext) {
  const [broadcast, unicast, client] = await Promise.all([open(), open(), open()]);
  const channel = new DhcpChannel({
    broadcast: broadcast.socket,
    unicast: unicast.socket,
    descriptors: { broadcast: broadcast.fd, unicast: unicast.fd },
  });
  t.teardown(() => {
    channel.close();
    client.socket.close();
  });
  return { channel, broadcast, unicast, client: client.socket, port: client.port };
}

/** The next messages of a socket, as text. */
async function messages(socket: Socket, count: number): Promise<string[]> {
  const found: string[] = [];
  await new Promise<void>((resolve) => {
    socket.on('message', (bytes) => {
      found.push(bytes.toString());
      if (found.length === count) resolve();
    });
  });
  return found;
}

test('hundreds of datagrams that wait are all handed over, in order, with what they came by', async (t) => {
  const { channel, broadcast, unicast, client, port } = await setUp(t);
  const count = 600;
  const sent = Array.from({ length: count }, (_, n) => `${n}`);
  for (const word of sent) client.send(word, unicast.port, '127.0.0.1');
  client.send('to all', broadcast.port, '127.0.0.1');
  const received: string[] = [];
  const wide: string[] = [];
  await new Promise<void>((resolve) => {
    channel.listen((bytes, source, isUnicast) => {
      (isUnicast ? received : wide).push(bytes.toString());
      t.is(`${formatIpv4(addressOfEndpoint(source))}:${portOfEndpoint(source)}`, `127.0.0.1:${port}`);
      if (received.length === count && wide.length === 1) resolve();
    });
  });
  t.deepEqual(received, sent);
  t.deepEqual(wide, ['to all']);
});

test('replies of one turn all arrive, more than fit into a batch too, from the unicast socket', async (t) => {
  const { channel, unicast, client, port } = await setUp(t);
  const words = Array.from({ length: 150 }, (_, n) => `${n}`);
  let isTold = 0;
  const arrived = messages(client, words.length);
  const from = once(client, 'message');
  for (const word of words) {
    channel.send({ bytes: Buffer.from(word), address: LOOPBACK, port }, (error) => {
      t.is(error, undefined);
      isTold += 1;
    });
  }
  t.deepEqual(await arrived, words);
  t.is(isTold, words.length);
  t.is((await from)[1].port, unicast.port);
});

test('whoever sends is told of what the kernel refuses, and the others leave', async (t) => {
  const { channel, client, port } = await setUp(t);
  const arrived = messages(client, 1);
  const refused = new Promise<Error | undefined>((resolve) => {
    channel.send({ bytes: Buffer.from('to nobody'), address: LOOPBACK, port: 0 }, resolve);
  });
  channel.send({ bytes: Buffer.from('hello'), address: LOOPBACK, port }, () => {});
  t.is(((await refused) as NodeJS.ErrnoException).code, 'EINVAL');
  t.deepEqual(await arrived, ['hello']);
});

test('what was sent before the end leaves, and nothing is taken afterwards', async (t) => {
  const { channel, unicast, client, port } = await setUp(t);
  const arrived = messages(client, 1);
  for (const word of ['one', 'two', 'three']) client.send(word, unicast.port, '127.0.0.1');
  const received: string[] = [];
  await new Promise<void>((resolve) => {
    channel.listen((bytes) => {
      received.push(bytes.toString());
      channel.send({ bytes: Buffer.from('bye'), address: LOOPBACK, port }, () => {});
      channel.close();
      resolve();
    });
  });
  t.deepEqual(await arrived, ['bye']);
  t.deepEqual(received, ['one']);
});
