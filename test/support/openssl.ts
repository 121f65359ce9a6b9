import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { CaPaths } from '../../src/kubernetes/ca-files.ts';
import { runChecked } from './process.ts';

// OpenSSL's command line, as a second opinion on everything that is signed or read here.

/** Arguments that make a private key, and the form its file has. */
const KEYS = {
  'RSA 2048, PKCS #1': ['genrsa', '-traditional', '2048'],
  'RSA 2048, PKCS #8': ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'ECDSA P-256, SEC 1': ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'],
  'ECDSA P-256, PKCS #8': ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ECDSA P-384, SEC 1': ['ecparam', '-name', 'secp384r1', '-genkey', '-noout'],
  'RSA 1024': ['genrsa', '1024'],
  'ECDSA P-521': ['ecparam', '-name', 'secp521r1', '-genkey', '-noout'],
  Ed25519: ['genpkey', '-algorithm', 'ED25519'],
} as const;

export type OpensslKey = keyof typeof KEYS;

/** A folder for the length of a test. */
export async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-pki-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes a key file with mode 0600. */
export async function makeKeyFile(path: string, key: OpensslKey): Promise<void> {
  await writeFile(path, await runChecked(['openssl', ...KEYS[key]]), { mode: 0o600 });
}

/** Makes a CA in a folder as kubeadm does, with an OpenSSL key of the kind given. */
export async function makeOpensslCa(folder: string, key: OpensslKey, days = 3650): Promise<CaPaths> {
  const paths = { certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  await makeKeyFile(paths.key, key);
  const usage = 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign';
  const extensions = ['-addext', usage, '-addext', 'subjectAltName=DNS:kubernetes'];
  const argv = ['openssl', 'req', '-x509', '-new', '-key', paths.key, '-subj', '/CN=kubernetes'];
  await runChecked([...argv, '-days', String(days), ...extensions, '-out', paths.certificate]);
  return paths;
}

/** Makes a TLS server's certificate for 127.0.0.1. */
export async function makeServerCertificate(
  folder: string,
  ca: CaPaths,
): Promise<{ readonly certPath: string; readonly keyPath: string }> {
  const keyPath = join(folder, 'server.key');
  const certPath = join(folder, 'server.crt');
  await makeKeyFile(keyPath, 'ECDSA P-256, SEC 1');
  const request = await runChecked([
    'openssl',
    'req',
    '-new',
    '-key',
    keyPath,
    '-subj',
    '/CN=kube-apiserver',
  ]);
  const certificate = await signRequest(folder, ca, request, 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  await writeFile(certPath, certificate);
  return { certPath, keyPath };
}

/** Signs a certificate signing request with a CA, as the controller manager would; gives the certificate, PEM. */
export async function signRequest(
  folder: string,
  ca: CaPaths,
  request: string,
  extensions: string,
): Promise<string> {
  const extfile = join(folder, 'server.ext');
  await writeFile(extfile, `${extensions}\n`);
  const argv = ['openssl', 'x509', '-req', '-CA', ca.certificate, '-CAkey', ca.key, '-days', '1'];
  return runChecked([...argv, '-extfile', extfile], { input: request });
}

export interface RequestOptions {
  readonly key?: OpensslKey;
  /** OpenSSL's notation of a name: `/O=system:nodes/CN=system:node:worker-01`. */
  readonly subject?: string;
  /** `DNS:worker-01,IP:192.168.0.1` */
  readonly names?: string;
  /** Further extensions: `basicConstraints=CA:TRUE`. */
  readonly extensions?: readonly string[];
}

/** A certificate signing request, PEM, and its private key. */
export async function makeRequest(
  folder: string,
  {
    key = 'ECDSA P-256, SEC 1',
    subject = '/O=system:nodes/CN=system:node:worker-01',
    ...more
  }: RequestOptions,
): Promise<{ readonly request: string; readonly keyPem: string }> {
  const keyPem = await runChecked(['openssl', ...KEYS[key]]);
  const keyPath = join(folder, `request-${process.hrtime.bigint()}.key`);
  await writeFile(keyPath, keyPem, { mode: 0o600 });
  const extensions = [...(more.names ? [`subjectAltName=${more.names}`] : []), ...(more.extensions ?? [])];
  const argv = ['openssl', 'req', '-new', '-sha256', '-key', keyPath, '-subj', subject];
  const request = await runChecked([...argv, ...extensions.flatMap((text) => ['-addext', text])]);
  return { request, keyPem };
}

/** What `openssl verify` says about a client certificate: true when it is good under the CA. */
export async function verifies(folder: string, ca: CaPaths, certificatePem: string): Promise<boolean> {
  const path = join(folder, `verify-${process.hrtime.bigint()}.crt`);
  await writeFile(path, certificatePem);
  const argv = [
    'openssl',
    'verify',
    '-x509_strict',
    '-purpose',
    'sslclient',
    '-CAfile',
    ca.certificate,
    path,
  ];
  return runChecked(argv).then(
    () => true,
    () => false,
  );
}

/** A certificate as `openssl x509 -text` shows it. */
export async function describeCertificate(certificatePem: string): Promise<string> {
  return runChecked(['openssl', 'x509', '-noout', '-text'], { input: certificatePem });
}

/** Text of both files of a CA, named as errors name them. */
export async function caTexts({ certificate, key }: CaPaths) {
  const read = async (path: string) => ({ path, text: await readFile(path, 'utf8') });
  return { certificate: await read(certificate), key: await read(key) };
}
