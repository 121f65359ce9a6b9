import test from 'ava';
import {
  adoptDisk,
  assertRefused,
  assertWorker,
  blankDisk,
  debianRack,
  diskReport,
  formattedDisk,
  leaveBehind,
  sha256,
} from '../support/documents.ts';

test('a cloud-config makes a worker of a blank machine at every boot anew, and of a foreign disk only what was agreed to', async (t) => {
  const rack = await debianRack(t, 'lab-cloud-config', [blankDisk, formattedDisk('home')]);
  const [, stranger] = rack.lab.machines;
  if (!stranger) return t.fail('the rack has too few machines');
  const before = await sha256(stranger.dataDisk);

  const [worker, refused] = await rack.boot();
  if (!worker || !refused) return t.fail('the rack has too few machines');
  t.is(worker.found.format, 'cloud-config');
  assertWorker(t, worker);
  t.is(diskReport(worker), 'disk: /dev/vda (1.0GiB) formatted as ext4, label DOCKER_DATA');
  assertRefused(t, refused);
  t.is(await sha256(refused.dataDisk), before, 'the disk is byte for byte as it was');

  await leaveBehind(worker.dataDisk);
  await adoptDisk(rack.lab.directory, refused.mac);

  const [again, adopted] = await rack.boot();
  if (!again || !adopted) return t.fail('the rack has too few machines');
  assertWorker(t, again);
  t.not(again.found.disks[0]?.uuid, worker.found.disks[0]?.uuid, 'the file system is a new one');
  assertWorker(t, adopted);
  t.regex(diskReport(adopted) ?? '', /^disk: .* label DOCKER_DATA, in place of ext4$/);
});
