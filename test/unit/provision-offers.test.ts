import test from 'ava';
import type { Config } from '../../src/config/config.ts';
import { describeNode, type NodeDescription } from '../../src/provision/node.ts';
import { type Offers, offersOf } from '../../src/provision/offers.ts';
import { good, RACKSEED } from '../support/config.ts';
import { ip } from '../support/dhcp.ts';
import { profile } from '../support/nodes.ts';
import { VARIABLES } from '../support/variables.ts';

function offered(config: Config, address: string | undefined): Offers {
  const [network] = config.networks;
  if (!network) throw new Error('there is a network');
  return offersOf({
    config,
    network,
    address: address === undefined ? undefined : ip(address),
    bootCa: 'CA',
  });
}

const withDhcp = (lines: string) =>
  good({ 'rackseed.yaml': RACKSEED.replace('      range:', `${lines}      range:`) });

test('a network that says no more than addresses offers nothing', (t) => {
  t.deepEqual(offered(good({}), '192.168.0.7'), {});
  t.deepEqual(
    offered(withDhcp('      dns: [192.168.0.254]\n      domain: a.b\n'), undefined),
    {},
    'DHCP tells it',
  );
});

test('where another server gives the addresses, name servers are offered too', (t) => {
  const config = good({
    'rackseed.yaml': RACKSEED.replace(
      'mode: authoritative',
      'mode: proxy\n      dns: [192.168.0.254]\n      search: [a.b]',
    ),
  });
  t.deepEqual(offered(config, undefined), { resolver: { servers: ['192.168.0.254'], domains: ['a.b'] } });
});

test('time and names are those of the subnet that the address is in', (t) => {
  const config = good({
    'rackseed.yaml': RACKSEED.replace(
      'default_profile',
      `    relayed: [{ subnet: 10.1.0.0/24, range: 10.1.0.10-10.1.0.20, ntp: [10.1.0.1], search: [far.example] }]
default_profile`,
    ).replace('      range: 192', '      ntp: [192.168.0.254, 192.168.0.253]\n      range: 192'),
  });
  t.deepEqual(offered(config, '192.168.0.7'), { ntp: { servers: ['192.168.0.254', '192.168.0.253'] } });
  t.deepEqual(offered(config, '10.1.0.12'), {
    ntp: { servers: ['10.1.0.1'] },
    resolver: { servers: [], domains: ['far.example'] },
  });
});

const MIRROR: Offers = {
  mirror: {
    address: '192.168.0.254',
    ca: 'CA\n',
    registries: [{ name: 'quay.io', url: 'https://quay.io', mirror: 'https://192.168.0.254:5001' }],
  },
};
const DISK = {
  device: 'auto',
  minimumSize: 0,
  filesystem: 'ext4',
  label: 'X',
  directories: ['/var/lib/docker'],
  wait: 1,
} as const;

function described(family: string, offers: Offers, parts = {}): NodeDescription {
  return describeNode(profile('ignition', family, parts), { ...VARIABLES, ...offers });
}
const pathsOf = ({ files }: NodeDescription) => files.map(({ path }) => path);
const unitsOf = ({ units }: NodeDescription) => units.map(({ name }) => name);

test('a machine that runs no containers is told of no mirror', (t) => {
  const node = described('flatcar', { ...MIRROR, proxy: { http: 'http://p', no_proxy: 'localhost' } });
  t.deepEqual([pathsOf(node), unitsOf(node)], [[], []]);
});

test('engines that began without their settings are started again: by the disk’s units, or by one of their own', (t) => {
  const kubernetes = {
    role: 'worker',
    kubelet: { source: 'image' },
    labels: {},
    taints: [],
    config: {},
  } as const;
  const own = described('lab', MIRROR, { kubernetes });
  t.true(unitsOf(own).includes('rackseed-engine-settings.service'));
  const disk = described('lab', MIRROR, { kubernetes, dockerDisk: DISK });
  t.false(unitsOf(disk).includes('rackseed-engine-settings.service'));
  t.true(unitsOf(disk).includes('rackseed-restart-engines.service'));
});

test('Docker is told of a mirror of docker.io, since it can have no other', (t) => {
  t.false(
    pathsOf(described('flatcar', MIRROR, { dockerDisk: DISK })).some((path) =>
      path.startsWith('/etc/docker'),
    ),
  );
});

test('a file that the profile writes itself takes the place of what would be told', (t) => {
  const path = '/etc/containerd/certs.d/quay.io/hosts.toml';
  const cloudConfig = { write_files: [{ path, content: 'own\n' }] };
  const { files } = described('flatcar', MIRROR, { dockerDisk: DISK, cloudConfig });
  const file = files.find((candidate) => candidate.path === path);
  t.is(Buffer.from(file?.content ?? '').toString(), 'own\n');
  t.is(file?.origin, 'mirror, changed by profile worker');
});

const FAMILIES: readonly [family: string, time: string | undefined, names: boolean][] = [
  ['flatcar', 'systemd-timesyncd.service', true],
  ['coreos', 'systemd-timesyncd.service', true],
  ['debian', 'systemd-timesyncd.service', false],
  ['ubuntu', 'systemd-timesyncd.service', true],
  ['fedora-coreos', 'chronyd.service', true],
  ['rocky', 'chronyd.service', false],
  ['homemade', undefined, false],
];

for (const [family, time, names] of FAMILIES) {
  test(`${family} is told of time by ${time ?? 'nothing'}${names ? ' and of names by systemd-resolved' : ''}`, (t) => {
    const resolver = { servers: [], domains: ['a.b', 'c.d'] };
    const node = described(family, { ntp: { servers: ['10.0.0.1', '10.0.0.2'] }, resolver });
    t.deepEqual(unitsOf(node), [...(time ? [time] : []), ...(names ? ['systemd-resolved.service'] : [])]);
    const texts = node.files.map(({ content }) => Buffer.from(content).toString()).join('');
    if (time === 'chronyd.service') t.regex(texts, /^server 10\.0\.0\.1 iburst\nserver 10\.0\.0\.2 iburst\n/);
    else t.is(texts.includes('NTP=10.0.0.1 10.0.0.2\n'), time !== undefined);
    t.is(texts.includes('[Resolve]\nDomains=a.b c.d\n'), names);
  });
}

test('archives are loaded into the engine that the profile’s containers run in', (t) => {
  const archives = [{ url: 'http://s/assets/a.tar', sha256: 'ab' }];
  const kubernetes = {
    role: 'worker',
    kubelet: { source: 'image' },
    labels: {},
    taints: [],
    config: {},
  } as const;
  const commandOf = (parts: object) => {
    const node = describeNode(
      profile('ignition', 'flatcar', parts),
      VARIABLES,
      undefined,
      false,
      undefined,
      archives,
    );
    const unit = node.units.find(({ name }) => name === 'rackseed-preload.service');
    return /ExecStart=([\s\S]*?)\nRestart/.exec(unit?.content ?? '')?.[1]?.replace(/ \\\n\s*/g, ' ');
  };
  t.is(commandOf({ kubernetes }), '/opt/bin/rackseed-preload containerd /var/tmp http://s/assets/a.tar ab');
  t.is(
    commandOf({ dockerDisk: DISK }),
    '/opt/bin/rackseed-preload docker /var/lib/nodedata http://s/assets/a.tar ab',
  );
});
