import { createECDH, createPrivateKey, createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import test from 'ava';
import { dump, load } from 'js-yaml';
import { createCa, issueNodeCertificate, openCa, pairCa, renewCa } from '../../src/kubernetes/ca.ts';
import { type CaPaths, createCaSource, readCa } from '../../src/kubernetes/ca-files.ts';
import { encodeEcdsaPair } from '../../src/kubernetes/keys.ts';
import { renderKubeconfig } from '../../src/kubernetes/kubeconfig.ts';
import {
  caTexts,
  describeCertificate,
  folderFor,
  makeKeyFile,
  makeOpensslCa,
  makeServerCertificate,
  type OpensslKey,
  verifies,
} from '../support/openssl.ts';

const DAY = 86_400;
const worker = { nodeName: 'worker-01', keyType: 'ecdsa', lifetime: DAY } as const;

const CA_KEYS: readonly OpensslKey[] = [
  'RSA 2048, PKCS #1',
  'RSA 2048, PKCS #8',
  'ECDSA P-256, SEC 1',
  'ECDSA P-256, PKCS #8',
  'ECDSA P-384, SEC 1',
];
for (const caKey of CA_KEYS) {
  for (const keyType of ['ecdsa', 'rsa'] as const) {
    test(`openssl verifies an ${keyType} certificate issued with kubeadm's CA: ${caKey}`, async (t) => {
      const folder = await folderFor(t);
      const paths = await makeOpensslCa(folder, caKey);
      const ca = await readCa(paths, Date.now());
      const { certificatePem, keyPem } = await issueNodeCertificate(ca, { ...worker, keyType }, Date.now());
      t.true(await verifies(folder, paths, certificatePem));
      t.true(new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem)));
    });
  }
}

for (const keyType of ['ecdsa', 'rsa'] as const) {
  test(`a CA made here (${keyType}) and renewed with the same key verifies what it issued before`, async (t) => {
    const folder = await folderFor(t);
    const before = await makeCa(folder, keyType, 10);
    const ca = await readCa(before, Date.now());
    const { certificatePem } = await issueNodeCertificate(ca, worker, Date.now());
    t.true(await verifies(folder, before, certificatePem));

    await writeFile(before.certificate, await renewCa(ca, 3650 * DAY, Date.now()));
    t.true(await verifies(folder, before, certificatePem));
    const renewed = await readCa(before, Date.now());
    t.is(renewed.certificate.subject, ca.certificate.subject);
    t.true(Date.parse(renewed.certificate.validTo) > Date.now() + 3649 * DAY * 1000);
  });
}

test('a certificate says what a kubelet needs, and nothing else', async (t) => {
  const folder = await folderFor(t);
  const ca = await readCa(await makeOpensslCa(folder, 'ECDSA P-256, SEC 1'), Date.now());
  const text = await describeCertificate((await issueNodeCertificate(ca, worker, Date.now())).certificatePem);
  t.regex(text, /Subject: O = system:nodes, CN = system:node:worker-01\n/);
  t.regex(text, /X509v3 Key Usage: critical\n\s+Digital Signature\n/);
  t.regex(text, /X509v3 Extended Key Usage: ?\n\s+TLS Web Client Authentication\n/);
  t.regex(text, /CA:FALSE/);
  t.notRegex(text, /Subject Alternative Name/);
  const identifier = (name: string, of: string) =>
    new RegExp(`X509v3 ${name} Key Identifier: ?\\n\\s+(\\S+)`).exec(of)?.[1];
  t.is(
    identifier('Authority', text),
    identifier('Subject', await describeCertificate(ca.certificate.toString())),
  );

  const rsa = await issueNodeCertificate(ca, { ...worker, keyType: 'rsa' }, Date.now());
  t.regex(await describeCertificate(rsa.certificatePem), /Digital Signature, Key Encipherment\n/);
});

test('a certificate is good from a few minutes ago, for its lifetime, and never longer than the CA', async (t) => {
  const folder = await folderFor(t);
  const ca = await readCa(await makeOpensslCa(folder, 'ECDSA P-256, SEC 1', 10), Date.now());
  const now = Math.floor(Date.now() / 1000) * 1000;
  const short = new X509Certificate((await issueNodeCertificate(ca, worker, now)).certificatePem);
  t.is(Date.parse(short.validFrom), now - 5 * 60_000);
  t.is(Date.parse(short.validTo), now + DAY * 1000);
  const long = await issueNodeCertificate(ca, { ...worker, lifetime: 365 * DAY }, now);
  t.is(new X509Certificate(long.certificatePem).validTo, ca.certificate.validTo);
});

test('dates from 2050 on are written so that openssl reads them', async (t) => {
  const folder = await folderFor(t);
  const paths = await makeCa(folder, 'ecdsa', 365 * 40);
  const text = await describeCertificate(await readFile(paths.certificate, 'utf8'));
  t.regex(text, /Not After : .* 206\d GMT/);
});

test('no two certificates have the same serial number', async (t) => {
  const folder = await folderFor(t);
  const ca = await readCa(await makeCa(folder, 'ecdsa', 10), Date.now());
  const serials = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const { certificatePem } = await issueNodeCertificate(ca, worker, Date.now());
      return new X509Certificate(certificatePem).serialNumber;
    }),
  );
  t.is(new Set(serials).size, 50);
  t.true(serials.some((serial) => BigInt(`0x${serial}`) > 2n ** 120n));
});

test("a TLS server that asks for the cluster's client certificates takes ours, and refuses another CA's", async (t) => {
  const folder = await folderFor(t);
  const paths = await makeOpensslCa(folder, 'RSA 2048, PKCS #1');
  const ca = await readCa(paths, Date.now());
  const { certPath, keyPath } = await makeServerCertificate(folder, paths);
  const server = createServer({
    cert: await readFile(certPath),
    key: await readFile(keyPath),
    ca: ca.pem,
    requestCert: true,
    // It shall say who comes, instead of only hanging up.
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket) => {
    const { O: organization, CN: commonName } = socket.getPeerCertificate().subject;
    socket.end(socket.authorized ? `${organization} ${commonName}` : `refused: ${socket.authorizationError}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = ({ certificatePem: cert, keyPem: key }: { certificatePem: string; keyPem: string }) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.pem, cert, key });
      let said = '';
      socket.on('data', (data) => {
        said += data;
      });
      socket.on('error', reject).on('end', () => resolve(said));
    });

  for (const keyType of ['ecdsa', 'rsa'] as const) {
    const issued = await issueNodeCertificate(ca, { ...worker, keyType }, Date.now());
    t.is(await ask(issued), 'system:nodes system:node:worker-01');
  }
  const other = await createCa({ commonName: 'kubernetes', keyType: 'ecdsa', lifetime: DAY }, Date.now());
  const named = (text: string) => ({ path: 'ca', text });
  const otherCa = openCa(named(other.certificatePem), named(other.keyPem), Date.now());
  const refusal = await ask(await issueNodeCertificate(otherCa, worker, Date.now()));
  t.regex(refusal, /^refused: .*(SIGNATURE|VERIFY|UNABLE)/);
});

test('a CA that cannot be used is refused with the file and what to do', async (t) => {
  const folder = await folderFor(t);
  const { certificate, key } = await caTexts(await makeOpensslCa(folder, 'ECDSA P-256, SEC 1', 2));
  const now = Date.now();
  const foreign = join(folder, 'foreign.key');
  await makeKeyFile(foreign, 'ECDSA P-256, SEC 1');
  const leaf = await issueNodeCertificate(openCa(certificate, key, now), worker, now);

  const refusal = (crt: string, keyText: string, at = now) =>
    t.throws(() => openCa({ path: '/pki/ca.crt', text: crt }, { path: '/pki/ca.key', text: keyText }, at))
      ?.message;
  t.regex(
    refusal(certificate.text, await readFile(foreign, 'utf8')) ?? '',
    /^\/pki\/ca\.key is not the key of the certificate in \/pki\/ca\.crt: use the pair/,
  );
  t.regex(
    refusal(leaf.certificatePem, leaf.keyPem) ?? '',
    /^\/pki\/ca\.crt is not a CA certificate \(O=system:nodes, CN=system:node:worker-01\): use/,
  );
  const later = now + 3 * DAY * 1000;
  t.regex(
    refusal(certificate.text, key.text, later) ?? '',
    /^\/pki\/ca\.crt expired on .*: renew it with "rackseed/,
  );
  t.regex(
    refusal(certificate.text, key.text, now - DAY * 1000) ?? '',
    /^\/pki\/ca\.crt is not valid before .*clock/,
  );
  t.regex(refusal('nonsense', key.text) ?? '', /^\/pki\/ca\.crt holds no certificate in PEM form/);
  t.regex(
    refusal(certificate.text.replace(/MII./, 'AAAA'), key.text) ?? '',
    /^\/pki\/ca\.crt holds a damaged/,
  );
  t.regex(refusal(certificate.text, 'nonsense') ?? '', /^\/pki\/ca\.key is no private key in PEM form/);
  t.notThrows(() => pairCa(certificate, key));
});

for (const kind of ['RSA 1024', 'ECDSA P-521', 'Ed25519'] as const) {
  test(`a CA with a key that is not signed with here is refused: ${kind}`, async (t) => {
    const paths = await makeOpensslCa(await folderFor(t), kind);
    await t.throwsAsync(readCa(paths, Date.now()), {
      message: /ca\.key is a kind of key not known here: use RSA/,
    });
  });
}

test('a CA key that others may read is refused with the command that mends it', async (t) => {
  const paths = await makeOpensslCa(await folderFor(t), 'ECDSA P-256, SEC 1');
  await chmod(paths.key, 0o640);
  await t.throwsAsync(readCa(paths, Date.now()), {
    message: `${paths.key} holds the CA's private key, but others may read it (mode 0640): chmod 600 ${paths.key}`,
  });
});

test('a CA that is made or renewed while the service runs is used from then on', async (t) => {
  const folder = await folderFor(t);
  const paths = { certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  const source = createCaSource(paths);
  await t.throwsAsync(source(Date.now()), {
    message: /ca\.crt can't be read \(ENOENT\): make the cluster first/,
  });
  await makeOpensslCa(folder, 'ECDSA P-256, SEC 1', 10);
  const first = await source(Date.now());
  t.is(await source(Date.now()), first, 'unchanged files are not read again');
  await writeFile(paths.certificate, await renewCa(first, 3650 * DAY, Date.now()));
  const aSecondLater = await source(Date.now() + 1000);
  t.not(aSecondLater.certificate.serialNumber, first.certificate.serialNumber);
  await t.throwsAsync(source(Date.now() + 5000 * DAY * 1000), { message: /expired on/ });
});

test('of several CA certificates in one file, the one with the key issues; nodes get them all', async (t) => {
  const [ours, older] = [await folderFor(t), await folderFor(t)];
  const paths = await makeOpensslCa(ours, 'ECDSA P-256, SEC 1');
  const old = await makeOpensslCa(older, 'RSA 2048, PKCS #1');
  const bundle = (await readFile(old.certificate, 'utf8')) + (await readFile(paths.certificate, 'utf8'));
  await writeFile(paths.certificate, bundle);
  const ca = await readCa(paths, Date.now());
  t.is(ca.pem, bundle);
  const { certificatePem } = await issueNodeCertificate(ca, worker, Date.now());
  t.true(await verifies(ours, paths, certificatePem));
  t.false(await verifies(older, old, certificatePem));
});

test('a kubeconfig holds one cluster and one user, by certificate or by token', (t) => {
  const cluster = { server: 'https://192.168.0.254:6443', caPem: 'CA\n' };
  const credential = { certificatePem: 'CERT\n', keyPem: 'KEY\n' };
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  t.deepEqual(load(renderKubeconfig({ ...cluster, user: 'system:node:worker-01', credential })), {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'kubernetes',
        cluster: { server: cluster.server, 'certificate-authority-data': base64('CA\n') },
      },
    ],
    users: [
      {
        name: 'system:node:worker-01',
        user: { 'client-certificate-data': base64('CERT\n'), 'client-key-data': base64('KEY\n') },
      },
    ],
    contexts: [
      {
        name: 'system:node:worker-01@kubernetes',
        context: { cluster: 'kubernetes', user: 'system:node:worker-01' },
      },
    ],
    'current-context': 'system:node:worker-01@kubernetes',
  });
  const byToken = renderKubeconfig({
    ...cluster,
    user: 'kubelet-bootstrap',
    credential: { token: 'abcdef.0123' },
  });
  t.deepEqual((load(byToken) as { users: unknown[] }).users, [
    { name: 'kubelet-bootstrap', user: { token: 'abcdef.0123' } },
  ]);
});

async function makeCa(folder: string, keyType: 'ecdsa' | 'rsa', days: number): Promise<CaPaths> {
  const made = await createCa({ commonName: 'kubernetes', keyType, lifetime: days * DAY }, Date.now());
  const paths = { certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  await writeFile(paths.certificate, made.certificatePem);
  await writeFile(paths.key, made.keyPem, { mode: 0o600 });
  return paths;
}

const SECRETS: readonly [string, Buffer][] = [
  ['any', randomBytes(32)],
  ['that begins with a zero', Buffer.concat([Buffer.alloc(1), randomBytes(31)])],
  ['of one byte', Buffer.of(1)],
];
for (const [what, secret] of SECRETS) {
  test(`an ECDSA key ${what} is encoded as OpenSSL does it`, (t) => {
    const pair = createECDH('prime256v1');
    pair.setPrivateKey(secret);
    const { publicKey, privateKeyPem } = encodeEcdsaPair(pair);
    const key = createPrivateKey(privateKeyPem);
    t.is(privateKeyPem, String(key.export({ type: 'sec1', format: 'pem' })));
    t.deepEqual(publicKey, createPublicKey(key).export({ type: 'spki', format: 'der' }));
  });
}

for (const name of ['worker-01', 'a', '1', '1e3', 'rack.1', 'a-', 'USER', 'USER: x', '$&']) {
  test(`a kubeconfig of a node called ${name} is written as js-yaml does`, (t) => {
    const user = `system:node:${name}`;
    const credential = { certificatePem: 'certificate of USER', keyPem: 'key of CA' };
    const text = renderKubeconfig({ server: 'https://USER:6443', caPem: 'ca', user, credential });
    t.is(text, dump(load(text), { lineWidth: -1 }));
    t.like(load(text), {
      clusters: [{ name: 'kubernetes', cluster: { server: 'https://USER:6443' } }],
      users: [{ name: user, user: { 'client-key-data': Buffer.from(credential.keyPem).toString('base64') } }],
      contexts: [{ name: `${user}@kubernetes`, context: { cluster: 'kubernetes', user } }],
      'current-context': `${user}@kubernetes`,
    });
  });
}
