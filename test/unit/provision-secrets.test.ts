import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import type { Profile } from '../../src/config/config.ts';
import { type DocumentRequest, renderDocument } from '../../src/provision/document.ts';
import { packTar, type TarFile } from '../../src/provision/tar.ts';
import { profile } from '../support/nodes.ts';
import { folderFor } from '../support/openssl.ts';
import { runChecked } from '../support/process.ts';
import { JOIN, KUBERNETES } from '../support/profiles.ts';
import { validateCloudInit, validateIgnition } from '../support/validators.ts';
import { VARIABLES } from '../support/variables.ts';

const delivery = { url: 'https://192.168.0.254/secrets/52-54-00-12-34-56?token=T', caPem: 'CA\n' };
const material = { ...JOIN, kubeconfig: 'apiVersion: v1\nkind: Config\nkey: SECRET\n' };

const DOCUMENTS: readonly DocumentRequest[] = [
  { format: 'cloud-config' },
  { format: 'ignition', version: '3.3.0' },
  { format: 'cloud-init', file: 'user-data' },
];

function render(request: DocumentRequest, parts: Partial<Profile>, secrets: 'https' | 'inline' = 'https') {
  const given = profile(request.format, 'flatcar', parts);
  const boot = { ...given.boot, secrets } as Profile['boot'];
  return renderDocument(request, {
    profile: { ...given, boot },
    variables: VARIABLES,
    join: material,
    adoptDisk: false,
    delivery,
  });
}

/** True when a text holds the secret in clear, in base64 or in a data URL that is compressed. */
function holdsSecret(text: string): boolean {
  const blobs = text.match(/[A-Za-z0-9+/=]{40,}/g) ?? [];
  return [text, ...blobs.map((blob) => Buffer.from(blob, 'base64').toString('latin1'))].some((candidate) =>
    candidate.includes('SECRET'),
  );
}

for (const request of DOCUMENTS) {
  test(`a worker's ${request.format} holds no key, and fetches what does`, (t) => {
    const { text, secondStage } = render(request, { kubernetes: KUBERNETES });
    t.false(holdsSecret(text));
    t.true(holdsSecret(Buffer.from(secondStage?.body ?? '').toString('latin1')));
  });

  test(`with boot.secrets: inline, a worker's ${request.format} holds its keys itself`, (t) => {
    const { text, secondStage } = render(request, { kubernetes: KUBERNETES }, 'inline');
    t.true(holdsSecret(text));
    t.is(secondStage, undefined);
    t.false(text.includes('rackseed-secrets'));
  });
}

test('an Ignition configuration only points to the real one, by its hash and the server’s CA', async (t) => {
  const cloudConfig = { users: [{ name: 'core', passwd: '$6$SECRET' }] };
  const { text, secondStage } = render({ format: 'ignition', version: '3.3.0' }, { cloudConfig });
  t.is(await validateIgnition(text), '');
  const body = Buffer.from(secondStage?.body ?? '');
  t.is(await validateIgnition(body.toString()), '');
  t.deepEqual(JSON.parse(text), {
    ignition: {
      version: '3.3.0',
      config: {
        merge: [
          {
            source: delivery.url,
            verification: { hash: `sha512-${createHash('sha512').update(body).digest('hex')}` },
          },
        ],
      },
      security: { tls: { certificateAuthorities: [{ source: 'data:;base64,Q0EK' }] } },
    },
  });
  t.is(secondStage?.type, 'application/json');
});

for (const version of ['3.0.0', '3.1.0', '3.2.0'] as const) {
  test(`so does one for Ignition ${version}`, async (t) => {
    const { text } = render({ format: 'ignition', version }, { cloudConfig: { hostname: 'a' } });
    t.is(await validateIgnition(text), '');
    t.like(JSON.parse(text), { ignition: { version } });
  });
}

test('the kubelet of a cloud-config waits for its keys; nothing else starts or waits for the unit', (t) => {
  const { text } = render({ format: 'cloud-config' }, { kubernetes: KUBERNETES });
  const { coreos, write_files: files } = load(text) as {
    coreos: {
      units: { name: string; command?: string; content?: string; drop_ins?: { content: string }[] }[];
    };
    write_files: { path: string; permissions?: string; content: string }[];
  };
  const unit = coreos.units.find(({ name }) => name === 'rackseed-secrets.service');
  t.is(unit?.command, undefined);
  t.regex(unit?.content ?? '', /^Type=oneshot$/m);
  const kubelet = coreos.units.find(({ name }) => name === 'kubelet.service');
  t.is(kubelet?.command, 'start');
  t.deepEqual(
    kubelet?.drop_ins?.map(({ content }) => content),
    ['[Unit]\nRequires=rackseed-secrets.service\nAfter=rackseed-secrets.service\n'],
  );
  const curl = files.find(({ path }) => path === '/etc/rackseed/secrets.curl');
  t.is(curl?.permissions, '0600');
  t.is(curl?.content, `url = "${delivery.url}"\ncacert = "/etc/rackseed/boot-ca.crt"\n`);
  t.is(files.find(({ path }) => path === '/etc/rackseed/boot-ca.crt')?.content, 'CA\n');
});

test('a machine that joins no cluster, or makes one, fetches nothing', (t) => {
  for (const parts of [
    { cloudConfig: { hostname: 'a' } },
    { kubernetes: { ...KUBERNETES, role: 'controller' } },
  ] as const) {
    const { text, secondStage } = render({ format: 'cloud-config' }, parts);
    t.is(secondStage, undefined);
    t.false(text.includes('rackseed-secrets'));
  }
});

test('cloud-init’s schema accepts user-data that fetches keys, and another token makes no other instance', async (t) => {
  const kubernetes = KUBERNETES;
  const { text } = render({ format: 'cloud-init', file: 'user-data' }, { kubernetes });
  t.is(await validateCloudInit(text), '');
  const metaData = (url: string) =>
    renderDocument(
      { format: 'cloud-init', file: 'meta-data' },
      {
        profile: profile('cloud-init', 'debian', { kubernetes }),
        variables: VARIABLES,
        adoptDisk: false,
        delivery: { ...delivery, url },
      },
    ).text;
  t.is(metaData('https://a/?token=1'), metaData('https://a/?token=2'));
});

// --- archives ---

const tarFile = (path: string, content: string, parts: Partial<TarFile> = {}): TarFile => {
  return { path, content: Buffer.from(content), mode: 0o600, user: 'root', group: 'root', ...parts };
};

test('tar unpacks an archive with content, mode and owner', async (t) => {
  const folder = await folderFor(t);
  const long = `/etc/${'folder/'.repeat(25)}${'n'.repeat(60)}`;
  const files = [
    tarFile('/etc/kubernetes/kubeconfig', 'kind: Config\n'),
    tarFile('/etc/empty', ''),
    tarFile('/etc/block', 'x'.repeat(512), { mode: 0o640, user: '500', group: '501' }),
    tarFile('/etc/named', '\0\u00ff', { user: 'daemon', group: 'mail' }),
    tarFile(long, 'deep'),
  ];
  await writeFile(join(folder, 'a.tar'), packTar(files));
  await mkdir(join(folder, 'out'));
  await runChecked(['tar', '-x', '-p', '-f', join(folder, 'a.tar'), '-C', join(folder, 'out')]);
  for (const { path, content, mode } of files) {
    const file = join(folder, 'out', path);
    t.deepEqual(await readFile(file), Buffer.from(content), path);
    t.is((await stat(file)).mode & 0o7777, mode, path);
  }
  if (process.getuid?.() !== 0) return;
  const owners = await runChecked([
    'stat',
    '-c',
    '%u:%g %U:%G',
    join(folder, 'out/etc/block'),
    join(folder, 'out/etc/named'),
  ]);
  t.regex(owners, /^500:501 .*\n1:8 daemon:mail\n$/);
});

test('an archive is the same for the same files, and what it can’t say is an error', (t) => {
  t.deepEqual(packTar([tarFile('/a', 'b')]), packTar([tarFile('/a', 'b')]));
  t.throws(() => packTar([tarFile(`/${'n'.repeat(101)}`, '')]), { message: /too long a path/ });
  t.throws(() => packTar([tarFile('/a', '', { user: 'u'.repeat(32) })]), { message: /owner of \/a/ });
});
