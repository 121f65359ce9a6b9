import concurrentTest from 'ava';
import { ack, ask, error, rawClient, request, rrq, serveFiles } from '../support/tftp.ts';

// A server has a thread of its own: dozens at once would make the clients here slower than a server's patience.
const test = concurrentTest.serial;

const file = Buffer.from('0123456789'.repeat(150));
const files = { file, 'boot/ipxe.efi': file, 'lines.txt': Buffer.from('a\nb\n'), empty: Buffer.alloc(0) };

test('a file is sent block by block from a new port, and the last ACK is reported as done', async (t) => {
  const { server, port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('file'), port);
  const first = await client.receive();
  t.is(first.text, 'DATA 1 (512)');
  t.not(first.port, port);
  t.is(server.transfers, 1);
  t.is(await ask(client, first.port, ack(1)), 'DATA 2 (512)');
  t.is(await ask(client, first.port, ack(2)), 'DATA 3 (476)');
  client.send(ack(3), first.port);
  const [done] = await waitFor('done');
  t.deepEqual(
    { ...done, milliseconds: 0 },
    {
      type: 'done',
      client: { address: '127.0.0.1', port: client.port },
      file: 'file',
      bytes: 1500,
      milliseconds: 0,
      retransmissions: 0,
    },
  );
  t.is(server.transfers, 0);
});

test('with singlePort every answer comes from the request port', async (t) => {
  const { port, waitFor } = await serveFiles(t, files, { singlePort: true });
  const [one, two] = [await rawClient(t), await rawClient(t)];
  one.send(rrq('file'), port);
  two.send(rrq('empty'), port);
  const replies = [await one.receive(), await two.receive()];
  t.deepEqual(
    replies.map((reply) => [reply.text, reply.port]),
    [
      ['DATA 1 (512)', port],
      ['DATA 1 (0)', port],
    ],
  );
  two.send(ack(1), port);
  await waitFor('done');
  t.is(await ask(one, port, ack(1)), 'DATA 2 (512)');
});

for (const [asked, answer] of [
  [['tsize', '0'], 'OACK tsize=1500'],
  [['blksize', '1468'], 'OACK blksize=1468'],
  [['BLKSIZE', '9000', 'Tsize', '0', 'vendor', '1'], 'OACK BLKSIZE=1468 Tsize=1500'],
  [['windowsize', '64', 'timeout', '3'], 'OACK windowsize=32 timeout=3'],
  [['vendor', '1', 'blksize', 'big'], 'DATA 1 (512)'],
] as const) {
  test(`options ${asked.join(' ')} are answered by ${answer}`, async (t) => {
    const { port } = await serveFiles(t, files);
    t.is(await ask(await rawClient(t), port, rrq('file', 'octet', ...asked)), answer);
  });
}

test('with windowsize 2 two blocks come for every ACK', async (t) => {
  const { port } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('file', 'octet', 'windowsize', '2'), port);
  const { port: tid } = await client.receive();
  t.is(await ask(client, tid, ack(0)), 'DATA 1 (512)');
  t.is((await client.receive()).text, 'DATA 2 (512)');
  t.is(await ask(client, tid, ack(1)), 'DATA 2 (512)', 'block 2 was lost');
  t.is((await client.receive()).text, 'DATA 3 (476)');
});

test('in netascii the size announced is the size sent', async (t) => {
  const { port } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('lines.txt', 'netascii', 'tsize', '0'), port);
  const { text, port: tid } = await client.receive();
  t.is(text, 'OACK tsize=6');
  t.is(await ask(client, tid, ack(0)), 'DATA 1 (6)');
});

test('a file too large to be text is refused in netascii, not in octet', async (t) => {
  const { port, waitFor } = await serveFiles(t, { image: Buffer.alloc((16 << 20) + 1) });
  t.is(
    await ask(await rawClient(t), port, rrq('image', 'netascii')),
    'ERROR 4 this file is too large for netascii, use octet (binary) mode',
  );
  t.is((await waitFor('refused'))[0]?.reason, 'mode');
  t.is(await ask(await rawClient(t), port, rrq('image', 'octet')), 'DATA 1 (512)');
});

for (const code of [0, 8]) {
  test(`asking for tsize and leaving with ERROR ${code} is a probe, not a failure`, async (t) => {
    const { port, waitFor, events, server } = await serveFiles(t, files);
    const client = await rawClient(t);
    client.send(rrq('file', 'octet', 'tsize', '0', 'blksize', '1468'), port);
    const { port: tid } = await client.receive();
    client.send(error(code, 'User aborted the transfer'), tid);
    const [probe] = await waitFor('probe');
    t.is(probe?.size, 1500);
    t.deepEqual(
      events.map((event) => event.type),
      ['started', 'probe'],
    );
    t.is(server.transfers, 0);
  });
}

test('a client that breaks off in the middle is a failure, its words escaped', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('file'), port);
  const { port: tid } = await client.receive();
  t.is(await ask(client, tid, ack(1)), 'DATA 2 (512)');
  client.send(error(3, 'disk\nfull'), tid);
  const [failed] = await waitFor('failed');
  t.is(failed?.reason, 'aborted');
  t.is(failed?.detail, 'the client sent ERROR 3 "disk\\x0afull"');
  t.is(failed?.bytes, 512);
});

test('a packet from a stranger gets ERROR 5, and the transfer goes on', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  const stranger = await rawClient(t);
  client.send(rrq('file'), port);
  const { port: tid } = await client.receive();
  t.is(await ask(stranger, tid, ack(1)), 'ERROR 5 this port belongs to another transfer');
  stranger.send(error(0, 'die'), tid);
  t.is(await ask(stranger, tid, rrq('file')), 'ERROR 5 this port belongs to another transfer');
  t.is(await ask(client, tid, ack(1)), 'DATA 2 (512)');
  t.is(await ask(client, tid, ack(2)), 'DATA 3 (476)');
  client.send(ack(3), tid);
  await waitFor('done');
  t.true(stranger.idle, 'an ERROR is never answered');
});

test('a block without an ACK comes again', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('empty'), port);
  t.is((await client.receive()).text, 'DATA 1 (0)');
  const { text, port: tid } = await client.receive();
  t.is(text, 'DATA 1 (0)');
  client.send(ack(1), tid);
  t.is((await waitFor('done'))[0]?.retransmissions, 1);
});

test('a repeated request belongs to the transfer it began', async (t) => {
  const { port, server, events } = await serveFiles(t, files);
  const client = await rawClient(t);
  client.send(rrq('file'), port);
  const first = await client.receive();
  client.send(rrq('file'), port);
  const second = await client.receive();
  t.deepEqual([second.text, second.port], ['DATA 1 (512)', first.port]);
  t.is(server.transfers, 1);
  t.is(events.length, 1);
});

test('another request from the same port ends the one before', async (t) => {
  const { port, events, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  t.is(await ask(client, port, rrq('file', 'octet', 'tsize', '0')), 'OACK tsize=1500');
  t.is(await ask(client, port, rrq('file')), 'DATA 1 (512)');
  t.is(await ask(client, port, rrq('empty')), 'DATA 1 (0)');
  await waitFor('started', 3);
  t.deepEqual(
    events.map((event) => event.type),
    ['started', 'probe', 'started', 'failed', 'started'],
  );
});

test('a missing file is refused at once, with a reason people can read', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  t.is(await ask(client, port, rrq('\\pxelinux.0\xff')), 'ERROR 1 no such file: pxelinux.0');
  const [refused] = await waitFor('refused');
  t.is(refused?.reason, 'not-found');
  t.is(refused?.file, 'pxelinux.0');
  t.is(refused?.detail, 'no such file: pxelinux.0 (asked for as "\\x5cpxelinux.0\\xff")');
});

test('a name is looked up in its normal form', async (t) => {
  const { port } = await serveFiles(t, files);
  t.is(await ask(await rawClient(t), port, rrq('\\boot\\.\\ipxe.efi\xff')), 'DATA 1 (512)');
});

for (const [what, datagram, answer, reason] of [
  ['a write request', request(2, 'file'), 'ERROR 2 this server is read-only', 'write'],
  ['mode mail', rrq('file', 'mail'), 'ERROR 4 no transfer mode "mail", use octet', 'mode'],
  ['a mode of junk', rrq('file', '\x01\xff'), 'ERROR 4 no transfer mode "\\x01\\xff", use octet', 'mode'],
  ['..\\..\\etc\\passwd', rrq('..\\..\\etc\\passwd'), 'ERROR 2 file name contains ".."', 'name'],
  ['%2e%2e/etc/passwd', rrq('%2e%2e/etc/passwd'), 'ERROR 2 file name contains ".."', 'name'],
  ['/../etc/passwd', rrq('/../etc/passwd'), 'ERROR 2 file name contains ".."', 'name'],
  ['\\\\server\\share\\..', rrq('\\\\server\\share\\..'), 'ERROR 2 file name contains ".."', 'name'],
  ['an empty name', rrq(''), 'ERROR 2 the request names no file', 'name'],
  ['a name of 1000 bytes', rrq('a'.repeat(1000)), 'ERROR 2 file name longer than 512 bytes', 'name'],
] as const) {
  test(`refused without asking for a file: ${what}`, async (t) => {
    const { port, waitFor } = await serveFiles(t, files, {
      backend: {
        find: async () => {
          t.fail('the backend was asked');
          return undefined;
        },
      },
    });
    t.is(await ask(await rawClient(t), port, datagram), answer);
    t.is((await waitFor('refused'))[0]?.reason, reason);
  });
}

test('what is no request gets no answer, but is counted', async (t) => {
  const { port, events } = await serveFiles(t, files);
  const client = await rawClient(t);
  const nonsense = [
    Buffer.from('hello'),
    Buffer.alloc(1),
    Buffer.from('\0\x01file'),
    Buffer.from('\0\x07ab'),
  ];
  const unexpected = [
    ack(1),
    error(0, 'x'),
    Buffer.from('\0\x03\0\x01data'),
    Buffer.from('\0\x06tsize\x001\0'),
  ];
  for (const datagram of [...nonsense, ...unexpected]) client.send(datagram, port);
  t.is(await ask(client, port, rrq('missing')), 'ERROR 1 no such file: missing');
  t.deepEqual(
    events.map((event) => ('reason' in event ? event.reason : event.type)),
    [...nonsense.map(() => 'malformed'), ...unexpected.map(() => 'unexpected-opcode'), 'not-found'],
  );
});

test('when the backend fails, the client gets no details but the observer does', async (t) => {
  const { port, waitFor } = await serveFiles(t, files, {
    backend: { find: () => Promise.reject(new Error('EIO: /secret/path')) },
  });
  t.is(await ask(await rawClient(t), port, rrq('file')), "ERROR 0 the server can't send this file now");
  const [refused] = await waitFor('refused');
  t.is(refused?.reason, 'error');
  t.is(refused?.detail, 'EIO: /secret/path');
});

test('above maxTransfers a request gets no answer, and is served when it comes again after another has ended', async (t) => {
  const { port, waitFor } = await serveFiles(t, files, { maxTransfers: 2 });
  const clients = [await rawClient(t), await rawClient(t), await rawClient(t)] as const;
  clients[0].send(rrq('file'), port);
  const first = await clients[0].receive();
  t.is(first.text, 'DATA 1 (512)');
  t.is(await ask(clients[1], port, rrq('file')), 'DATA 1 (512)');
  clients[2].send(rrq('file'), port);
  const [dropped] = await waitFor('dropped');
  t.is(dropped?.reason, 'busy');
  t.is(dropped?.detail, '2 transfers run already');
  clients[0].send(error(0, 'enough'), first.port);
  await waitFor('failed');
  t.is(await ask(clients[2], port, rrq('file')), 'DATA 1 (512)');
});

test('when the system has no descriptors or memory left, a request gets no answer and can come again', async (t) => {
  const short = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  let tries = 0;
  const { port, server, waitFor } = await serveFiles(t, files, {
    backend: { find: async () => (tries++ === 0 ? Promise.reject(short) : file) },
  });
  const client = await rawClient(t);
  client.send(rrq('file'), port);
  const [dropped] = await waitFor('dropped');
  t.is(dropped?.reason, 'resources');
  t.is(dropped?.detail, 'EMFILE: too many open files');
  t.is(server.transfers, 0);
  t.is(await ask(client, port, rrq('file')), 'DATA 1 (512)');
});

test('one client address cannot take every transfer', async (t) => {
  const { port, waitFor } = await serveFiles(t, files, { maxTransfersPerClient: 1 });
  t.is(await ask(await rawClient(t), port, rrq('file')), 'DATA 1 (512)');
  (await rawClient(t)).send(rrq('file'), port);
  t.is((await waitFor('dropped'))[0]?.reason, 'client-busy');
  t.is(await ask(await rawClient(t, '127.0.0.2'), port, rrq('file')), 'DATA 1 (512)');
});
