import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Mac } from '../../src/net/mac.ts';
import { eventually } from '../support/cluster.ts';
import { AS_FIRMWARE, curl, documentUrl, lease } from '../support/machine.ts';
import { ext4Disk, type Mount, smallDisk } from '../support/mount.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { run, runChecked, startFor } from '../support/process.ts';
import { serveCommand, serviceFor, type TestService } from '../support/service.ts';
import { healthOf } from '../support/trouble.ts';

/** A service whose store is on a disk of its own, a machine that has booted, and one that was never seen. */
async function rackOn(t: ExecutionContext, disk: Mount) {
  const { server, clients, macs } = await rackFor(t, 2);
  const [worker, stranger] = clients as [Namespace, Namespace];
  const [mac, strangerMac] = macs as [Mac, Mac];
  const service = await serviceFor(t, server, {
    machines: [{ mac, hostname: 'worker-01' }],
    top: { store: { lmdb: join(disk.directory, 'store') } },
  });
  const boot = async () => {
    await worker.ip('address flush dev eth0');
    const address = await lease(service, worker, mac, AS_FIRMWARE);
    const { status, body } = await curl(worker, await documentUrl(worker, mac));
    t.is(status, 200, body);
    return address;
  };
  return { server, service, worker, stranger, mac, strangerMac, boot };
}

/** What udhcpc says in two tries. */
async function ask(client: Namespace): Promise<string> {
  const udhcpc = ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '2', '-T', '1', '-s', '/bin/true'];
  return (await run(client.command(udhcpc))).stderr;
}

/**
 * Waits until the store hasn't been written to for some seconds: then it is not LMDB that finds the disk bad, which corrupts its
 * memory, but the service that looks at it every second.
 */
async function allWritten({ directory }: Mount): Promise<void> {
  const store = join(directory, 'store/data.mdb');
  await eventually(async () => Date.now() - (await stat(store)).mtimeMs > 3_000);
}

/**
 * Fills the disk to its last byte, also with what the store has set aside for the next changes, as if they had come. Gives
 * what makes room again.
 */
async function fill(disk: Mount): Promise<() => Promise<void>> {
  await allWritten(disk);
  const { directory } = disk;
  const store = join(directory, 'store/data.mdb');
  await truncate(store, (await stat(store)).size);
  const path = join(directory, 'rubbish');
  await run(['dd', 'if=/dev/zero', `of=${path}`, 'bs=4096']);
  return () => rm(path);
}

async function heldBy(service: TestService, mac: Mac): Promise<string | undefined> {
  return (await service.api.leases()).find((own) => own.mac === mac)?.address;
}

test.serial(
  'a full disk: known machines boot, new ones get no address, both said once; then all goes on',
  async (t) => {
    const disk = await smallDisk(t, 40);
    const { service, stranger, mac, strangerMac, boot } = await rackOn(t, disk);
    const address = await boot();
    const makeRoom = await fill(disk);
    await service.child.waitFor(/can't be written/);

    t.is(await boot(), address, 'the machine has the same address as before');
    for (const attempt of ['at first', 'when it asks again']) {
      t.notRegex(await ask(stranger), /lease of/, `no address that is not on record, ${attempt}`);
    }
    t.is(await heldBy(service, strangerMac), undefined);
    t.true((await service.metric('rackseed_dhcp_silent_total', 'store-failed')) >= 2);
    const during = await healthOf(service, /the store/);
    t.like(during, { troubles: 1, isReady: false });
    t.is(during.logged.length, 1, during.logged.join('\n'));
    t.regex(
      during.logged[0] ?? '',
      /^the store in .* can't be written: no space left on device\. Machines that/,
    );
    t.deepEqual(during.notices, during.logged);

    await makeRoom();
    await eventually(() => service.api.isReady());
    const after = await healthOf(service, /the store/);
    t.like(after, { troubles: 0, isReady: true });
    t.is(after.logged.length, 2);
    t.regex(after.logged[1] ?? '', /can be written again, and nothing is missing from it/);
    t.regex(await ask(stranger), /lease of/);

    service.child.kill('SIGKILL');
    await service.restart();
    t.is(await heldBy(service, mac), address);
    t.not(await heldBy(service, strangerMac), undefined);
    t.is((await service.api.boots(mac)).length, 2, 'what happened while the disk was full is known');
    t.is((await healthOf(service, /the store/)).notices.length, 2);
  },
);

test.serial('a service whose disk is full starts and serves the machines that it knows', async (t) => {
  const disk = await smallDisk(t, 40);
  const { server, service, boot } = await rackOn(t, disk);
  const address = await boot();
  service.child.kill('SIGKILL');
  await service.child.exited;
  await fill(disk);
  const serve = serveCommand(service);
  const started = await startFor(t, server.command(serve));
  await started.waitFor(/the store in .* can't be written: no space left on device/, 30_000);
  await started.waitFor(/"ready: /, 30_000);
  t.is(await boot(), address);
  t.false(await service.api.isReady());
});

test.serial(
  'a disk that turns read-only: known machines boot; after a repair and a restart all is there',
  async (t) => {
    const disk = await ext4Disk(t, 64);
    const { service, stranger, mac, boot } = await rackOn(t, disk);
    const address = await boot();
    await allWritten(disk);
    // What the kernel does by itself when a disk fails.
    await runChecked(['mount', '-o', 'remount,abort', disk.directory]);
    await service.child.waitFor(/can't be written/);
    t.is(await boot(), address);
    t.notRegex(await ask(stranger), /lease of/);
    const { logged, isReady } = await healthOf(service, /the store/);
    t.is(logged.length, 1);
    t.regex(logged[0] ?? '', /can't be written: .*read-only/i);
    t.false(isReady);

    await service.child.stop();
    await disk.replace();
    await service.restart();
    t.is(await heldBy(service, mac), address);
    t.regex(await ask(stranger), /lease of/);
  },
);

test.serial('a store that can only be read is refused at the start, in words', async (t) => {
  const disk = await ext4Disk(t, 64);
  const { service } = await rackOn(t, disk);
  await service.child.stop();
  await runChecked(['mount', '-o', 'remount,ro', disk.directory]);
  const error = await t.throwsAsync(service.restart());
  t.regex(error?.message ?? '', /rackseed: the store in .* can't be opened: .*read-only/i);
});

test.serial('a store whose folder vanishes is made anew with all that was in it', async (t) => {
  const disk = await smallDisk(t, 40);
  const { service, stranger, mac, strangerMac, boot } = await rackOn(t, disk);
  const address = await boot();
  await rm(join(disk.directory, 'store'), { recursive: true });
  const said = /the store in .* can't be written: its folder has vanished/;
  await service.child.waitFor(said);
  await service.child.waitFor(/can be written again/);
  t.is(await boot(), address);
  t.regex(await ask(stranger), /lease of/);
  t.is((await healthOf(service, /the store/)).logged.length, 2);

  service.child.kill('SIGKILL');
  await service.restart();
  t.is(await heldBy(service, mac), address);
  t.not(await heldBy(service, strangerMac), undefined);
});

test.serial('another store in the place of the open one is left alone until a restart', async (t) => {
  const disk = await smallDisk(t, 40);
  const { service, stranger, boot } = await rackOn(t, disk);
  const address = await boot();
  const file = join(disk.directory, 'store/data.mdb');
  await rm(file);
  await writeFile(file, 'a backup');
  await service.child.waitFor(/another store was put in its place; restart rackseed to use that one/);
  t.is(await boot(), address);
  t.notRegex(await ask(stranger), /lease of/);
});
