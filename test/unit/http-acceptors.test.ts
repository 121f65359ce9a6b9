import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { acceptMore } from '../../src/http/acceptors.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { openTcpListener } from '../../src/net/tcp.ts';

/** A server on a free loopback port that answers `yes`. */
async function serve(t: ExecutionContext) {
  const fd = openTcpListener(parseIpv4('127.0.0.1') as Ipv4, 0, 65536);
  const server = createServer((_, response) => response.end('yes'));
  await once(server.listen({ fd }), 'listening');
  const stop = acceptMore(server, fd);
  t.teardown(() => {
    stop();
    server.closeAllConnections();
    server.close();
  });
  return { server, stop, port: (server.address() as AddressInfo).port };
}

test('many connections are accepted in one turn of the event loop', async (t) => {
  const { server, port } = await serve(t);
  let accepted = 0;
  server.on('connection', () => accepted++);
  const clients = Array.from({ length: 64 }, () => connect(port, '127.0.0.1'));
  t.teardown(() => clients.map((client) => client.destroy()));
  // Connections on loopback are made at once, by the kernel: they wait to be accepted.
  let turns = 0;
  for (; accepted < 64; turns++) await setImmediate();
  t.true(turns < 32, `${turns} turns`);
});

test('whoever was accepted is answered, one as the other', async (t) => {
  const { port } = await serve(t);
  const answers = Array.from({ length: 40 }, async () => (await fetch(`http://127.0.0.1:${port}`)).text());
  t.deepEqual(new Set(await Promise.all(answers)), new Set(['yes']));
});

test('once closed, the server takes nobody any more', async (t) => {
  const { server, stop, port } = await serve(t);
  stop();
  server.close();
  const client = connect(port, '127.0.0.1');
  t.is((await once(client, 'error'))[0].code, 'ECONNREFUSED');
});
