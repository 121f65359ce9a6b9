import test from 'ava';
import type { Inventory } from '../../src/machines/machine.ts';
import { credibleUuid } from '../../src/machines/uuid.ts';
import type { Mac } from '../../src/net/mac.ts';
import { machine as mac } from '../support/dhcp.ts';
import { KNOWN, UNKNOWN, UUID } from '../support/provisioning.ts';
import { type TestRack, testRack } from '../support/rack.ts';

const see = ({ registry, settings }: TestRack, card: Mac, inventory: Inventory = { uuid: UUID }) => {
  settings.now += 1;
  registry.see(card, 'kubernetes1', settings.now, { inventory });
};
const shown = ({ rack }: TestRack) =>
  [...rack.machines()].map(({ cards, state }) => [...cards, state].join(' ')).sort();

const UUIDS: readonly [uuid: string, isCredible: boolean][] = [
  [UUID, true],
  [UUID.toUpperCase(), true],
  ['00000000-0000-0000-0000-000000000000', false],
  ['ffffffff-ffff-ffff-ffff-ffffffffffff', false],
  ['03000200-0400-0500-0006-000700080009', false],
  ['12345678-1234-5678-90ab-cddeefaabbcc', false],
  ['fefefefe-fefe-fefe-fefe-fefefefefefe', false],
  ['Default string', false],
];

for (const [uuid, isCredible] of UUIDS) {
  test(`the uuid ${uuid} ${isCredible ? 'tells machines apart' : 'is junk that many boards share'}`, (t) => {
    t.is(credibleUuid(uuid), isCredible ? uuid.toLowerCase() : undefined);
  });
}

test('cards with one uuid are one machine, which is shown by the card that booted last', (t) => {
  const rack = testRack({ config: { unknownMachines: 'boot' } });
  see(rack, mac(11), { uuid: UUID, serial: 'CZ1' });
  see(rack, mac(12));
  see(rack, mac(13), { uuid: '00000000-0000-0000-0000-000000000000' });
  t.deepEqual(shown(rack), [`${mac(11)} ${mac(12)} approved`, `${mac(13)} approved`]);
  t.is(rack.rack.machine(mac(11))?.mac, mac(12));
  rack.registry.beginBoot(mac(11), rack.settings.now);
  t.like(rack.rack.machine(mac(12)), { mac: mac(11), inventory: { serial: 'CZ1' }, firstSeen: 1_001 });
});

test('a list of machines ends, though each of them is seen again while it is made', (t) => {
  const rack = testRack({ config: { unknownMachines: 'boot' } });
  const cards = [mac(11), mac(12), mac(13)];
  for (const card of cards) see(rack, card, {});
  const listed: Mac[] = [];
  for (const { mac: main } of rack.rack.machines()) {
    listed.push(main);
    if (listed.length > cards.length) break;
    see(rack, main, {});
  }
  t.deepEqual(listed, cards);
});

test('approval is for all cards known then', async (t) => {
  const rack = testRack();
  see(rack, mac(11));
  see(rack, mac(12));
  await rack.rack.change(mac(11), { action: 'approve', hostname: 'w-1' }, 'local');
  t.deepEqual(shown(rack), [`${mac(11)} ${mac(12)} approved`]);
  t.is(rack.identifier.lookUp(mac(12)).hostname, 'w-1');
});

test('a card that shows up later waits for its own approval, and its reason says which machine it looks like', async (t) => {
  const rack = testRack();
  see(rack, mac(11));
  await rack.rack.change(mac(11), { action: 'approve', hostname: 'w-1' }, 'local');
  see(rack, mac(12));
  t.deepEqual(shown(rack), [`${mac(11)} approved`, `${mac(12)} discovered`]);
  t.regex(
    rack.rack.machine(mac(12))?.reason ?? '',
    new RegExp(`; its uuid is that of w-1 \\(${mac(11)}\\), which may boot$`),
  );
  await rack.rack.change(mac(12), { action: 'approve', hostname: 'w-1' }, 'local');
  t.deepEqual(shown(rack), [`${mac(11)} ${mac(12)} approved`]);
});

test('nobody takes a machine’s place by showing its uuid', (t) => {
  const rack = testRack();
  see(rack, KNOWN);
  see(rack, UNKNOWN);
  t.is(rack.rack.machine(KNOWN)?.mac, KNOWN);
  t.deepEqual(rack.rack.machine(KNOWN)?.cards, [KNOWN]);
});

test('a uuid that very many cards show is nobody’s', (t) => {
  const rack = testRack();
  for (let n = 0; n < 17; n += 1) see(rack, mac(100 + n));
  t.is([...rack.rack.machines()].length, 17);
});

test('a refused machine is refused with all its cards, and forgotten with all of them', async (t) => {
  const rack = testRack();
  see(rack, mac(11));
  see(rack, mac(12));
  await rack.rack.change(mac(12), { action: 'refuse' }, 'local');
  t.deepEqual(shown(rack), [`${mac(11)} ${mac(12)} refused`]);
  await rack.rack.change(mac(11), { action: 'forget' }, 'local');
  t.deepEqual(shown(rack), []);
});
