import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Worker } from 'node:worker_threads';
import concurrentTest from 'ava';
import { ack, fetchPlain, rawClient, rrq, serveFiles } from '../support/tftp.ts';

// A server has a thread of its own, and these tests watch how threads come and go.
const test = concurrentTest.serial;
const run = promisify(execFile);

const file = Buffer.from('0123456789'.repeat(150));
const files = { file };

/** Starts a server and gives the thread that serves as well. */
async function serveWithThread(...args: Parameters<typeof serveFiles>) {
  const worker: Promise<Worker[]> = once(process, 'worker');
  const served = await serveFiles(...args);
  const [thread] = await worker;
  if (!thread) throw new Error('the server started no thread');
  return { ...served, thread };
}

const openDescriptors = () => readdirSync('/proc/self/fd').length;

test('a lookup that takes its time holds up no other transfer', async (t) => {
  let answerSlow = (_contents: Uint8Array) => {};
  const slow = new Promise<Uint8Array>((resolve) => {
    answerSlow = resolve;
  });
  const { port, waitFor, server } = await serveFiles(t, files, {
    backend: { find: (name) => (name === 'slow' ? slow : Promise.resolve(file)) },
  });
  const patient = await rawClient(t);
  patient.send(rrq('slow'), port);
  const clients = await Promise.all(Array.from({ length: 10 }, () => rawClient(t)));
  for (const client of clients) t.deepEqual(await fetchPlain(client, port, 'file'), file);
  await waitFor('done', 10);
  t.is(server.transfers, 1);
  answerSlow(Buffer.from('at last'));
  t.is((await patient.receive()).text, 'DATA 1 (7)');
});

test('a transfer goes on while the thread that answers DHCP is busy', async (t) => {
  const { port, waitFor } = await serveFiles(t, { big: Buffer.alloc(4 << 20, 'rackseed ') });
  const options = ['-sS', '-o', '/dev/null', '--tftp-blksize', '1468'];
  const curl = spawn('curl', [...options, `tftp://127.0.0.1:${port}/big`]);
  const exited = once(curl, 'exit');
  await waitFor('started');
  const deadline = performance.now() + 20_000;
  const isRunning = () => !/\) Z /.test(readFileSync(`/proc/${curl.pid}/stat`, 'latin1'));
  // Not one event is taken in this loop, curl's end included.
  while (isRunning() && performance.now() < deadline) {}
  t.false(isRunning());
  t.deepEqual(await exited, [0, null]);
  await waitFor('done');
});

test('a file that nobody else keeps is kept until it has been sent', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const big = randomBytes(2 << 20);
  const kept: WeakRef<Uint8Array>[] = [];
  const { port, waitFor } = await serveFiles(
    t,
    {},
    {
      backend: {
        find: async () => {
          const fresh = Buffer.from(big);
          kept.push(new WeakRef(fresh));
          return fresh;
        },
      },
    },
  );
  const options = ['-sS', '-o', '-', '--tftp-blksize', '512'];
  const fetched = run('curl', [...options, `tftp://127.0.0.1:${port}/big`], {
    encoding: 'buffer',
    maxBuffer: 4 << 20,
  });
  await waitFor('started');
  for (let count = 0; count < 3; count++) {
    collectGarbage();
    await nextTurn();
  }
  t.true(kept[0]?.deref() !== undefined);
  t.true((await fetched).stdout.equals(big));
  await waitFor('done');
  await nextTurn();
  collectGarbage();
  t.true(kept[0]?.deref() === undefined, 'and no longer');
});

test('when all requests end with stop, each is reported before stop resolves', async (t) => {
  const { port, server, events, waitFor } = await serveFiles(t, files, { maxTransfersPerClient: 100 });
  const clients = await Promise.all(Array.from({ length: 100 }, () => rawClient(t)));
  for (const client of clients) client.send(rrq('file'), port);
  await waitFor('started', 100);
  await server.stop();
  const reasons = events.filter((event) => event.type === 'failed').map(({ reason }) => reason);
  t.deepEqual(reasons, Array(100).fill('shutdown'));
  t.is(server.transfers, 0);
});

test('more requests than are read wait in the kernel, and none is forgotten', async (t) => {
  const { port, waitFor } = await serveFiles(t, files);
  const client = await rawClient(t);
  const nonsense = Buffer.from('hello');
  for (let count = 0; count < 2_000; count++) client.send(nonsense, port);
  // As a lot of work on this thread would: no event is read meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await waitFor('dropped', 2_000);
  t.deepEqual(await fetchPlain(client, port, 'file'), file);
});

for (const [how, crash] of [
  ['is terminated', (thread: Worker) => void thread.terminate()],
  ['throws an exception', (thread: Worker) => thread.postMessage(null)],
] as const) {
  test(`a thread that ${how} is reported and replaced, and leaves no socket behind`, async (t) => {
    const before = openDescriptors();
    const { port, server, thread, events, waitFor } = await serveWithThread(t, files);
    const [started, other] = [await rawClient(t), await rawClient(t)];
    started.send(rrq('file'), port);
    t.is((await started.receive()).text, 'DATA 1 (512)');
    crash(thread);
    // The thread takes notice when it next has something to do.
    other.send(rrq('file'), port);

    const [crashed] = await waitFor('crashed');
    t.regex(crashed?.detail ?? '', /^the thread that serves TFTP crashed and is started again: ./);
    const [failed] = await waitFor('failed');
    t.is(failed?.reason, 'crash');
    t.deepEqual(failed?.client, { address: '127.0.0.1', port: started.port });

    const client = await rawClient(t);
    t.deepEqual(await fetchPlain(client, port, 'file'), file);
    await waitFor('done');
    for (const open of [started, other, client]) open.close();
    await server.stop();
    t.is(server.transfers, 0);
    t.is(events.filter(({ type }) => type === 'crashed').length, 1);
    t.is(openDescriptors(), before);
  });
}

test('a new limit of the block size is for transfers that begin later, and outlives the thread', async (t) => {
  const { port, server, thread, waitFor } = await serveWithThread(t, files);
  const offer = async () => {
    const client = await rawClient(t);
    client.send(rrq('file', 'octet', 'blksize', '1400'), port);
    return { client, ...(await client.receive()) };
  };
  const early = await offer();
  t.is(early.text, 'OACK blksize=1400');
  server.limitBlksize(1000);
  t.is((await offer()).text, 'OACK blksize=1000');
  early.client.send(ack(0), early.port);
  t.is((await early.client.receive()).text, 'DATA 1 (1400)');

  server.limitBlksize(900);
  thread.postMessage(null);
  // The thread takes notice when it next has something to do.
  early.client.send(rrq('file'), port);
  await waitFor('crashed');
  t.is((await offer()).text, 'OACK blksize=900');
  t.throws(() => server.limitBlksize(7), { instanceOf: RangeError });
});

test('a server that is stopped right after a crash stays stopped', async (t) => {
  const before = openDescriptors();
  const { server, thread, waitFor } = await serveWithThread(t, files);
  void thread.terminate();
  await waitFor('crashed');
  await server.stop();
  t.throws(() => server.address(), { message: /not running/ });
  t.is(openDescriptors(), before);
});

test('a process that exits without a stop is not held up', async (t) => {
  const script = `
    import { serveFiles } from ${JSON.stringify(import.meta.resolve('../support/tftp.ts'))};
    await serveFiles({ teardown: () => {} }, {});
    process.exit(7);
  `;
  const failure = await t.throwsAsync(
    run(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], { timeout: 10_000 }),
  );
  t.like(failure, { code: 7 });
});
