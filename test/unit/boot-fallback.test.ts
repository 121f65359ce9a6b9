import test from 'ava';
import {
  afterFetch,
  afterReturn,
  afterSuccess,
  inOrder,
  type LoaderHistory,
  NO_HISTORY,
} from '../../src/boot/fallback.ts';
import { KNOWN } from '../support/provisioning.ts';
import { bootingMachine, testRack } from '../support/rack.ts';

const FILES = ['snponly.efi', 'ipxe.efi'];
const MINUTE = 60_000;

/** A loader is fetched, and the firmware is back after so many milliseconds. */
const round = (history: LoaderHistory, file: string, after = 20_000) =>
  afterReturn(afterFetch(history, file, 0), FILES, after);

test('firmware that is back once gets the same loader again', (t) => {
  const history = round(NO_HISTORY, 'snponly.efi');
  t.deepEqual(history, { failed: [], failing: { file: 'snponly.efi', times: 1 } });
  t.deepEqual(inOrder(FILES, history), FILES);
});

test('firmware that is back twice in a row gets the next loader of its row', (t) => {
  const history = round(round(NO_HISTORY, 'snponly.efi'), 'snponly.efi');
  t.deepEqual(history, { failed: ['snponly.efi'] });
  t.deepEqual(inOrder(FILES, history), ['ipxe.efi', 'snponly.efi']);
});

test('once every loader has failed, the first one gets another turn', (t) => {
  let history = NO_HISTORY;
  for (const file of ['snponly.efi', 'snponly.efi', 'ipxe.efi', 'ipxe.efi']) history = round(history, file);
  t.deepEqual(history, { failed: [] });
});

test('firmware that is back after more than five minutes was switched on anew', (t) => {
  const once = round(NO_HISTORY, 'snponly.efi');
  t.deepEqual(round(once, 'snponly.efi', 5 * MINUTE + 1), { failed: [] });
  t.deepEqual(round(once, 'snponly.efi', 5 * MINUTE), { failed: ['snponly.efi'] });
});

test('a DISCOVER that is repeated counts once', (t) => {
  const once = round(NO_HISTORY, 'snponly.efi');
  t.is(afterReturn(once, FILES, 21_000), once);
});

test('a loader that works stays the first choice, and those that failed before it the last', (t) => {
  const failed = round(round(NO_HISTORY, 'snponly.efi'), 'snponly.efi');
  const history = afterSuccess(afterFetch(failed, 'ipxe.efi', 0));
  t.deepEqual(history, { failed: ['snponly.efi'], working: 'ipxe.efi' });
  t.deepEqual(inOrder(FILES, history), ['ipxe.efi', 'snponly.efi']);
  t.is(afterReturn(history, FILES, 1), history, 'a boot after it that is switched off early changes nothing');
  t.is(afterSuccess(history), history);
});

test('one success in between makes a failure the first again', (t) => {
  const worked = afterSuccess(afterFetch(round(NO_HISTORY, 'snponly.efi'), 'snponly.efi', 0));
  t.deepEqual(worked, { failed: [], working: 'snponly.efi' });
  t.deepEqual(round(worked, 'snponly.efi').failed, []);
});

test('what a shim fetches in its turn is not the loader that was offered', (t) => {
  const files = ['sb/snponly-shim.efi', 'sb/ipxe-shim.efi'];
  let history = NO_HISTORY;
  for (let n = 0; n < 2; n += 1) {
    history = afterFetch(afterFetch(history, 'sb/snponly-shim.efi', 0), 'sb/snponly.efi', 1);
    history = afterReturn(history, files, 2);
  }
  t.deepEqual(inOrder(files, history), ['sb/ipxe-shim.efi', 'sb/snponly-shim.efi']);
});

/** A UEFI machine that fetches a loader and is back as firmware, twice. */
function failingMachine(settings = {}) {
  const rack = testRack(settings);
  const machine = bootingMachine(rack);
  const UEFI = { ...machine.BIOS, architectures: [7] };
  const round = (file: string) => {
    machine.dhcp(UEFI);
    machine.loader(file);
  };
  const notes = () =>
    rack.entries().filter((entry) => entry.startsWith('fallback') || entry.startsWith('stuck'));
  return { rack, machine, UEFI, round, notes };
}

test('the next loader is told of on the timeline and remembered; it is not yet a loop', (t) => {
  const { rack, machine, UEFI, round, notes } = failingMachine();
  round('snponly.efi');
  round('snponly.efi');
  t.deepEqual(notes(), []);
  machine.dhcp(UEFI);
  t.deepEqual(notes(), [
    'fallback: UEFI x64 was back twice after snponly.efi: it is offered x86_64/snponly.efi now',
  ]);
  t.not(rack.rack.machine(KNOWN)?.state, 'stuck');
  machine.loader('x86_64/snponly.efi');
  machine.dhcp(machine.IPXE);
  t.deepEqual(rack.registry.get(KNOWN)?.loaders, {
    failed: ['snponly.efi'],
    working: 'x86_64/snponly.efi',
  });
  rack.save();
  t.deepEqual(rack.store.savedMachines.get(KNOWN)?.loaders, rack.registry.get(KNOWN)?.loaders);
});

test('when all loaders have had their turn, that is said, and the machine is stuck', (t) => {
  const { rack, round, notes } = failingMachine({ config: {} });
  const files = ['snponly.efi', 'x86_64/snponly.efi', 'ipxe.efi', 'x86_64/ipxe.efi', 'ipxe-amd64.efi'];
  for (const file of files) {
    round(file);
    round(file);
  }
  round('snponly.efi');
  t.is(rack.rack.machine(KNOWN)?.state, 'stuck');
  t.is(
    notes().at(-1),
    'fallback: UEFI x64 was back twice after ipxe-amd64.efi, and so it was with all others: it is offered snponly.efi now',
  );
});

test('a machine whose entry names its loader keeps it', (t) => {
  const { machine, UEFI, round, notes } = failingMachine({
    config: {
      machines: new Map([[KNOWN, { mac: KNOWN, loader: 'snponly.efi', labels: {}, adoptDisk: false }]]),
    },
  });
  round('snponly.efi');
  round('snponly.efi');
  machine.dhcp(UEFI);
  t.deepEqual(
    notes().filter((note) => note.startsWith('fallback')),
    [],
  );
});

test('GRUB that asks for its configuration has worked as a loader', (t) => {
  const { rack, machine, UEFI } = failingMachine();
  machine.dhcp(UEFI);
  machine.loader('grubx64.efi');
  const { client } = machine;
  const done = { type: 'done', client, bytes: 900, milliseconds: 1, retransmissions: 0 } as const;
  rack.tracker.tftp({ ...done, file: 'grub/grub.cfg-01-52-54-00-00-00-01' }, machine.tick());
  t.is(rack.registry.get(KNOWN)?.loaders?.working, 'grubx64.efi');
  t.deepEqual(rack.entries().slice(3), [
    'loader: UEFI x64 → its loader by TFTP (grubx64.efi 68 kB, 0.1 s)',
    'script: GRUB → script: boots profile worker',
  ]);
  rack.tracker.tftp({ ...done, file: 'assets/flatcar/1/vmlinuz', bytes: 8_100_000 }, machine.tick());
  t.is(rack.entries().at(-1), 'kernel: kernel vmlinuz (8.1 MB, 0.0 s)');
});
