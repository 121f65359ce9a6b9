import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Write, Writes } from '../../src/store/writes.ts';

/** Writes to a disk (a double: a list) that can be full. */
function disk(t: ExecutionContext) {
  const written: string[] = [];
  const said: string[] = [];
  const state = { isFull: false };
  const fail = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  let working: () => void = () => {};
  const writes = new Writes({
    mend: async () => {
      if (state.isFull) throw fail();
    },
    onFailing: (reason) => said.push(reason),
    onWorking() {
      said.push('works');
      working();
    },
  });
  t.teardown(() => writes.close());
  const write = (key: string, value: string, isKept = true): Write => ({
    key,
    isKept,
    async run() {
      await pause(1);
      if (state.isFull) throw fail();
      written.push(`${key}=${value}`);
    },
  });
  const recovery = () => {
    const works = new Promise<void>((resolve) => {
      working = resolve;
    });
    state.isFull = false;
    return works;
  };
  return { writes, write, written, said, state, recovery };
}

const FULL = { message: 'no space left on device' };

test('what cannot be written is refused with the reason, which is said once', async (t) => {
  const { writes, write, written, said, state } = disk(t);
  await writes.make(write('a', '1'));
  state.isFull = true;
  await t.throwsAsync(writes.make(write('b', '1')), FULL);
  await t.throwsAsync(writes.make(write('c', '1')), FULL);
  t.deepEqual(said, ['no space left on device']);
  t.deepEqual(written, ['a=1']);
});

test('when the disk is good again, the last change to each thing is made, but none that was no longer wanted', async (t) => {
  const { writes, write, written, said, state, recovery } = disk(t);
  state.isFull = true;
  for (const change of [write('a', '1'), write('a', '2'), write('b', '1'), write('lease', '1', false)]) {
    await t.throwsAsync(writes.make(change), FULL);
  }
  await recovery();
  t.deepEqual(written, ['a=2', 'b=1']);
  t.deepEqual(said, ['no space left on device', 'works']);
  await writes.make(write('c', '1'));
  t.is(written.at(-1), 'c=1');
});

test('changes that were on their way together are all kept, and nothing old takes the place of something new', async (t) => {
  const { writes, write, written, state, recovery } = disk(t);
  state.isFull = true;
  await Promise.allSettled([writes.make(write('a', '1')), writes.make(write('a', '2'))]);
  const recovered = recovery();
  await t.throwsAsync(writes.make(write('a', '3')), FULL);
  await recovered;
  t.deepEqual(written, ['a=3']);
});
