import test from 'ava';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { planBoot } from '../../src/boot/plan.ts';
import { formatPath } from '../../src/config/problem.ts';
import { checkCloudInit } from '../../src/provision/check-cloud-init.ts';
import { renderCloudInit } from '../../src/provision/cloud-init.ts';
import type { NodeDescription } from '../../src/provision/node.ts';
import { file, HOSTILE, node, profile, unit } from '../support/nodes.ts';
import { KNOWN, NETWORK } from '../support/provisioning.ts';
import { askCloudInit, convertNetworkConfig, validateCloudInit } from '../support/validators.ts';

const DEBIAN = profile('cloud-init', 'debian');
const MACHINE = { mac: KNOWN, hostname: 'node-1', domain: 'kubernetes.local' };

interface UserData {
  write_files?: { path: string; content: string; encoding?: string; [key: string]: unknown }[];
  runcmd?: (string | string[])[];
  users?: unknown[];
  [key: string]: unknown;
}

function render(description: NodeDescription, cloudInit?: Record<string, unknown>): UserData {
  return load(documents(description, cloudInit).userData) as UserData;
}

function documents(description: NodeDescription, cloudInit?: Record<string, unknown>) {
  return renderCloudInit(description, { ...DEBIAN, ...(cloudInit && { cloudInit }) }, MACHINE);
}

/** A node with something in every place. */
const EVERYTHING = node({
  hostname: 'worker-01',
  manageEtcHosts: 'localhost',
  sshAuthorizedKeys: ['ssh-ed25519 AAAA admin'],
  users: [
    {
      name: 'app',
      passwd: '$6$x',
      homedir: '/srv/app',
      no_create_home: true,
      groups: ['docker'],
      system: true,
    },
  ],
  files: [
    file('/etc/motd', 'hello\n'),
    file('/etc/empty', ''),
    file('/etc/key', 'a\tb', { permissions: '0600', owner: 'app:app', secret: true }),
    file('/etc/roots', 'x', { owner: 'root:root' }),
  ],
  units: [
    unit('own.service', { content: '[Service]\nExecStart=/bin/true\n', enable: true, command: 'start' }),
    unit('docker.service', { command: 'restart', dropIns: [{ name: '10-wait.conf', content: '[Unit]\n' }] }),
    unit('short.service', { content: '[Service]\n', runtime: true, enable: true }),
    unit('gone.service', { mask: true, content: 'x' }),
    unit('gone-today.service', { mask: true, runtime: true }),
    unit('10-eth.network', { content: '[Match]\nName=eth0\n' }),
    unit("odd'name.service", { command: 'stop' }),
  ],
});

test('a node of which nothing is said gives documents that do nothing', async (t) => {
  const { userData, metaData, vendorData } = documents(node());
  t.is(userData, '#cloud-config\n{}\n');
  t.regex(metaData, /^instance-id: 52-54-00-00-00-01-[0-9a-f]{12}\nlocal-hostname: node-1\n$/);
  t.is(vendorData, '');
  t.is(await validateCloudInit(userData), '');
});

test('cloud-init’s schema accepts everything that a node can say', async (t) => {
  t.is(await validateCloudInit(documents(EVERYTHING).userData), '');
});

test('the name comes with the domain of the network, unless it has one itself', (t) => {
  t.like(render(EVERYTHING), {
    hostname: 'worker-01',
    fqdn: 'worker-01.kubernetes.local',
    manage_etc_hosts: 'localhost',
  });
  t.deepEqual(render(node({ hostname: 'a.b' })), { hostname: 'a.b' });
});

test('who has a key of core’s is an administrator, and the image’s own user stays', (t) => {
  t.deepEqual(render(EVERYTHING).users, [
    'default',
    {
      name: 'core',
      shell: '/bin/bash',
      sudo: 'ALL=(ALL) NOPASSWD:ALL',
      ssh_authorized_keys: ['ssh-ed25519 AAAA admin'],
    },
    {
      name: 'app',
      hashed_passwd: '$6$x',
      lock_passwd: false,
      homedir: '/srv/app',
      no_create_home: true,
      groups: ['docker'],
      system: true,
    },
  ]);
});

test('files have their mode as text; those of users that cloud-init has yet to create are deferred', (t) => {
  t.deepEqual(render(EVERYTHING).write_files?.slice(0, 4), [
    { path: '/etc/motd', permissions: '0644', content: 'hello\n' },
    { path: '/etc/empty', permissions: '0644', content: '' },
    {
      path: '/etc/key',
      permissions: '0600',
      owner: 'app:app',
      defer: true,
      encoding: 'b64',
      content: Buffer.from('a\tb').toString('base64'),
    },
    { path: '/etc/roots', permissions: '0644', owner: 'root:root', content: 'x' },
  ]);
});

test('units are files, then one reload, masks, enables, and commands in the order of the list, each bounded', (t) => {
  const { write_files, runcmd } = render(EVERYTHING);
  t.deepEqual(
    write_files?.slice(4).map(({ path }) => path),
    [
      '/etc/systemd/system/own.service',
      '/etc/systemd/system/docker.service.d/10-wait.conf',
      '/run/systemd/system/short.service',
      '/etc/systemd/network/10-eth.network',
    ],
  );
  t.deepEqual(
    runcmd?.map((words) => [words].flat().join(' ')),
    [
      'systemctl daemon-reload',
      'systemctl mask gone.service',
      'systemctl mask --runtime gone-today.service',
      'systemctl enable own.service',
      'systemctl enable --runtime short.service',
      'systemctl try-restart systemd-networkd.service',
      'timeout 300 systemctl start own.service',
      'timeout 300 systemctl restart docker.service',
      "timeout 300 systemctl stop odd'name.service",
    ],
  );
});

test('cloud-init makes a shell script of the commands that runs just these words', async (t) => {
  const program = 'from cloudinit import util\nanswer = util.shellify(data)';
  const script = (await askCloudInit(program, render(EVERYTHING).runcmd)) as string;
  t.regex(script, /^'timeout' '300' 'systemctl' 'start' 'own\.service'$/m);
  t.true(script.includes(`'odd'\\''name.service'`));
});

test('the fragment is laid over the rest', async (t) => {
  const atomic = {
    hostname: 'atomic-01',
    write_files: [
      { path: '/etc/motd', permissions: '0600', content: 'mine' },
      { path: '/etc/kubernetes/config', content: 'KUBE_MASTER="--master=http://10.0.0.1:8080"\n' },
    ],
    users: [{ name: 'app', shell: '/bin/zsh' }, { name: 'other' }],
    bootcmd: ['mkdir -p /etc/sysconfig/docker-network.d'],
    runcmd: ['systemctl restart kubelet', ['touch', '/a b']],
    chpasswd: { expire: false },
    final_message: 'atomic host up after $UPTIME s',
  };
  const document = render(EVERYTHING, atomic);
  t.is(await validateCloudInit(documents(EVERYTHING, atomic).userData), '');
  t.like(document, {
    hostname: 'atomic-01',
    bootcmd: atomic.bootcmd,
    chpasswd: { expire: false },
    final_message: atomic.final_message,
  });
  t.deepEqual(document.write_files?.[0], atomic.write_files[0] as never);
  t.is(document.write_files?.at(-1)?.path, '/etc/kubernetes/config');
  t.deepEqual(document.users?.slice(2), atomic.users);
  t.is(document.runcmd?.length, 11);
  t.deepEqual(document.runcmd?.slice(-2), atomic.runcmd);
});

test('the instance id stays while the document does, whatever keys it holds', (t) => {
  const id = (description: NodeDescription) =>
    (load(documents(description).metaData) as { 'instance-id': string })['instance-id'];
  const key = (content: string) => file('/etc/key', content, { secret: true });
  t.is(id(node({ files: [key('a')] })), id(node({ files: [key('b')] })));
  t.is(id(node({ files: [key('a')] })), id(node()));
  t.not(id(node({ hostname: 'a' })), id(node()));
});

test('the network is asked for an address on the card that booted', async (t) => {
  const files = await convertNetworkConfig(documents(node()).networkConfig);
  t.regex(files, /^MACAddress=52:54:00:00:00:01$/m);
  t.regex(files, /^DHCP=ipv4$/m);
});

test('cloud-init reads the address as text even where YAML would count in sixties', async (t) => {
  const mac = '52:54:00:12:34:56';
  const { networkConfig } = renderCloudInit(node(), DEBIAN, { mac, hostname: 'a' });
  const read = await askCloudInit('from cloudinit import util\nanswer = util.load_yaml(data)', networkConfig);
  t.like(read as object, { version: 2, ethernets: { boot: { match: { macaddress: mac } } } });
});

test('cloud-init finds the documents by the kernel argument', async (t) => {
  const machine = {
    admission: 'boot',
    mac: KNOWN,
    hostname: 'a',
    profile: { ...DEBIAN, cloudConfig: {} },
    reason: '',
    entry: { mac: KNOWN, labels: {}, adoptDisk: false },
    labels: {},
  } as const;
  const plan = planBoot(machine, NETWORK, ['root=/dev/ram0']);
  const args = plan.kind === 'image' ? plan.args.join(' ') : '';
  t.is(args, 'root=/dev/ram0 ds=nocloud-net;s=http://192.168.0.254/nocloud/52-54-00-00-00-01/');
  const found = await askCloudInit(
    `from cloudinit.sources import DataSourceNoCloud as source
answer = {}
source.load_cmdline_data(answer, data)`,
    args,
  );
  t.deepEqual(found, { seedfrom: 'http://192.168.0.254/nocloud/52-54-00-00-00-01/', dsmode: 'net' });
});

// --- hostile values ---

const hostileNode = (text: string) =>
  node({
    hostname: text,
    files: [file('/etc/a', text)],
    units: [unit('a.service', { content: text })],
  });

test('no text of a profile breaks the document, as cloud-init itself reads it', async (t) => {
  const texts = [...HOSTILE, ...fc.sample(fc.string({ unit: 'binary' }), { numRuns: 300, seed: 1 })];
  const read = await askCloudInit(
    `from cloudinit import util
from cloudinit.config import cc_write_files as files
import base64
def read(text):
    document = util.load_yaml(text)
    contents = [files.extract_contents(f['content'], files.canonicalize_extraction(f.get('encoding')))
                for f in document['write_files']]
    raw = [c if isinstance(c, bytes) else c.encode() for c in contents]
    return [document['hostname'], [base64.b64encode(r).decode() for r in raw]]
answer = [read(text) for text in data]`,
    texts.map((text) => documents(hostileNode(text)).userData),
  );
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  t.deepEqual(
    read,
    texts.map((text) => [text, [encoded(text), encoded(text)]]),
  );
});

test('every document begins with the line that cloud-init looks for', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), (text) => {
      t.is(documents(hostileNode(text)).userData.split('\n')[0], '#cloud-config');
    }),
  );
});

// --- checks ---

const REFUSED: readonly [string, Parameters<typeof profile>[2], string, RegExp][] = [
  ['flatcar', {}, 'boot.document', /^Flatcar has no cloud-init$/],
  ['fedora-coreos', {}, 'boot.document', /^Fedora CoreOS has no/],
  [
    'debian',
    { cloudConfig: { coreos: { update: {} } } },
    'cloud_config.coreos.update',
    /only CoreOS and Flatcar/,
  ],
  [
    'debian',
    { cloudConfig: { write_files: [{ path: '/a', owner: '500:app' }] } },
    'cloud_config.write_files[0].owner',
    /by name only/,
  ],
  [
    'debian',
    { cloudConfig: { users: [{ name: 'a', coreos_ssh_import_url: 'x' }] } },
    'cloud_config.users[0].coreos_ssh_import_url',
    /ssh_import_id/,
  ],
  ['debian', { cloudInit: { runcmd: 'reboot' } }, 'cloud_init.runcmd', /must be a list/],
  [
    'debian',
    { cloudInit: { write_files: [{ content: 'x' }] } },
    'cloud_init.write_files[0]',
    /path is missing/,
  ],
];

for (const [family, parts, path, message] of REFUSED) {
  test(`${path} of ${family} is refused: ${message.source}`, (t) => {
    const problems = checkCloudInit(profile('cloud-init', family, parts));
    t.deepEqual(
      problems.map((problem) => formatPath(problem.path)),
      [path],
    );
    t.regex(problems[0]?.message ?? '', message);
  });
}

test('what cloud-init can say passes the check', (t) => {
  const cloudConfig = {
    write_files: [{ path: '/a', owner: 'app:app' }],
    coreos: { units: [{ name: 'a.service', command: 'stop' }] },
  };
  const cloudInit = { runcmd: ['a'], write_files: [{ path: '/b' }], final_message: 'up' };
  t.deepEqual(checkCloudInit(profile('cloud-init', 'atomic', { cloudConfig, cloudInit })), []);
});
