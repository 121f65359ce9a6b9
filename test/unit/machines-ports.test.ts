import test from 'ava';
import type { Config } from '../../src/config/config.ts';
import { identify } from '../../src/machines/identity.ts';
import type { SeenMachine } from '../../src/machines/machine.ts';
import { entryFor, PortOccupants } from '../../src/machines/ports.ts';
import { machine } from '../support/dhcp.ts';
import { KNOWN, testConfig } from '../support/provisioning.ts';

const port = (hostname: string, place: { circuit?: string; remote?: string }) => ({
  port: place,
  place: `machines/ports.yaml: ${hostname}`,
  hostname,
  labels: {},
  adoptDisk: false,
});
const CONFIG = testConfig({
  ports: [
    port('both', { remote: 'sw1', circuit: 'p1' }),
    port('any-port', { remote: 'sw1' }),
    port('any-switch', { circuit: 'p9' }),
  ],
});

/** Stands in for the registry: machines seen before a restart. */
function occupants(config: Config = CONFIG, seen: readonly SeenMachine[] = []) {
  return new PortOccupants(() => config, {
    get: (mac) => seen.find((one) => one.mac === mac),
    all: () => seen.values() as IterableIterator<SeenMachine>,
  });
}

const seenAt = (n: number, circuit: string, booted = true): SeenMachine => ({
  mac: machine(n),
  network: 'kubernetes1',
  firstSeen: 0,
  lastSeen: n,
  attachment: { remote: 'sw1', circuit },
  inventory: {},
  ...(booted && { boot: { number: 1, began: 0, entries: [] } }),
});

const PLACES: readonly [attachment: { circuit?: string; remote?: string }, hostname: string | undefined][] = [
  [{ remote: 'sw1', circuit: 'p1' }, 'both'],
  [{ remote: 'sw1', circuit: 'p2' }, 'any-port'],
  [{ remote: 'sw2', circuit: 'p9' }, 'any-switch'],
  [{ remote: 'sw2', circuit: 'p1' }, undefined],
  [{}, undefined],
];
for (const [attachment, hostname] of PLACES) {
  test(`what is at ${JSON.stringify(attachment)} has the entry ${hostname}`, (t) => {
    t.is(entryFor(CONFIG, attachment)?.hostname, hostname);
  });
}

test('the machine that booted at a port last has its entry, and the one before has not', (t) => {
  const ports = occupants();
  ports.arrive(machine(1), { remote: 'sw1', circuit: 'p1' });
  t.is(ports.entryOf(machine(1))?.hostname, 'both');
  ports.arrive(machine(2), { remote: 'sw1', circuit: 'p1' });
  t.is(ports.entryOf(machine(2))?.hostname, 'both');
  t.is(ports.entryOf(machine(1)), undefined);
});

test('a machine that moves to a port without an entry leaves its own', (t) => {
  const ports = occupants(CONFIG, [seenAt(1, 'p1')]);
  t.is(ports.entryOf(machine(1))?.hostname, 'both');
  ports.arrive(machine(1), { remote: 'sw2', circuit: 'p1' });
  t.is(ports.entryOf(machine(1)), undefined);
});

test('after a restart, the machine seen last of those that booted at the port has its entry', (t) => {
  const ports = occupants(CONFIG, [seenAt(1, 'p1'), seenAt(2, 'p1'), seenAt(3, 'p1', false)]);
  t.deepEqual(
    [1, 2, 3].map((n) => ports.entryOf(machine(n))?.hostname),
    [undefined, 'both', undefined],
  );
});

test('a machine at a port with an entry boots, with a name and a profile that are not its own', (t) => {
  const [entry] = CONFIG.ports;
  const identity = identify(CONFIG, machine(7), entry ? { port: entry } : {});
  t.like(identity, { admission: 'boot', hostname: 'both', mac: machine(7), port: { hostname: 'both' } });
});

test("a machine's own entry goes before that of its port, and so does somebody's refusal", (t) => {
  const [entry] = CONFIG.ports;
  const facts = entry ? { port: entry } : {};
  t.like(identify(CONFIG, KNOWN, facts), { hostname: 'worker-01' });
  const decision = {
    mac: machine(7),
    verdict: 'refused',
    labels: {},
    adoptDisk: false,
    by: 'x',
    at: 0,
  } as const;
  t.like(identify(CONFIG, machine(7), facts, undefined, { decision }), {
    admission: 'hold',
    verdict: 'refused',
  });
});
