import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import fc from 'fast-check';
import { error, fetchPlain, rawClient, serveFiles } from '../support/tftp.ts';

const PACKETS = 5_000;
const BATCH = 50;
const file = Buffer.alloc(3_000, 'rackseed ');

/** The first datagram a real client sends, given the command line for a port. */
async function capture(commandLine: (port: number) => readonly string[]): Promise<Buffer> {
  const socket = dgram.createSocket('udp4');
  const listening = once(socket, 'listening');
  socket.bind(0, '127.0.0.1');
  await listening;
  const arrival = once(socket, 'message');
  const [program = '', ...args] = commandLine(socket.address().port);
  const client = spawn(program, args, { stdio: 'ignore' });
  const [datagram]: Buffer[] = await arrival;
  client.kill('SIGKILL');
  await once(client, 'exit');
  socket.close();
  if (!datagram) throw new Error(`${program} sent nothing`);
  return datagram;
}

const url = (port: number) => `tftp://127.0.0.1:${port}/file`;
const captures: readonly ((port: number) => readonly string[])[] = [
  (port) => ['curl', '-s', '-o', '/dev/null', url(port)],
  (port) => ['curl', '-s', '-o', '/dev/null', '--tftp-no-options', url(port)],
  (port) => ['curl', '-s', '-T', '/etc/hostname', url(port)],
  (port) => ['tftp', '-m', 'netascii', '127.0.0.1', `${port}`, '-c', 'get', 'file', '/dev/null'],
  (port) => ['busybox', 'tftp', '-b', '1468', '-g', '-r', 'file', '-l', '/dev/null', '127.0.0.1', `${port}`],
  (port) => [
    ...['atftp', '--option', 'windowsize 16', '--option', 'blksize 1468', '--option', 'timeout 3'],
    ...['--get', '-r', 'file', '-l', '/dev/null', '127.0.0.1', `${port}`],
  ],
];

/** One small injury to a datagram. */
const injury: fc.Arbitrary<(datagram: Buffer) => Buffer> = fc
  .record({
    kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'repeat', 'append'),
    at: fc.nat(200),
    byte: fc.constantFrom(0, 1, 2, 5, 0x2e, 0x2f, 0x5c, 0x25, 0x39, 0x7f, 0xff),
    bytes: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ kind, at, byte, bytes }) => (datagram: Buffer) => {
    const place = datagram.length === 0 ? 0 : at % datagram.length;
    const [head, tail] = [datagram.subarray(0, place), datagram.subarray(place)];
    switch (kind) {
      case 'flip':
        return Buffer.concat([
          head,
          Buffer.from(tail.subarray(0, 1)).map((old) => old ^ (1 << (at % 8))),
          tail.subarray(1),
        ]);
      case 'set':
        return Buffer.concat([head, Buffer.from([byte]), tail.subarray(1)]);
      case 'cut':
        return head;
      case 'insert':
        return Buffer.concat([head, bytes, tail]);
      case 'repeat':
        return Buffer.concat([datagram, tail]);
      default:
        return Buffer.concat([datagram, bytes]);
    }
  });

for (const singlePort of [false, true]) {
  const where = singlePort ? 'a single port' : 'a port per transfer';
  test.serial(
    `${PACKETS} injured requests to ${where}: each is accounted for, and the server lives`,
    async (t) => {
      const { port, events, until, server } = await serveFiles(t, { file }, { singlePort });
      const originals = await Promise.all(captures.map(capture));
      const injured = fc.sample(
        fc
          .tuple(fc.constantFrom(...originals), fc.array(injury, { minLength: 1, maxLength: 4 }))
          .map(([original, injuries]) => injuries.reduce((datagram, injure) => injure(datagram), original)),
        { numRuns: PACKETS, seed: 1350 },
      );
      const count = (...types: string[]) => events.filter((event) => types.includes(event.type)).length;

      for (let sent = 0; sent < PACKETS; sent += BATCH) {
        const clients = await Promise.all(Array.from({ length: BATCH }, () => rawClient(t)));
        clients.forEach((client, index) => {
          // Whatever is answered is broken off, so that the next batch finds room.
          void client.receive().then((reply) => {
            if (!reply.text.startsWith('ERROR')) client.send(error(0, 'enough'), reply.port);
          });
          client.send(injured[sent + index] ?? Buffer.alloc(0), port);
        });
        await until(() => count('started', 'refused', 'dropped') === sent + BATCH && server.transfers === 0);
        for (const client of clients) client.close();
      }

      t.is(count('started', 'refused', 'dropped'), PACKETS);
      t.is(count('started'), count('failed', 'probe', 'done'));
      for (const type of ['started', 'refused', 'dropped'])
        t.true(count(type) > 100, `${type}: ${count(type)}`);
      t.deepEqual(await fetchPlain(await rawClient(t), port, 'file'), file);
    },
  );
}
