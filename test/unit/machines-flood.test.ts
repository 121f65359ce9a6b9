import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { composeRack } from '../../src/rack-service.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { ip, machine as mac } from '../support/dhcp.ts';
import { KNOWN, testConfig, UNKNOWN } from '../support/provisioning.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function usedMemory(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const FLOOD = 100_000;
const MEGABYTE = 1 << 20;

test('100,000 made-up machines leave memory and disk bounded, and everybody who is real is still known', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-flood-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = testConfig();
  const store = openLmdbStore(folder, (error) => t.fail(error.message));
  let lines = 0;
  const warnings: string[] = [];
  const rack = composeRack({
    config: () => config,
    store,
    isLoader: () => true,
    wake: async () => {},
    onEntry: () => {
      lines += 1;
    },
    onWarning: (warning) => warnings.push(warning),
    onError: (error) => t.fail(error.message),
    now: Date.now,
  });
  const tracker = rack.tracker('kubernetes1');
  const offer = (machine: typeof KNOWN) =>
    tracker.dhcp(
      {
        type: 'answered',
        client: { mac: machine, architectures: [0], vendorClass: 'PXEClient' },
        request: 'DISCOVER',
        reply: 'OFFER',
        address: ip('192.168.0.7'),
        milliseconds: 1,
      },
      Date.now(),
    );
  offer(UNKNOWN);
  tracker.http({ type: 'script', mac: UNKNOWN, address: '192.168.0.9', answer: 'hold' }, Date.now());
  await rack.rack.change(mac(0xfffffe), { action: 'approve' }, 'local');

  const before = usedMemory();
  for (let n = 0; n < FLOOD; n += 1) {
    offer(mac(0x100000 + n));
    // The service writes every quarter of a second.
    if (n % 1_000 === 0) {
      rack.save();
      await setImmediate();
    }
  }
  offer(KNOWN);
  rack.stop();
  await store.close();
  const grown = usedMemory() - before;
  const { size } = await stat(join(folder, 'data.mdb'));

  t.true([...rack.registry.all()].length <= 4_010);
  t.is(rack.rack.machine(UNKNOWN)?.state, 'discovered');
  t.is(rack.rack.machine(mac(0xfffffe))?.state, 'approved');
  t.is(rack.rack.machine(KNOWN)?.state, 'booting');
  const events = rack.journal.since(0) ?? [];
  t.true(events.length < 3_000, `${events.length} events`);
  t.true(lines < 3_000, `${lines} entries are logged`);
  t.is(warnings.length, 1);
  t.regex(events.find(({ type }) => type === 'notice')?.detail ?? '', /^a flood of machines/);
  t.true(size < 64 * MEGABYTE, `${(size / MEGABYTE).toFixed(0)} MiB on disk`);
  t.true(grown < 128 * MEGABYTE, `${(grown / MEGABYTE).toFixed(0)} MiB of memory`);
  t.log(`${(size / MEGABYTE).toFixed(0)} MiB on disk, ${(grown / MEGABYTE).toFixed(0)} MiB of memory`);
});
