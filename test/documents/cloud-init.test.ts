import test from 'ava';
import {
  assertRefused,
  assertWorker,
  debianRack,
  formattedDisk,
  OUR_LABEL,
  sha256,
} from '../support/documents.ts';

test('cloud-init makes a worker of a machine that was one before, and leaves a foreign disk as it is', async (t) => {
  const rack = await debianRack(t, 'lab-cloud-init', [formattedDisk(OUR_LABEL), formattedDisk('home')]);
  const [, stranger] = rack.lab.machines;
  if (!stranger) return t.fail('the rack has too few machines');
  const before = await sha256(stranger.dataDisk);

  const [worker, refused] = await rack.boot();
  if (!worker || !refused) return t.fail('the rack has too few machines');
  t.is(worker.found.format, 'cloud-init');
  assertWorker(t, worker);
  assertRefused(t, refused);
  t.is(await sha256(refused.dataDisk), before, 'the disk is byte for byte as it was');
});
