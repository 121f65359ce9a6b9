import test, { type ExecutionContext } from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { renderDocument } from '../../src/provision/document.ts';
import { profile } from '../support/nodes.ts';
import { runChecked } from '../support/process.ts';
import { createTestApp, KNOWN, UUID } from '../support/provisioning.ts';
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
  const { listen, event, token } = await createTestApp(t, {
    settings: { profiles: new Map([['worker', given]]) },
    renderDocument: async ({ entry }, _, request) =>
      renderDocument(request, { profile: given, variables: VARIABLES, adoptDisk: entry.adoptDisk }),
  });
  return { base: await listen(), event, token: await token() };
}

/** The profile with its keys in its document. */
function inline(given: Profile): Profile {
  return { ...given, boot: { ...given.boot, secrets: 'inline' } as Profile['boot'] };
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
  const { base, event, token } = await serve(
    t,
    inline(profile('ignition', 'flatcar', { cloudConfig, ignition })),
  );
  const accept = 'Accept: application/vnd.coreos.ignition+json;version=3.5.0, */*;q=0.1';
  const { status, body } = await curl(
    '-A',
    'Ignition/2.24.0',
    '-H',
    accept,
    `${base}/ignition?uuid=${UUID}&token=${token}`,
  );
  t.is(status, 200);
  t.is(await validateIgnition(body), '');
  t.like(JSON.parse(body), { ignition: { version: '3.3.0' }, passwd: { groups: [{ name: 'r1' }] } });
  t.like(await event('document'), { mac: KNOWN, format: 'ignition', bytes: Buffer.byteLength(body) });
});

test('curl, asking like an old Ignition, gets as old a configuration', async (t) => {
  const { base, token } = await serve(t, inline(profile('ignition', 'flatcar', { cloudConfig })));
  const accept = 'Accept: application/vnd.coreos.ignition+json;version=3.1.0, */*;q=0.1';
  const { body } = await curl('-H', accept, `${base}/ignition/${KNOWN}?token=${token}`);
  t.is(await validateIgnition(body), '');
  t.like(JSON.parse(body), { ignition: { version: '3.1.0' } });
});

test('cloud-init itself reads its documents, and user-data is what its schema accepts', async (t) => {
  const cloudInit = { final_message: 'up on {{ network.name }}' };
  const { base, event, token } = await serve(t, profile('cloud-init', 'debian', { cloudConfig, cloudInit }));
  const seed = `${base}/nocloud/52-54-00-00-00-01/${token}/`;
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
