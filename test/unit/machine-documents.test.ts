import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import type { AdmittedMachine } from '../../src/boot/plan.ts';
import { createMachineDocuments } from '../../src/machine-documents.ts';
import { identify } from '../../src/machines/identity.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import { good } from '../support/config.ts';
import { machine } from '../support/dhcp.ts';

/** The documents of machines that may boot, of which nothing is known but their hardware addresses. */
function documents(profile: string) {
  const config = good({ 'profiles/worker.yaml': profile, 'machines/rack.yaml': entries() });
  const registry = new MachineRegistry({
    machines: [],
    isKept: () => true,
    capacity: 10,
    strangers: 10,
    onForgotten: () => {},
  });
  const { renderDocument } = createMachineDocuments({
    config: () => config,
    registry,
    joiner: undefined,
    addressOf: () => undefined,
    bootCa: () => '',
    sha256Of: () => Promise.reject(new Error('there are no assets')),
  });
  const [network] = config.networks;
  if (!network) throw new Error('there is no network');
  return (n: number) =>
    renderDocument(
      identify(config, machine(n)) as AdmittedMachine,
      network,
      { format: 'cloud-config' },
      undefined,
    );
}

const entries = () =>
  `machines: [${[1, 2, 3].map((n) => `{ mac: "${machine(n)}", hostname: node-${n} }`).join()}]\n`;

test('of machines that ask for their documents at once, each is served in a turn of the event loop of its own', async (t) => {
  const render = documents(
    'boot: { image: flatcar/1 }\ncloud_config: { hostname: "{{ machine.hostname }}" }\n',
  );
  const told: string[] = [];
  const all = Promise.all(
    [1, 2, 3].map(async (n) => {
      const { text } = await render(n);
      told.push(text);
    }),
  );
  const perTurn: number[] = [];
  while (told.length < 3) {
    const before = told.length;
    await nextTurn();
    perTurn.push(told.length - before);
  }
  await all;
  t.deepEqual(
    told,
    [1, 2, 3].map((n) => `#cloud-config\nhostname: node-${n}\n`),
  );
  t.is(Math.max(...perTurn), 1);
});

test('a document that cannot be written keeps no other from being written', async (t) => {
  const render = documents(
    'boot: { image: flatcar/1 }\ncloud_config: { hostname: "{% if machine.hostname == \'node-1\' %}{{ machine.serial }}{% endif %}x" }\n',
  );
  const [first, second] = await Promise.allSettled([render(1), render(2)]);
  t.is(first.status, 'rejected');
  t.like(second, { status: 'fulfilled', value: { text: '#cloud-config\nhostname: x\n' } });
});
