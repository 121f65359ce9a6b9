import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { isAlive, ownerOf } from '../../src/lab/namespace.ts';
import { run, runChecked, start } from '../../src/lab/process.ts';
import { eventually } from '../support/cluster.ts';
import { startFor } from '../support/process.ts';

test('a program gets its input and gives its output, its errors and its exit status', async (t) => {
  const finished = await run(['sh', '-c', 'cat; echo trouble >&2; exit 3'], { input: 'hello' });
  t.deepEqual(finished, { code: 3, signal: null, stdout: 'hello', stderr: 'trouble\n' });
});

test('a failing program that must not fail is quoted in the error', async (t) => {
  await t.throwsAsync(runChecked(['sh', '-c', 'echo no such disk >&2; exit 2']), {
    message: /failed with exit status 2: no such disk$/,
  });
  t.is(await runChecked(['echo', 'fine']), 'fine\n');
});

test('a program that does not exist is an error', async (t) => {
  await t.throwsAsync(run(['rackseed-no-such-program']), { message: /ENOENT/ });
  await t.throwsAsync(start(['rackseed-no-such-program']), { message: /ENOENT/ });
});

test('a program that takes too long is ended', async (t) => {
  const { signal } = await run(['sleep', '60'], { timeout: 50 });
  t.is(signal, 'SIGKILL');
});

test('output that was printed already is found, and output to come is waited for', async (t) => {
  const child = await start(['sh', '-c', 'echo port 4711; read line; echo got $line']);
  t.is((await child.waitFor(/port (\d+)/))[1], '4711');
  t.is((await child.waitFor(/port (\d+)/))[1], '4711');
  await child.stop();
});

test('waiting for output ends when the program does, with its last words', async (t) => {
  const child = await start(['sh', '-c', 'echo address in use; exit 1']);
  await t.throwsAsync(child.waitFor(/ready/), {
    message: /ended without printing \/ready\/:\naddress in use/,
  });
});

test('stopping a program ends what it started, even if it does not listen to SIGTERM', async (t) => {
  const child = await start(['sh', '-c', 'trap "" TERM; sleep 60 & echo started; wait; wait']);
  await child.waitFor(/started/);
  const { signal } = await child.stop(100);
  t.is(signal, 'SIGKILL');
});

test('a program ends with the process that started it, however that one ends', async (t) => {
  const module = fileURLToPath(new URL('../../src/lab/process.ts', import.meta.url));
  const script = `import { start } from '${module}';
    const child = await start(['sleep', '60']);
    console.log('started', child.pid);
    setInterval(() => {}, 1000);`;
  const node = [process.execPath, '--import=tsx', '--input-type=module', '-e', script];
  const endOf = async (signal: NodeJS.Signals) => {
    const parent = await startFor(t, node);
    const pid = Number((await parent.waitFor(/started (\d+)/))[1]);
    // Until then it is still setpriv, which may not have come to its request.
    await eventually(async () => (await readFile(`/proc/${pid}/comm`, 'utf8')) === 'sleep\n');
    process.kill(parent.pid, signal);
    await t.notThrowsAsync(eventually(() => !isAlive(pid)));
  };
  await Promise.all([endOf('SIGTERM'), endOf('SIGKILL')]);
});

test('the name of a lab tells the process it belongs to', (t) => {
  t.is(ownerOf('rackseed-lab-4711-Ab3xyz', 'rackseed-lab-'), 4711);
  t.is(ownerOf('rackseed-lab-4711', 'rackseed-lab-'), 4711);
  for (const name of ['rackseed-lab-kept-Ab3xyz', 'rackseed-lab-', 'other-4711', 'rackseed-lab-12ab']) {
    t.is(ownerOf(name, 'rackseed-lab-'), undefined, name);
  }
});
