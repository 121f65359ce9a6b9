import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { Announcer } from '../../src/machines/announcer.ts';
import type { SeenMachine, Standing } from '../../src/machines/machine.ts';
import type { MachineView } from '../../src/machines/rack.ts';
import type { Mac } from '../../src/net/mac.ts';
import { machine } from '../support/dhcp.ts';

/** An announcer of machines of which those with a number below `strangers` are strangers (the registry is a double). */
function announcer(strangers: number) {
  const seen = new Map<Mac, SeenMachine>();
  const told: Mac[] = [];
  const isStranger = (mac: Mac) => Number.parseInt(mac.replaceAll(':', '').slice(6), 16) < strangers;
  const made = new Announcer({
    registry: {
      all: () => seen.values(),
      get: (mac) => seen.get(mac) ?? { mac, network: 'net', firstSeen: 0, lastSeen: 0, inventory: {} },
      isStranger,
      setStanding(mac: Mac, standing: Standing) {
        seen.set(mac, { mac, network: 'net', firstSeen: 0, lastSeen: 0, inventory: {}, standing });
      },
    },
    view: (mac) => ({ mac, hostname: 'node', state: 'discovered', reason: 'seen' }) as MachineView,
    publish: (happening) => told.push(('mac' in happening ? happening.mac : undefined) as Mac),
    onChanged: () => {},
    now: () => 1,
  });
  return { announcer: made, told };
}

test('of a flood of strangers a few are told at once, and everybody else as well', async (t) => {
  const { announcer: own, told } = announcer(1_000);
  for (let n = 0; n < 300; n += 1) own.touch(machine(n));
  own.touch(machine(1_000));
  while (told.length < 101) await setImmediate();
  t.deepEqual(told, [...Array.from({ length: 100 }, (_, n) => machine(n)), machine(1_000)]);
  own.stop();
});

test('those that had to wait are told a moment later, but for the forgotten', async (t) => {
  const { announcer: own, told } = announcer(1_000);
  for (let n = 0; n < 150; n += 1) own.touch(machine(n));
  own.forget(machine(120));
  while (told.length < 149) await setImmediate();
  t.deepEqual(told.slice(100), [
    ...Array.from({ length: 20 }, (_, n) => machine(100 + n)),
    ...Array.from({ length: 29 }, (_, n) => machine(121 + n)),
  ]);
  own.stop();
});

test('at the end all are told that had to wait', (t) => {
  const { announcer: own, told } = announcer(1_000);
  for (let n = 0; n < 300; n += 1) own.touch(machine(n));
  own.flush();
  own.stop();
  t.is(new Set(told).size, 300);
});
