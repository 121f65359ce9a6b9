import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { GroupCommit } from '../../src/store/group-commit.ts';

/** A disk (a double: a list) on which a write is done when the test says so. */
function disk(interval = 0) {
  const groups: (readonly string[])[] = [];
  const waiting: { readonly done: () => void; readonly fail: (error: Error) => void }[] = [];
  let onWrite = () => {};
  const commits = new GroupCommit<string>({
    interval,
    write: (items) =>
      new Promise<void>((done, fail) => {
        groups.push(items);
        waiting.push({ done, fail });
        onWrite();
      }),
  });
  /** Resolves with the next write that is begun. */
  const begun = async () => {
    if (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        onWrite = resolve;
      });
    }
    return waiting.shift() ?? noWrite();
  };
  return { commits, groups, begun };
}

function noWrite(): never {
  throw new Error('no write was begun');
}

test('what comes while a group is written is the next group', async (t) => {
  const { commits, groups, begun } = disk();
  const first = commits.add('a');
  const write = await begun();
  const others = [commits.add('b'), commits.add('c')];
  t.deepEqual(groups, [['a']]);
  write.done();
  await first;
  (await begun()).done();
  await Promise.all(others);
  t.deepEqual(groups, [['a'], ['b', 'c']]);
});

test('what is told in one turn of the event loop is one group', async (t) => {
  const { commits, groups, begun } = disk();
  const all = ['a', 'b', 'c'].map((item) => commits.add(item));
  (await begun()).done();
  await Promise.all(all);
  t.deepEqual(groups, [['a', 'b', 'c']]);
});

test('a group that fails takes none with it that came later', async (t) => {
  const { commits, begun } = disk();
  const lost = [commits.add('a'), commits.add('b')];
  const write = await begun();
  const later = commits.add('c');
  write.fail(new Error('the disk is full'));
  for (const one of lost) await t.throwsAsync(one, { message: 'the disk is full' });
  (await begun()).done();
  await t.notThrowsAsync(later);
});

test('after a quiet moment nothing is waited for; under load, groups keep their distance', async (t) => {
  const { commits, begun } = disk(200);
  const before = performance.now();
  const first = commits.add('a');
  (await begun()).done();
  await first;
  t.true(performance.now() - before < 200);
  const second = commits.add('b');
  await pause(1);
  const third = commits.add('c');
  (await begun()).done();
  await Promise.all([second, third]);
  t.true(performance.now() - before >= 195);
});

test('whoever ends waits for all that was added, whether it can be written or not', async (t) => {
  const { commits, begun } = disk();
  const first = commits.add('a');
  const write = await begun();
  const second = commits.add('b');
  let isFlushed = false;
  const flushed = commits.flush().then(() => {
    isFlushed = true;
  });
  write.done();
  await first;
  const last = await begun();
  t.false(isFlushed);
  last.fail(new Error('the disk is full'));
  await t.throwsAsync(second);
  await flushed;
  await commits.flush();
  t.true(isFlushed);
});
