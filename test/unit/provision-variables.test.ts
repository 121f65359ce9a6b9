import test from 'ava';
import { checkConfig } from '../../src/config/check.ts';
import { identify } from '../../src/machines/identity.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { checkPlaceholders, fillPlaceholders } from '../../src/provision/placeholders.ts';
import { buildVariables } from '../../src/provision/variables.ts';

const MAC = parseMac('52:54:00:12:34:56') as Mac;

/** A network and the identity of a machine on it, from a configuration. */
function known(network: string) {
  const result = checkConfig({
    directory: '/etc/rackseed',
    isDirectory: () => true,
    holdsText: () => true,
    files: [
      { name: 'rackseed.yaml', text: `networks: [${network}]\ndefault_profile: worker\n` },
      { name: 'profiles/worker.yaml', text: 'boot: { image: flatcar/1 }' },
      {
        name: 'machines/a.yaml',
        text: `machines: [{ mac: "${MAC}", hostname: worker-01, labels: { rack: r1 } }]`,
      },
    ],
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const identity = identify(result.config, MAC);
  const [first] = result.config.networks;
  if (identity.admission !== 'boot' || !first) throw new Error('the machine is in the configuration');
  return { identity, network: first };
}

test('the variables of a machine come from its entry, its network, its lease and what it told', (t) => {
  const sources = known(
    '{ name: blue, interface: eth1, address: 10.0.0.1/20, http: { port: 8080 }, dhcp: { mode: authoritative, range: 10.0.0.2-10.0.0.9, router: 10.0.0.1, dns: [9.9.9.9], domain: a.b } }',
  );
  const inventory = {
    uuid: 'u-1',
    serial: 's-1',
    asset: '',
    manufacturer: 'QEMU',
    product: 'PC',
    buildarch: 'x86_64',
    platform: 'efi',
  };
  t.deepEqual(buildVariables({ ...sources, inventory, address: parseIpv4('10.0.0.5') as Ipv4 }), {
    machine: {
      mac: '52:54:00:12:34:56',
      hostname: 'worker-01',
      labels: { rack: 'r1' },
      address: '10.0.0.5',
      uuid: 'u-1',
      serial: 's-1',
      manufacturer: 'QEMU',
      product: 'PC',
    },
    network: {
      name: 'blue',
      address: '10.0.0.0',
      prefix: 20,
      netmask: '255.255.240.0',
      dns: ['9.9.9.9'],
      router: '10.0.0.1',
      domain: 'a.b',
    },
    server: { address: '10.0.0.1', url: 'http://10.0.0.1:8080' },
    profile: { name: 'worker' },
    boot: { image: 'flatcar/1', buildarch: 'x86_64', platform: 'efi' },
  });
});

test('what is not known is left out, so that a profile that needs it is told', (t) => {
  const sources = known(
    '{ name: blue, interface: eth1, address: 10.0.0.1/20, dhcp: { mode: authoritative, range: 10.0.0.2-10.0.0.9 } }',
  );
  const variables = buildVariables({ ...sources, inventory: {}, address: undefined });
  t.deepEqual(Object.keys(variables.machine), ['mac', 'hostname', 'labels']);
  t.deepEqual(Object.keys(variables.network), ['name', 'address', 'prefix', 'netmask', 'dns']);
  t.deepEqual(variables.boot, { image: 'flatcar/1' });
  t.is(variables.server.url, 'http://10.0.0.1');
});

const INDEXES: readonly [template: string, index: number, filled: string][] = [
  ['10.244.{{ machine.index }}.1/24', 7, '10.244.7.1/24'],
  ['10.245.{{ machine.index | minus: 1 | times: 8 }}.0', 3, '10.245.16.0'],
  ['{{ machine.index | modulo: 3 }}', 7, '1'],
  ['{{ machine.index | plus: 100 }}', 1, '101'],
  ['{% if machine.index == 1 %}master{% else %}minion{% endif %}', 1, 'master'],
  ['{% if machine.index == 1 %}master{% else %}minion{% endif %}', 2, 'minion'],
  ['{% if machine.index > 9 %}{{ machine.index }}{% else %}0{{ machine.index }}{% endif %}', 9, '09'],
];

for (const [template, index, filled] of INDEXES) {
  test(`${template} is ${filled} for the machine with index ${index}`, (t) => {
    const { identity, network } = known(
      '{ name: blue, interface: eth1, address: 10.0.0.1/20, dhcp: { mode: authoritative, range: 10.0.0.2-10.0.0.9 } }',
    );
    const variables = buildVariables({
      identity: { ...identity, index },
      network,
      inventory: {},
      address: undefined,
    });
    t.deepEqual(checkPlaceholders(template), []);
    t.is(fillPlaceholders(template, variables, 'profile worker'), filled);
  });
}
