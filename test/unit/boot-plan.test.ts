import test from 'ava';
import { planBoot } from '../../src/boot/plan.ts';
import type { Profile } from '../../src/config/config.ts';
import { profile } from '../support/nodes.ts';
import { KNOWN, NETWORK } from '../support/provisioning.ts';

/** The kernel arguments of a machine with a profile. */
function argsOf(given: Profile, token?: string): readonly string[] {
  const entry = { mac: KNOWN, labels: {}, adoptDisk: false };
  const machine = {
    admission: 'boot',
    mac: KNOWN,
    hostname: 'a',
    profile: given,
    reason: '',
    entry,
    labels: {},
  };
  const plan = planBoot(machine as Parameters<typeof planBoot>[0], NETWORK, ['quiet'], token);
  return plan.kind === 'image' ? plan.args : [];
}

const said = { cloudConfig: {} };
const BASE = 'http://192.168.0.254';
const MAC = '52-54-00-00-00-01';

const FORMATS: readonly [string, Profile, readonly string[]][] = [
  [
    'cloud-config on Flatcar',
    profile('cloud-config', 'flatcar', said),
    [`cloud-config-url=${BASE}/cloud-config/${MAC}`],
  ],
  [
    'Ignition on Flatcar',
    profile('ignition', 'flatcar', said),
    ['flatcar.first_boot=1', `ignition.config.url=${BASE}/ignition/${MAC}`],
  ],
  [
    'Ignition on Fedora CoreOS',
    profile('ignition', 'fedora-coreos', said),
    ['ignition.firstboot', 'ignition.platform.id=metal', `ignition.config.url=${BASE}/ignition/${MAC}`],
  ],
  [
    'Ignition on another image',
    profile('ignition', 'homemade', said),
    ['ignition.firstboot', 'ignition.platform.id=metal', `ignition.config.url=${BASE}/ignition/${MAC}`],
  ],
  ['cloud-init', profile('cloud-init', 'debian', said), [`ds=nocloud-net;s=${BASE}/nocloud/${MAC}/`]],
  [
    'a fragment of Ignition alone',
    profile('ignition', 'flatcar', { ignition: {} }),
    ['flatcar.first_boot=1', `ignition.config.url=${BASE}/ignition/${MAC}`],
  ],
  ['a fragment of another format', profile('ignition', 'flatcar', { cloudInit: {} }), []],
  ['a profile that says nothing', profile('cloud-config', 'flatcar'), []],
];

for (const [what, given, added] of FORMATS) {
  test(`${what} adds ${added.join(' ') || 'nothing'} to the kernel arguments`, (t) => {
    t.deepEqual(argsOf(given), ['quiet', ...added]);
  });
}

const WITH_TOKEN: readonly [string, Profile, string][] = [
  [
    'cloud-config',
    profile('cloud-config', 'flatcar', said),
    `cloud-config-url=${BASE}/cloud-config/${MAC}?token=T-_0`,
  ],
  [
    'Ignition',
    profile('ignition', 'flatcar', said),
    `ignition.config.url=${BASE}/ignition/${MAC}?token=T-_0`,
  ],
  // cloud-init puts its files' names right behind.
  ['cloud-init', profile('cloud-init', 'debian', said), `ds=nocloud-net;s=${BASE}/nocloud/${MAC}/T-_0/`],
];

for (const [what, given, argument] of WITH_TOKEN) {
  test(`the token of this boot is in the address of its document for ${what}`, (t) => {
    t.is(argsOf(given, 'T-_0').at(-1), argument);
  });
}

test('a machine without a document is told no token', (t) => {
  t.false(argsOf(profile('cloud-config', 'flatcar'), 'T-_0').join().includes('T-_0'));
});

test('an image that downloads its root file system is told where', (t) => {
  const given = profile('ignition', 'fedora-coreos', said);
  const boot = { ...given.boot, rootfs: 'root fs.img' } as Profile['boot'];
  t.deepEqual(argsOf({ ...given, boot }).slice(0, 2), [
    'quiet',
    `coreos.live.rootfs_url=${BASE}/assets/fedora-coreos/1/root%20fs.img`,
  ]);
});
