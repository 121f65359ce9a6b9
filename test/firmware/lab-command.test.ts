import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import test from 'ava';
import { listNamespaces } from '../../src/lab/namespace.ts';
import { type Child, start, startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';

const lab = (...options: string[]) => [...PROGRAM, 'lab', ...options];

/** Namespaces, folders and processes that carry the name of this lab. */
async function leftovers({ pid }: Child): Promise<string[]> {
  const name = `rackseed-lab-${pid}-`;
  const commands = (await readdir('/proc'))
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => ''));
  const all = [...(await listNamespaces()), ...(await readdir(tmpdir())), ...(await Promise.all(commands))];
  return all.filter((entry) => entry.includes(name));
}

test.serial('rackseed lab --once boots a machine, tells every stage and leaves nothing behind', async (t) => {
  t.timeout(360_000);
  const child = await startFor(t, lab('--once', '--timeout', '5m'));
  const { code, stdout, stderr } = await child.exited;
  t.is(code, 0, stdout + stderr);
  for (const stage of ['discover', 'offer', 'ack', 'script', 'kernel', 'initrd', 'document', 'up']) {
    t.regex(stdout, new RegExp(`^ *\\d+\\.\\d s {2}worker-01 {2}${stage} `, 'm'));
  }
  t.regex(stdout, /the machine is up after \d+\.\d s/);
  t.deepEqual(await leftovers(child), []);
});

test.serial(
  'rackseed lab --once fails with the place and the console of a machine that is not up in time',
  async (t) => {
    t.timeout(60_000);
    const child = await startFor(t, lab('--once', '--timeout', '1s'));
    const { code, stdout } = await child.exited;
    t.is(code, 1);
    t.regex(
      stdout,
      /not every machine was up within 1 s\nworker-01 \(52:54:00:00:00:01\) (?:has not|reached)/,
    );
    t.regex(stdout, /console of worker-01 \(\/.*\/worker-01\.log\):\n/);
    t.deepEqual(await leftovers(child), []);
  },
);

test.serial('Ctrl-C takes the whole rack down', async (t) => {
  t.timeout(60_000);
  const child = await startFor(t, lab('--count', '2'));
  await child.waitFor(/discover/, 50_000);
  t.not((await leftovers(child)).length, 0);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await child.exited;
  t.is(code, 0, stdout + stderr);
  t.deepEqual(await leftovers(child), []);
});

test.serial('what a killed lab could not clean up, the next one does', async (t) => {
  t.timeout(120_000);
  const killed = await start(lab());
  await killed.waitFor(/discover/, 50_000);
  process.kill(killed.pid, 'SIGKILL');
  await killed.exited;
  t.not((await leftovers(killed)).length, 0);

  const next = await startFor(t, lab('--once', '--timeout', '1s'));
  await next.exited;
  t.deepEqual(await leftovers(killed), []);
  t.deepEqual(await leftovers(next), []);
});
