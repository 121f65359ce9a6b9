import { once } from 'node:events';
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createTestApp } from '../support/provisioning.ts';

const MIB = 1 << 20;
const REQUESTS = 5;

/** Asks for the same large file several times at once and never reads an answer. */
async function askAndStall(t: ExecutionContext, memory: number) {
  const server = await createTestApp(t, { memory });
  await writeFile(join(server.folder, 'image'), Buffer.alloc(32 * MIB, 1));
  const { port } = new URL(await server.listen());
  const socket = connect(Number(port), '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  socket.write('GET /assets/image HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(REQUESTS));
  await server.event('asset-progress', REQUESTS);
  return { ...server, socket };
}

/** How many descriptors of this process are for files below a folder. */
async function openFiles(folder: string): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder)).length;
}

for (const [source, memory] of [
  ['memory', 256 * MIB],
  ['disk', 0],
] as const) {
  test(`a client that asks for several files at once from ${source} and goes away leaves nothing behind`, async (t) => {
    const { socket, event, events, folder } = await askAndStall(t, memory);
    socket.destroy();
    await event('asset', REQUESTS);
    const ends = events.filter(({ type }) => type === 'asset');
    t.is(ends.length, REQUESTS);
    t.true(ends.every((end) => end.type === 'asset' && !end.complete));
    // What is read into memory is read to its end.
    while ((await openFiles(folder)) > 0) await setImmediate();
  });
}

test('several requests at once are answered one after another', async (t) => {
  const server = await createTestApp(t);
  await writeFile(join(server.folder, 'one'), 'first');
  await writeFile(join(server.folder, 'two'), 'second');
  const { port } = new URL(await server.listen());
  const socket = connect(Number(port), '127.0.0.1');
  const get = (name: string, more = '') => `GET /assets/${name} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  socket.write(get('one') + get('two', 'Connection: close\r\n'));
  let text = '';
  for await (const chunk of socket) text += chunk;
  t.regex(text, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nfirstHTTP\/1\.1 200 [\s\S]*\r\n\r\nsecond$/);
});
