import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import concurrentTest from 'ava';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { describeSocket } from '../../src/net/libc.ts';
import { createTftpServer } from '../../src/tftp/server.ts';
import { openUdpSocket } from '../../src/tftp/socket.ts';
import { ack, ask, fetchPlain, rawClient, rrq, sendFromPortZero, serveFiles } from '../support/tftp.ts';

// A server has a thread of its own: several at once would make the clients here slower than a server's patience.
const test = concurrentTest.serial;
const run = promisify(execFile);

const file = Buffer.from('0123456789'.repeat(150));
const files = { file, empty: Buffer.alloc(0) };

test('clients that ask for whole frames at once share a port, and each gets its own file', async (t) => {
  const letters = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, Buffer.alloc(1_300, name)]));
  const { port, waitFor } = await serveFiles(t, letters);
  const clients = await Promise.all(
    Object.keys(letters).map(async (name) => ({ name, client: await rawClient(t) })),
  );
  for (const { name, client } of clients) client.send(rrq(name), port);
  const ports = new Set<number>();
  for (const block of [1, 2, 3]) {
    const replies = await Promise.all(clients.map(({ client }) => client.receive()));
    clients.forEach(({ name, client }, index) => {
      const { datagram, port: tid } = replies[index] as (typeof replies)[number];
      t.is(datagram.readUInt16BE(2), block);
      t.deepEqual(datagram.subarray(4), letters[name]?.subarray((block - 1) * 512, block * 512));
      ports.add(tid);
      client.send(ack(block), tid);
    });
  }
  t.is(ports.size, 1);
  await waitFor('done', 3);
});

for (const [what, ...options] of [
  ['windows', 'windowsize', '2'],
  ['jumbo frames', 'blksize', '8000'],
] as const) {
  test(`a transfer in ${what} has a port of its own`, async (t) => {
    const { port } = await serveFiles(t, files, { maxBlksize: 8000 });
    const replies = [];
    for (const asked of [rrq('file'), rrq('file', 'octet', ...options), rrq('file')]) {
      const client = await rawClient(t);
      client.send(asked, port);
      replies.push(await client.receive());
    }
    const [first, other, last] = replies.map((reply) => reply.port);
    t.is(last, first);
    t.not(other, first);
  });
}

test("what comes late from a client's transfer before is not answered, and its next one has another port", async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const [client, neighbour] = [await rawClient(t), await rawClient(t)];
  client.send(rrq('empty'), port);
  const { port: before } = await client.receive();
  neighbour.send(rrq('file'), port);
  t.is((await neighbour.receive()).port, before);
  client.send(ack(1), before);
  await waitFor('done');

  client.send(rrq('file'), port);
  const { text, port: after } = await client.receive();
  t.is(text, 'DATA 1 (512)');
  t.not(after, before);
  client.send(ack(1), before);
  t.is(await ask(client, after, ack(1)), 'DATA 2 (512)', 'no ERROR came, and no block for the late ACK');
});

/** UDP sockets open on `address`, which no other test uses. */
async function socketsOn(address: string): Promise<number> {
  const hex = Buffer.from(address.split('.').reverse().map(Number)).toString('hex').toUpperCase();
  return (await readFile('/proc/net/udp', 'latin1')).split(` ${hex}:`).length - 1;
}

for (const [singlePort, address] of [
  [false, '127.0.69.1'],
  [true, '127.0.69.2'],
] as const) {
  const where = singlePort ? 'from a single port' : 'from ports of their own';
  test(`200 transfers at once ${where}, and no socket is left behind`, async (t) => {
    const big = Buffer.alloc(30_000, 'rackseed ');
    const { port, waitFor, server } = await serveFiles(
      t,
      { big },
      { address, singlePort, maxTransfersPerClient: 200 },
    );
    const clients = await Promise.all(Array.from({ length: 200 }, () => rawClient(t)));
    const fetched = await Promise.all(clients.map((client) => fetchPlain(client, port, 'big', address)));
    t.true(fetched.every((bytes) => bytes.equals(big)));
    await waitFor('done', 200);
    t.is(server.transfers, 0);
    t.is(await socketsOn(address), 1);
  });
}

test('stop tells the clients, closes every socket and lets the address go', async (t) => {
  const address = '127.0.69.3';
  const { server, port, events } = await serveFiles(t, files, { address });
  const client = await rawClient(t);
  client.send(rrq('file'), port, address);
  t.is((await client.receive()).text, 'DATA 1 (512)');
  await server.stop();
  t.is((await client.receive()).text, 'ERROR 0 the server is shutting down');
  t.deepEqual(
    events.map((event) => ('reason' in event ? event.reason : event.type)),
    ['started', 'shutdown'],
  );
  t.is(await socketsOn(address), 0);
  t.throws(() => server.address(), { message: /not running/ });
});

test('a request that waits for the backend is answered by stop', async (t) => {
  let release = (_bytes: Uint8Array) => {};
  let onAsked = () => {};
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve;
  });
  const { server, port, events } = await serveFiles(t, files, {
    backend: {
      find: () => {
        onAsked();
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    },
  });
  const client = await rawClient(t);
  client.send(rrq('file'), port);
  await asked;
  t.is(server.transfers, 1);
  await server.stop();
  release(file);
  t.is((await client.receive()).text, 'ERROR 0 the server is shutting down');
  t.is(server.transfers, 0);
  t.deepEqual(
    events.map((event) => event.type),
    ['refused'],
  );
});

test('after stop nothing keeps the process alive, and it holds no more descriptors than before', async (t) => {
  const script = `
    import { readdirSync } from 'node:fs';
    import { ack, fetchPlain, rawClient, rrq, serveFiles } from ${JSON.stringify(import.meta.resolve('../support/tftp.ts'))};
    const teardowns = [];
    const t = { teardown: (end) => teardowns.push(end) };
    const round = async () => {
      const { port, server } = await serveFiles(t, { file: Buffer.alloc(5000) });
      const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(t)));
      await Promise.all(clients.map((client) => fetchPlain(client, port, 'file')));
      clients[0].send(rrq('file'), port);
      await clients[0].receive();
      await server.stop();
      for (const end of teardowns.splice(0)) await end();
      await new Promise((resolve) => setImmediate(resolve));
    };
    await round();
    const before = readdirSync('/proc/self/fd').length;
    await round();
    console.log(readdirSync('/proc/self/fd').length - before);
  `;
  const { stdout } = await run(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], {
    timeout: 30_000,
  });
  t.is(stdout, '0\n');
});

test('a port that is taken is explained', async (t) => {
  const { port } = await serveFiles(t, files);
  const second = createTftpServer({
    address: '127.0.0.1',
    port,
    maxBlksize: 1468,
    backend: { find: async () => undefined },
    observe: () => {},
  });
  await t.throwsAsync(second.start(), {
    message: new RegExp(
      `^cannot listen on UDP port ${port} \\(TFTP\\) on 127\\.0\\.0\\.1: \\S+ \\(pid ${process.pid}\\) already does; stop it first$`,
    ),
  });
});

test('an address that no interface has is explained', async (t) => {
  const server = createTftpServer({
    address: '192.0.2.254',
    port: 0,
    maxBlksize: 1468,
    backend: { find: async () => undefined },
    observe: () => {},
  });
  await t.throwsAsync(server.start(), { message: /no interface of this host has that address/ });
});

test('maxBlksize must be a block size', (t) => {
  const backend = { find: async () => undefined };
  for (const maxBlksize of [7, 65465, 1468.5, Number.NaN]) {
    t.throws(() => createTftpServer({ address: '127.0.0.1', maxBlksize, backend, observe: () => {} }), {
      instanceOf: RangeError,
    });
  }
});

test('a socket that is handed in is used, and a datagram from port 0 does no harm', async (t) => {
  const address = '127.0.69.4';
  const socket = openUdpSocket(parseIpv4(address) as Ipv4, 0);
  const { port, server, waitFor } = await serveFiles(t, files, { address, socket });
  t.is(describeSocket(socket)?.port, port);
  sendFromPortZero(rrq('file'), parseIpv4(address) as Ipv4, port);
  const [dropped] = await waitFor('dropped');
  t.deepEqual(dropped, { type: 'dropped', client: { address: '127.0.0.1', port: 0 }, reason: 'malformed' });
  t.deepEqual(await fetchPlain(await rawClient(t), port, 'file', address), file);
  await server.stop();
  t.is(await socketsOn(address), 0, 'the server has closed it');
});
