import test, { type ExecutionContext } from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { renderDocument } from '../../src/provision/document.ts';
import { type Namespace, rackFor } from '../support/netns.ts';
import { profile } from '../support/nodes.ts';
import { folderFor, makeOpensslCa } from '../support/openssl.ts';
import { run, runChecked } from '../support/process.ts';
import { createTestApp, KNOWN, UUID } from '../support/provisioning.ts';
import { serviceFor } from '../support/service.ts';
import { askCloudInit, validateCloudInit, validateIgnition } from '../support/validators.ts';
import { VARIABLES } from '../support/variables.ts';

/** What curl gets. */
async function curl(...args: string[]): Promise<{ status: number; body: string }> {
  const stdout = await runChecked(['curl', '-sS', '-w', '\n%{http_code}', ...args]);
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

/** A listening app whose machine has this profile; gives its URL. */
async function serve(t: ExecutionContext, given: Profile) {
  const { listen, event } = await createTestApp(t, {
    settings: { profiles: new Map([['worker', given]]) },
    renderDocument: async ({ entry }, _, request) =>
      renderDocument(request, { profile: given, variables: VARIABLES, adoptDisk: entry.adoptDisk }),
  });
  return { base: await listen(), event };
}

const cloudConfig = {
  hostname: '{{ machine.hostname }}',
  ssh_authorized_keys: ['ssh-ed25519 AAAA admin'],
  write_files: [{ path: '/etc/motd', content: 'on {{ network.name }}\n' }],
  coreos: {
    units: [{ name: 'a.service', command: 'start', content: '[Service]\nExecStart=/bin/true\n' }],
  },
};

test('curl, asking like Ignition, gets a configuration that ignition-validate accepts', async (t) => {
  const ignition = { passwd: { groups: [{ name: '{{ machine.labels.rack }}' }] } };
  const { base, event } = await serve(t, profile('ignition', 'flatcar', { cloudConfig, ignition }));
  const accept = 'Accept: application/vnd.coreos.ignition+json;version=3.5.0, */*;q=0.1';
  const { status, body } = await curl('-A', 'Ignition/2.24.0', '-H', accept, `${base}/ignition?uuid=${UUID}`);
  t.is(status, 200);
  t.is(await validateIgnition(body), '');
  t.like(JSON.parse(body), { ignition: { version: '3.3.0' }, passwd: { groups: [{ name: 'r1' }] } });
  t.like(await event('document'), { mac: KNOWN, format: 'ignition', bytes: Buffer.byteLength(body) });
});

test('curl, asking like an old Ignition, gets as old a configuration', async (t) => {
  const { base } = await serve(t, profile('ignition', 'flatcar', { cloudConfig }));
  const accept = 'Accept: application/vnd.coreos.ignition+json;version=3.1.0, */*;q=0.1';
  const { body } = await curl('-H', accept, `${base}/ignition/${KNOWN}`);
  t.is(await validateIgnition(body), '');
  t.like(JSON.parse(body), { ignition: { version: '3.1.0' } });
});

test('cloud-init itself reads its documents, and user-data is what its schema accepts', async (t) => {
  const cloudInit = { final_message: 'up on {{ network.name }}' };
  const { base, event } = await serve(t, profile('cloud-init', 'debian', { cloudConfig, cloudInit }));
  const seed = `${base}/nocloud/52-54-00-00-00-01/`;
  const read = await askCloudInit(
    `from cloudinit import util
meta, user, vendor = util.read_seeded(data)
answer = [meta, user.decode(), vendor.decode()]`,
    seed,
  );
  const [metaData, userData, vendorData] = read as [Record<string, string>, string, string];
  t.is(metaData['local-hostname'], 'worker-01');
  t.is(vendorData, '');
  t.is(await validateCloudInit(userData), '');
  t.regex(userData, /^#cloud-config\nhostname: worker-01\nfqdn: worker-01\.kubernetes\.local\n/);
  t.regex(userData, /^final_message: up on kubernetes1$/m);
  t.like(await event('document', 3), { format: 'cloud-init' });
  const { status, body } = await curl(`${seed}network-config`);
  t.is(status, 200);
  t.regex(body, /^version: 2\n/);
});

test('a node’s document with its keys is for the machine alone, at the address it leased', async (t) => {
  const ca = await makeOpensslCa(await folderFor(t), 'ECDSA P-256, SEC 1');
  const { server, clients, macs } = await rackFor(t, 2);
  const kubernetes = { server: 'https://192.168.0.254:6443', ca: ca.certificate, ca_key: ca.key };
  const service = await serviceFor(t, server, {
    top: { kubernetes },
    machines: macs.map((mac, index) => ({ mac, hostname: `worker-0${index + 1}` })),
    profile: {
      boot: { image: 'lab', document: 'ignition' },
      kubernetes: { role: 'worker' },
      cloud_config: { hostname: '{{ machine.hostname }}' },
    },
  });
  const ask = async (from: Namespace | undefined) => {
    const url = `http://192.168.0.254/ignition/${macs[0]}`;
    const { stdout } = await run(from?.command(['curl', '-sS', '-w', '\n%{http_code}', url]) ?? []);
    return stdout;
  };
  t.regex(await ask(server), /\n403$/, 'before it has an address');

  await Promise.all(
    clients.map(async (client, index) => {
      await run(client.command(['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true']));
      const { leases } = await service.get<{ leases: { mac: string; address: string }[] }>('/v1/leases');
      const lease = leases.find(({ mac }) => mac === macs[index]);
      await client.ip(`address add ${lease?.address}/24 dev eth0`);
    }),
  );
  const [own, strangers, servers] = [await ask(clients[0]), await ask(clients[1]), await ask(server)];
  t.regex(strangers, /\n403$/);
  t.regex(servers, /\n403$/);
  const document = own.replace(/\n200$/, '');
  t.is(await validateIgnition(document), '');
  const { storage } = JSON.parse(document) as { storage: { files: { path: string; mode: number }[] } };
  t.like(
    storage.files.find(({ path }) => path === '/etc/kubernetes/kubeconfig'),
    { mode: 0o600 },
  );
  t.is(await service.metric('rackseed_http_documents_total'), 1);
});
