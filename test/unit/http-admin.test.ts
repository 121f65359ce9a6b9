import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Lease } from '../../src/dhcp/leases.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { createTestAdmin } from '../support/admin.ts';
import { subnet } from '../support/dhcp.ts';
import { KNOWN, NETWORK, testConfig } from '../support/provisioning.ts';
import { machineView, macNumber, RackDouble, SEEN } from '../support/rack-double.ts';

const address = (text: string) => parseIpv4(text) as Ipv4;

const dhcp = { role: 'authoritative' } as const;

test('/healthz says that the process lives, /readyz that it works', async (t) => {
  const { app } = await createTestAdmin(t);
  const starting = await createTestAdmin(t, { ready: () => false });
  t.is((await starting.app.inject('/healthz')).statusCode, 200);
  t.is((await app.inject('/readyz')).statusCode, 200);
  const answer = await starting.app.inject('/readyz');
  t.is(answer.statusCode, 503);
  t.deepEqual(answer.json(), {
    title: 'Service Unavailable',
    status: 503,
    detail: 'the service is starting',
  });
});

test('/readyz names what does not work', async (t) => {
  const { app } = await createTestAdmin(t, { troubles: () => ['store', 'network kubernetes1'] });
  const answer = await app.inject('/readyz');
  t.is(answer.statusCode, 503);
  t.is(
    answer.json().detail,
    'something does not work: store, network kubernetes1; the log and the events say what',
  );
});

test('/v1/machines tells all that is known of a machine, times in UTC', async (t) => {
  const full = machineView(1, {
    cards: [macNumber(1), macNumber(2)],
    state: 'stuck',
    hostname: 'worker-01',
    profile: 'worker',
    index: 1,
    admission: 'boot',
    reason: 'default_profile',
    labels: { rack: '7' },
    decision: {
      mac: macNumber(1),
      verdict: 'approved',
      labels: { rack: '7' },
      bootOnce: 'rescue',
      adoptDisk: true,
      by: 'ops',
      at: SEEN + 1,
    },
    address: address('192.168.0.7'),
    firmware: 'BIOS',
    loader: 'undionly.kpxe',
    attachment: { circuit: 'Gi1/0/7' },
    inventory: { serial: 'CZ 1', platform: 'pcbios' },
    stage: 'kernel',
    stageAt: SEEN + 2,
    progress: { file: 'initrd', bytes: 5, size: 10 },
    stuck: { stage: 'kernel', since: SEEN + 3, cause: 'the file is missing' },
    revision: 4,
  });
  const { app } = await createTestAdmin(t, { rack: new RackDouble([full]) });
  const answer = await app.inject('/v1/machines');
  t.is(answer.statusCode, 200);
  t.deepEqual(answer.json(), {
    machines: [
      {
        mac: '52:54:00:00:00:01',
        cards: ['52:54:00:00:00:01', '52:54:00:00:00:02'],
        state: 'stuck',
        since: '2026-01-02T03:04:05.000Z',
        hostname: 'worker-01',
        profile: 'worker',
        index: 1,
        admission: 'boot',
        reason: 'default_profile',
        labels: { rack: '7' },
        bootOnce: 'rescue',
        decidedBy: 'ops',
        decidedAt: '2026-01-02T03:04:05.001Z',
        adoptDisk: true,
        network: 'kubernetes1',
        address: '192.168.0.7',
        firmware: 'BIOS',
        loader: 'undionly.kpxe',
        attachment: { circuit: 'Gi1/0/7' },
        inventory: { serial: 'CZ 1', platform: 'pcbios' },
        firstSeen: '2026-01-02T03:04:05.000Z',
        lastSeen: '2026-01-02T03:04:05.000Z',
        stage: 'kernel',
        stageAt: '2026-01-02T03:04:05.002Z',
        progress: { file: 'initrd', bytes: 5, size: 10 },
        stuck: { stage: 'kernel', since: '2026-01-02T03:04:05.003Z', cause: 'the file is missing' },
        revision: 4,
      },
    ],
    total: 1,
  });
});

test('a machine is found by any of its cards, in any usual notation, and has its revision as entity tag', async (t) => {
  const machine = machineView(0xab, { cards: [macNumber(0xab), macNumber(0xcd)], revision: 7 });
  const { app } = await createTestAdmin(t, { rack: new RackDouble([machine]) });
  for (const written of ['52:54:00:00:00:ab', '52-54-00-00-00-AB', '5254.0000.00cd', '5254000000ab']) {
    const answer = await app.inject(`/v1/machines/${written}`);
    t.is(answer.statusCode, 200, written);
    t.is(answer.headers.etag, '"7"');
    t.is(answer.json().mac, machine.mac);
  }
  t.is((await app.inject('/v1/machines/52:54:00:00:00:99')).statusCode, 404);
  t.is((await app.inject('/v1/machines/worker-01')).statusCode, 400);
});

test('a machine’s boots are told in full', async (t) => {
  const { app, rack } = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  rack.story.boots = [
    { number: 2, began: SEEN, entries: [{ kind: 'discover', at: SEEN, detail: 'BIOS' }] },
    { number: 1, began: SEEN, entries: [] },
  ];
  const answer = await app.inject(`/v1/machines/${macNumber(1)}/boots`);
  t.deepEqual(answer.json(), {
    boots: [
      {
        number: 2,
        began: '2026-01-02T03:04:05.000Z',
        entries: [{ kind: 'discover', at: '2026-01-02T03:04:05.000Z', detail: 'BIOS' }],
      },
      { number: 1, began: '2026-01-02T03:04:05.000Z', entries: [] },
    ],
  });
});

test('what a machine would get next is told, or why it would get nothing', async (t) => {
  const { app, rack } = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  const ask = () => app.inject(`/v1/machines/${macNumber(1)}/next`);
  const held = await ask();
  t.is(held.statusCode, 409);
  t.regex(held.json().detail, /may not boot: no entry in machines\//);
  rack.story.next = { script: '#!ipxe\n', document: { format: 'ignition', text: '{}' } };
  t.deepEqual((await ask()).json(), rack.story.next);
  rack.story.next = new Error('profile worker: machine.labels.rack is missing');
  const broken = await ask();
  t.is(broken.statusCode, 409);
  t.is(broken.json().detail, 'profile worker: machine.labels.rack is missing');
});

test('leases are told by network and address, in pages', async (t) => {
  const lease = (text: string, changes: Partial<Lease> = {}): Lease => ({
    address: address(text),
    mac: KNOWN,
    expires: SEEN,
    ...changes,
  });
  const leases = [
    lease('192.168.0.10'),
    lease('192.168.0.9', { mac: undefined, expires: Number.POSITIVE_INFINITY }),
  ];
  const { app } = await createTestAdmin(t, {
    networks: () => [{ name: 'kubernetes1', dhcp, leases: { size: 100, leases: () => leases.values() } }],
  });
  const first = (await app.inject('/v1/leases?limit=1')).json();
  t.deepEqual(first.leases, [{ network: 'kubernetes1', address: '192.168.0.9' }]);
  const second = (await app.inject(`/v1/leases?limit=1&cursor=${first.next}`)).json();
  t.deepEqual(second, {
    leases: [
      { network: 'kubernetes1', address: '192.168.0.10', mac: KNOWN, expires: '2026-01-02T03:04:05.000Z' },
    ],
  });
});

test('the use of a network’s pool counts running leases of its ranges, and says who gives the addresses', async (t) => {
  const config = testConfig();
  const range = { first: address('192.168.0.1'), last: address('192.168.0.100') };
  const network = { ...NETWORK, dhcp: { ...NETWORK.dhcp, ranges: [range] } };
  const entry = { mac: KNOWN, address: address('192.168.0.200'), labels: {}, adoptDisk: false };
  const leases: Lease[] = [
    { address: address('192.168.0.7'), mac: KNOWN, expires: Number.POSITIVE_INFINITY },
    { address: address('192.168.0.8'), mac: KNOWN, expires: 1 },
    { address: address('192.168.0.9'), mac: undefined, expires: Number.POSITIVE_INFINITY },
    { address: address('192.168.0.200'), mac: KNOWN, expires: Number.POSITIVE_INFINITY },
  ];
  const { app } = await createTestAdmin(t, {
    config: () => ({ ...config, networks: [network], machines: new Map([[KNOWN, entry]]) }),
    networks: () => [
      {
        name: 'kubernetes1',
        dhcp: { role: 'proxy', otherServer: address('192.168.0.9') },
        leases: { size: 100, leases: () => leases.values() },
      },
      { name: 'gone', dhcp, leases: { size: 1, leases: () => [].values() } },
    ],
  });
  t.deepEqual((await app.inject('/v1/networks')).json(), {
    networks: [
      {
        name: 'kubernetes1',
        interface: 'eth1',
        address: '192.168.0.254/24',
        dhcp: { mode: 'authoritative', role: 'proxy', otherServer: '192.168.0.9' },
        pool: { size: 100, leased: 1, quarantined: 1 },
        reservations: 1,
      },
    ],
  });
});

test('profiles are told with the number of their machines', async (t) => {
  const rack = new RackDouble([machineView(1, { profile: 'worker' }), machineView(2, { profile: 'worker' })]);
  const { app } = await createTestAdmin(t, { rack });
  t.deepEqual((await app.inject('/v1/profiles')).json(), {
    profiles: [
      {
        name: 'worker',
        chain: ['worker'],
        image: 'flatcar/1',
        document: 'cloud-config',
        kubernetes: false,
        machines: 2,
      },
      { name: 'disk', chain: ['disk'], kubernetes: false, machines: 0 },
    ],
  });
});

test('images are told with their files, and those that are missing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-images-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const config = testConfig({ assets: { directory: folder, memory: 0 } });
  const { app } = await createTestAdmin(t, { config: () => config });
  const empty = { name: 'flatcar/1', files: [], profiles: ['worker'], missing: ['initrd.gz', 'vmlinuz'] };
  t.deepEqual((await app.inject('/v1/images')).json(), { images: [empty] });
  await mkdir(join(folder, 'flatcar/1/sub'), { recursive: true });
  await writeFile(join(folder, 'flatcar/1/vmlinuz'), 'kernel');
  await writeFile(join(folder, 'flatcar/1/.hidden'), 'hidden');
  t.deepEqual((await app.inject('/v1/images')).json(), {
    images: [
      {
        ...empty,
        links: [],
        uses: ['profile worker'],
        files: [{ name: 'vmlinuz', size: 6 }],
        missing: ['initrd.gz'],
      },
    ],
  });
});

test('settings are told as they were read, without keys and where they lie', async (t) => {
  const config = testConfig({
    kubernetes: {
      server: 'https://192.168.0.254:6443',
      ca: '/pki/secret-ca.crt',
      caKey: '/pki/secret-ca.key',
      kubeconfig: '/pki/secret-kubeconfig',
      join: 'certificate',
      certificateLifetime: 600,
      keyType: 'ecdsa',
      clusterDns: [],
      clusterDomain: 'cluster.local',
      podSubnet: subnet('10.244.0.0/16'),
      serviceSubnet: subnet('10.96.0.0/12'),
    },
    admin: {
      listen: { host: '::', port: 443 },
      local: { path: '/secret.sock' },
      names: ['rack.example'],
      tls: { certificate: '/pki/secret.crt', key: '/pki/secret.key' },
    },
  });
  const { app } = await createTestAdmin(t, { config: () => config });
  const answer = await app.inject('/v1/settings');
  t.notRegex(answer.body, /secret/);
  const { networks, admin, kubernetes, version, defaultProfile } = answer.json();
  t.deepEqual(admin, { listen: '[::]:443', names: ['rack.example'], tls: true });
  t.is(kubernetes.server, 'https://192.168.0.254:6443');
  t.is(networks[0].address, '192.168.0.254/24');
  t.is(version, '1.2.3');
  t.is(defaultProfile, 'worker');
});

test('/metrics speaks Prometheus’s text format', async (t) => {
  const { app } = await createTestAdmin(t);
  const answer = await app.inject('/metrics');
  t.regex(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  t.regex(answer.body, /^process_cpu_seconds_total \d/m);
  t.regex(answer.body, /^rackseed_admin_event_clients 0$/m);
});

test('the audit trail tells who changed what, the newest first', async (t) => {
  const { app } = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  await app.inject({ method: 'POST', url: `/v1/machines/${macNumber(1)}/approve` });
  await app.inject({ method: 'POST', url: `/v1/machines/${macNumber(1)}/refuse` });
  const { changes } = (await app.inject('/v1/changes')).json();
  t.deepEqual(
    changes.map(({ id, action, by, mac }: Record<string, unknown>) => ({ id, action, by, mac })),
    [
      { id: 2, action: 'refuse', by: 'local', mac: macNumber(1) },
      { id: 1, action: 'approve', by: 'local', mac: macNumber(1) },
    ],
  );
});
