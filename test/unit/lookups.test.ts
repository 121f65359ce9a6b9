import test from 'ava';
import { Lookups } from '../../src/http/lookups.ts';
import type { ServedFile } from '../../src/http/served-file.ts';

const version = (etag: string): ServedFile => ({ path: '/file', size: 1, modified: new Date(0), etag });

/** A file system double whose lookups end when they are told to. */
function slowLookups() {
  const ends: ((file: ServedFile) => void)[] = [];
  const begun: (() => void)[] = [];
  return {
    look: () =>
      new Promise<ServedFile>((resolve) => {
        ends.push(resolve);
        begun.shift()?.();
      }),
    ends,
    begins: () => new Promise<void>((resolve) => begun.push(resolve)),
  };
}

test('those who ask in the same turn share one lookup', async (t) => {
  const lookups = new Lookups();
  let count = 0;
  const look = async () => version(`${++count}`);
  const found = await Promise.all([1, 2, 3].map(() => lookups.find('/file', look)));
  t.deepEqual(
    found.map((file) => file?.etag),
    ['1', '1', '1'],
  );
  t.is((await lookups.find('/file', look))?.etag, '2');
});

test('those who ask while a file is looked up wait for a lookup that begins after they asked', async (t) => {
  const lookups = new Lookups();
  const { look, ends, begins } = slowLookups();
  const first = begins();
  const early = lookups.find('/file', look);
  await first;
  const second = begins();
  const late = [lookups.find('/file', look), lookups.find('/file', look)];
  ends[0]?.(version('old'));
  t.is((await early)?.etag, 'old');
  await second;
  ends[1]?.(version('new'));
  t.deepEqual(
    (await Promise.all(late)).map((file) => file?.etag),
    ['new', 'new'],
  );
  t.is(ends.length, 2);
});

test('different files are looked up at the same time', async (t) => {
  const lookups = new Lookups();
  const { look, ends, begins } = slowLookups();
  const both = Promise.all([begins(), begins()]);
  const found = Promise.all([lookups.find('/a', look), lookups.find('/b', look)]);
  await both;
  for (const end of ends) end(version('x'));
  t.is((await found).length, 2);
});

test('a lookup that fails fails for those who share it, and nobody else', async (t) => {
  const lookups = new Lookups();
  const failing = () => Promise.reject(new Error('EIO'));
  const failures = [lookups.find('/file', failing), lookups.find('/file', failing)];
  for (const failure of failures) await t.throwsAsync(failure, { message: 'EIO' });
  t.is((await lookups.find('/file', async () => version('1')))?.etag, '1');
});
