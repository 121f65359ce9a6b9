import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { withLock } from '../../src/lab/lock.ts';
import { startFor } from '../support/process.ts';

async function lockFile(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'lock');
}

test('what a lock guards is done by one at a time', async (t) => {
  const file = await lockFile(t);
  let inside = 0;
  const results = await Promise.all(
    [1, 2, 3].map((number) =>
      withLock(file, async () => {
        inside += 1;
        t.is(inside, 1);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        return number;
      }),
    ),
  );
  t.deepEqual(results, [1, 2, 3]);
});

test('a lock is free again when what it guards has failed', async (t) => {
  const file = await lockFile(t);
  await t.throwsAsync(
    withLock(file, () => Promise.reject(new Error('no space'))),
    { message: 'no space' },
  );
  t.is(await withLock(file, async () => 'done'), 'done');
});

test('a lock is free again when the process that held it was killed', async (t) => {
  const file = await lockFile(t);
  const module = fileURLToPath(new URL('../../src/lab/lock.ts', import.meta.url));
  const script = `import { withLock } from '${module}';
    await withLock('${file}', () => { console.log('holding'); return new Promise(() => setInterval(() => {}, 1000)); });`;
  const holder = await startFor(t, [
    process.execPath,
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    script,
  ]);
  await holder.waitFor(/holding/);
  process.kill(holder.pid, 'SIGKILL');
  await holder.exited;
  t.is(await withLock(file, async () => 'mine'), 'mine');
});
