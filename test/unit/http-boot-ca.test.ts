import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openBootCa } from '../../src/http/boot-ca.ts';
import { keepCertificate, needsRenewal } from '../../src/http/https-certificate.ts';
import type { IssuedCertificate } from '../../src/kubernetes/ca.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { folderFor } from '../support/openssl.ts';
import { run, runChecked } from '../support/process.ts';

const NOW = Date.now();
const YEAR = 365 * 24 * 3_600_000;
const ADDRESS = parseIpv4('192.168.0.254') as Ipv4;

test('the CA is made once, with a key that only its owner may read', async (t) => {
  const folder = join(await folderFor(t), 'boot-ca');
  const made = await openBootCa(folder, NOW);
  t.is((await stat(join(folder, 'ca.key'))).mode & 0o777, 0o600);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.is((await openBootCa(folder, NOW)).pem, made.pem);
  t.is(made.pem, await readFile(join(folder, 'ca.crt'), 'utf8'));
});

test('it is valid for ten years, and long before this day, for machines whose clock is behind', async (t) => {
  const { certificate } = await openBootCa(await folderFor(t), NOW);
  t.is(new Date(certificate.validFrom).getUTCFullYear(), 2000);
  t.true(Math.abs(Date.parse(certificate.validTo) - NOW - 10 * YEAR) < 2_000);
});

test('it is renewed a year before its end with the same key, and what it has issued stays good', async (t) => {
  const folder = await folderFor(t);
  const before = await openBootCa(folder, NOW);
  t.is((await openBootCa(folder, NOW + 8.9 * YEAR)).pem, before.pem);
  const after = await openBootCa(folder, NOW + 9.1 * YEAR);
  t.not(after.pem, before.pem);
  t.true(after.certificate.publicKey.equals(before.certificate.publicKey));
  t.true(Date.parse(after.certificate.validTo) - NOW > 19 * YEAR);
});

test('a CA that was made halfway when the power failed is made anew', async (t) => {
  const folder = await folderFor(t);
  await writeFile(join(folder, 'ca.key'), 'half a k');
  t.truthy((await openBootCa(folder, NOW)).certificate.ca);
});

for (const [what, spoil, told] of [
  [
    'others may read the key',
    (folder: string) => runChecked(['chmod', '0644', join(folder, 'ca.key')]),
    /chmod 600/,
  ],
  [
    'its certificate is damaged',
    (folder: string) => writeFile(join(folder, 'ca.crt'), 'x'),
    /no certificate/,
  ],
  ['its key is gone', (folder: string) => rm(join(folder, 'ca.key')), /ENOENT/],
  [
    'it can’t be read',
    (folder: string) => rm(join(folder, 'ca.crt')).then(() => mkdir(join(folder, 'ca.crt'))),
    /EISDIR/,
  ],
] as const) {
  test(`when ${what}, nothing is replaced, and the error says what would happen without it`, async (t) => {
    const folder = await folderFor(t);
    await openBootCa(folder, NOW);
    await spoil(folder);
    const error = await t.throwsAsync(openBootCa(folder, NOW));
    t.regex(error.message, told);
    t.true(error.message.includes(folder));
    t.regex(error.message, /Without that folder a new one is made/);
  });
}

test('OpenSSL accepts a server’s certificate for its address and no other', async (t) => {
  const folder = await folderFor(t);
  const ca = await openBootCa(folder, NOW);
  let certificate: IssuedCertificate | undefined;
  const { stop } = await keepCertificate({
    ca: async () => ca,
    address: ADDRESS,
    use: (issued) => {
      certificate = issued;
    },
    onError: (error) => t.fail(error.message),
  });
  t.teardown(stop);
  const { certificatePem = '', keyPem = '' } = certificate ?? {};
  const file = join(folder, 'server.crt');
  await writeFile(file, certificatePem);
  const verify = (...options: string[]) =>
    run([
      'openssl',
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      join(folder, 'ca.crt'),
      ...options,
      file,
    ]);
  t.is((await verify('-verify_ip', '192.168.0.254')).stderr, '');
  t.is((await verify('-verify_ip', '192.168.0.254', '-attime', '1100000000')).stderr, '', 'in 2004');
  t.not((await verify('-verify_ip', '192.168.0.253')).code, 0);
  const parsed = new X509Certificate(certificatePem);
  t.is(parsed.subjectAltName, 'IP Address:192.168.0.254');
  t.false(parsed.ca);
  t.regex(keyPem, /PRIVATE KEY/);
});

test('a certificate is replaced when it has a month left', (t) => {
  const month = 30 * 24 * 3_600_000;
  t.false(needsRenewal(new Date(NOW + month), NOW));
  t.true(needsRenewal(new Date(NOW + month - 1), NOW));
});
