import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dump } from 'js-yaml';
import { initCommand, issueCommand, renewCommand, showCommand } from '../../src/cli/pki.ts';
import { folderFor, verifies } from '../support/openssl.ts';

const DAY = 86_400;

async function sink<Result>(
  command: (output: { write(text: string): void }) => Promise<Result>,
): Promise<string> {
  let text = '';
  await command({
    write(more) {
      text += more;
    },
  });
  return text;
}

/** A CA in a folder, and a configuration that names it. */
async function setUp(t: ExecutionContext, keyType: 'ecdsa' | 'rsa' = 'ecdsa') {
  const folder = await folderFor(t);
  const pki = join(folder, 'pki');
  await sink((output) => initCommand(pki, { keyType, lifetime: 100 * DAY }, output));
  const ca = { certificate: join(pki, 'ca.crt'), key: join(pki, 'ca.key') };
  const config = join(folder, 'config');
  await mkdir(join(config, 'profiles'), { recursive: true });
  await mkdir(join(folder, 'assets'));
  await mkdir(join(folder, 'firmware'));
  const network = {
    name: 'kubernetes1',
    interface: 'lo',
    address: '192.168.0.254/24',
    dhcp: { mode: 'authoritative', range: '192.168.0.1-192.168.0.100' },
  };
  const main = {
    networks: [network],
    default_profile: 'disk',
    kubernetes: { server: 'https://192.168.0.254:6443', ca: ca.certificate, ca_key: ca.key },
    assets: { directory: join(folder, 'assets') },
    firmware: { directory: join(folder, 'firmware') },
    store: { lmdb: join(folder, 'store') },
  };
  await writeFile(join(config, 'rackseed.yaml'), dump(main));
  await writeFile(join(config, 'profiles/disk.yaml'), dump({ boot: { local_disk: true } }));
  return { folder, pki, ca, config };
}

test('pki init makes a CA whose key only its owner may read, and overwrites nothing', async (t) => {
  const { pki, ca } = await setUp(t);
  t.is((await stat(ca.key)).mode & 0o777, 0o600);
  t.is((await stat(ca.certificate)).mode & 0o777, 0o644);
  const before = await readFile(ca.key, 'utf8');
  await t.throwsAsync(
    sink((output) => initCommand(pki, { keyType: 'rsa', lifetime: DAY }, output)),
    { message: /ca\.key is there already and is left as it was/ },
  );
  t.is(await readFile(ca.key, 'utf8'), before);
});

test('pki show tells subject, kind of key, expiry and fingerprint', async (t) => {
  const { ca, config } = await setUp(t, 'rsa');
  const shown = await sink((output) => showCommand(config, output));
  const { fingerprint256, validTo } = new X509Certificate(await readFile(ca.certificate));
  for (const text of ['CN=kubernetes', 'RSA 2048', validTo, fingerprint256, `${ca.key} is its key`]) {
    t.true(shown.includes(text), text);
  }
  t.notRegex(shown, /PRIVATE/);
});

test("pki issue writes a node's certificate, key and kubeconfig, the secret ones with mode 0600", async (t) => {
  const { folder, ca, config } = await setUp(t);
  const out = join(folder, 'out');
  const said = await sink((output) => issueCommand('worker-01', { config, out }, output));
  t.regex(said, /worker-01\.crt, \.key and \.kubeconfig, good until/);
  t.true(await verifies(folder, ca, await readFile(join(out, 'worker-01.crt'), 'utf8')));
  for (const name of ['worker-01.key', 'worker-01.kubeconfig']) {
    t.is((await stat(join(out, name))).mode & 0o777, 0o600, name);
  }
  const printed = await sink((output) => issueCommand('worker-02', { config }, output));
  t.true(printed.startsWith('apiVersion: v1\n') && printed.includes('name: system:node:worker-02\n'));
});

test('pki issue refuses a name that no node can have', async (t) => {
  const { config } = await setUp(t);
  for (const name of ['Worker', 'a.b', '../x', '']) {
    await t.throwsAsync(
      sink((output) => issueCommand(name, { config }, output)),
      { message: /can't be the name of a node/ },
    );
  }
});

test('pki renew gives the CA a later expiry, keeps its key, and keeps the certificate before', async (t) => {
  const { folder, ca, config } = await setUp(t);
  const out = join(folder, 'out');
  await sink((output) => issueCommand('worker-01', { config, out }, output));
  const before = await readFile(ca.certificate, 'utf8');
  const said = await sink((output) => renewCommand(config, 1000 * DAY, output));
  t.regex(said, /Restart the API server/);
  t.is(await readFile(`${ca.certificate}.old`, 'utf8'), before);
  const [old, renewed] = [before, await readFile(ca.certificate, 'utf8')].map(
    (pem) => new X509Certificate(pem),
  );
  t.true(Date.parse(renewed?.validTo ?? '') > Date.parse(old?.validTo ?? '') + 890 * DAY * 1000);
  t.true(await verifies(folder, ca, await readFile(join(out, 'worker-01.crt'), 'utf8')));
});
