import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openLmdbStore } from '../../src/store/lmdb.ts';

test('how far a webhook was told is written down, and forgotten with the webhook', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-positions-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const open = () => openLmdbStore(directory, (error) => t.fail(error.message));
  const before = open();
  before.webhooks.save('a', 7);
  before.webhooks.save('b', 8);
  before.webhooks.save('a', 9);
  before.webhooks.remove('b');
  await before.close();
  const after = open();
  t.deepEqual([...after.webhooks.keys()], ['a']);
  t.is(after.webhooks.get('a'), 9);
  t.is(after.webhooks.get('b'), undefined);
  await after.close();
});
