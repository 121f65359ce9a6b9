import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ClusterSettings } from '../config/config.ts';
import { parseDuration } from '../config/units.ts';
import {
  createCa,
  formatName,
  issueNodeCertificate,
  pairCa,
  readCertificates,
  renewCa,
} from '../kubernetes/ca.ts';
import { type CaPaths, readCa, readCaFile, readCaFiles } from '../kubernetes/ca-files.ts';
import type { KeyType } from '../kubernetes/keys.ts';
import { renderKubeconfig } from '../kubernetes/kubeconfig.ts';
import type { Output } from './check.ts';
import { configOption } from './config-folder.ts';
import { requireConfig } from './load.ts';
import { formatTable } from './table.ts';

/** A CA lives as long as kubeadm's: ten years, seconds. */
const CA_LIFETIME = 10 * 365 * 86_400;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Adds `pki` and its commands to the command line. */
export function addPkiCommand(program: Command): void {
  const pki = program
    .command('pki')
    .description("make, show and renew the cluster's CA, and issue certificates of nodes by hand");
  const lifetimeOption = () =>
    new Option('--lifetime <duration>', 'how long the certificate is good')
      .argParser(parseLifetime)
      .default(CA_LIFETIME, '3650d');

  pki
    .command('init')
    .description('make a CA as kubeadm does: ca.crt, and ca.key with mode 0600')
    .argument('<dir>', 'folder for the two files, such as /etc/kubernetes/pki')
    .addOption(new Option('--key-type <type>', 'kind of key').choices(['ecdsa', 'rsa']).default('ecdsa'))
    .addOption(lifetimeOption())
    .action((directory: string, options: { keyType: KeyType; lifetime: number }) =>
      initCommand(directory, options, process.stdout),
    );
  pki
    .command('show')
    .description('show the CA that the configuration names: subject, kind, expiry, fingerprint')
    .addOption(configOption())
    .action(({ config }: { config: string }) => showCommand(config, process.stdout));
  pki
    .command('issue')
    .description('issue a certificate of the node NAME, and print its kubeconfig or write three files')
    .argument('<name>', 'the name of the node')
    .option('--out <dir>', 'folder for NAME.crt, NAME.key and NAME.kubeconfig')
    .addOption(configOption())
    .action((name: string, options: { config: string; out?: string }) =>
      issueCommand(name, options, process.stdout),
    );
  pki
    .command('renew')
    .description('give the CA a new certificate for the same name and key, so that all it issued stays good')
    .addOption(lifetimeOption())
    .addOption(configOption())
    .action(({ config, lifetime }: { config: string; lifetime: number }) =>
      renewCommand(config, lifetime, process.stdout),
    );
}

function parseLifetime(text: string): number {
  const seconds = parseDuration(text);
  if (!seconds) throw new InvalidArgumentError('It must be a duration such as 365d or 12h.');
  return seconds;
}

/** `rackseed pki init DIR`: makes a CA. Throws an Error when one of its files is there already. */
export async function initCommand(
  directory: string,
  { keyType, lifetime }: { keyType: KeyType; lifetime: number },
  output: Output,
): Promise<void> {
  const key = join(directory, 'ca.key');
  const certificate = join(directory, 'ca.crt');
  for (const path of [key, certificate]) if (existsSync(path)) throw isThere(path);
  const ca = await createCa({ commonName: 'kubernetes', keyType, lifetime }, Date.now());
  await mkdir(directory, { recursive: true });
  await writeNew(key, ca.keyPem, 0o600);
  await writeNew(certificate, ca.certificatePem, 0o644);
  output.write(
    `made ${certificate} and ${key}; name them in rackseed.yaml as kubernetes.ca and kubernetes.ca_key\n`,
  );
}

/** `rackseed pki show`: the certificates of the configured CA, and whether its key can be used. */
export async function showCommand(configDirectory: string, output: Output): Promise<void> {
  const cluster = await requireCluster(configDirectory);
  const certificates = readCertificates(await readCaFile(cluster.ca));
  const rows = certificates.map((certificate) => [
    formatName(certificate.subject),
    describeKey(certificate.publicKey),
    certificate.validTo,
    certificate.fingerprint256,
  ]);
  output.write(
    `${cluster.ca}\n${formatTable(['SUBJECT', 'KEY', 'VALID UNTIL', 'SHA-256 FINGERPRINT'], rows)}`,
  );
  if (cluster.caKey === undefined) {
    output.write('no kubernetes.ca_key: certificates are not issued here\n');
    return;
  }
  await readCa(caPaths(cluster), Date.now());
  output.write(`${cluster.caKey} is its key, and can be used\n`);
}

/** `rackseed pki issue NAME`: a certificate for a node, as a machine of that name would get. */
export async function issueCommand(
  nodeName: string,
  { config, out }: { config: string; out?: string },
  output: Output,
): Promise<void> {
  if (!DNS_LABEL.test(nodeName)) {
    throw new Error(`"${nodeName}" can't be the name of a node: use a-z, 0-9 and hyphens, as in worker-01`);
  }
  const cluster = await requireCluster(config);
  const now = Date.now();
  const ca = await readCa(caPaths(cluster), now);
  const { keyType, certificateLifetime: lifetime, server } = cluster;
  const credential = await issueNodeCertificate(ca, { nodeName, keyType, lifetime }, now);
  const kubeconfig = renderKubeconfig({ server, caPem: ca.pem, user: `system:node:${nodeName}`, credential });
  if (out === undefined) {
    output.write(kubeconfig);
    return;
  }
  await mkdir(out, { recursive: true });
  const path = join(out, nodeName);
  await writeNew(`${path}.key`, credential.keyPem, 0o600);
  await writeNew(`${path}.crt`, credential.certificatePem, 0o644);
  await writeNew(`${path}.kubeconfig`, kubeconfig, 0o600);
  output.write(`wrote ${path}.crt, .key and .kubeconfig, good until ${credential.notAfter.toISOString()}\n`);
}

/** `rackseed pki renew`: replaces the CA's certificate, keeping the one before beside it as `.old`. */
export async function renewCommand(configDirectory: string, lifetime: number, output: Output): Promise<void> {
  const cluster = await requireCluster(configDirectory);
  const paths = caPaths(cluster);
  const files = await readCaFiles(paths);
  const ca = pairCa(files.certificate, files.key);
  const renewed = await renewCa(ca, lifetime, Date.now());
  const others = readCertificates(files.certificate).filter((other) => !other.checkPrivateKey(ca.key));
  const { certificate } = paths;
  await copyFile(certificate, `${certificate}.old`);
  await writeFile(`${certificate}.new`, [renewed, ...others].join(''), { mode: 0o644 });
  await rename(`${certificate}.new`, certificate);
  output.write(
    `${certificate} is new; the one before is ${certificate}.old. What the CA issued stays good. Restart the API server ` +
      'and the controller manager, and renew the copy in kubeconfigs; machines get it with their next boot\n',
  );
}

async function requireCluster(directory: string): Promise<ClusterSettings> {
  const { kubernetes } = await requireConfig(directory);
  if (!kubernetes) throw new Error(`${join(directory, 'rackseed.yaml')} has no kubernetes section`);
  return kubernetes;
}

function caPaths({ ca, caKey }: ClusterSettings): CaPaths {
  if (caKey === undefined)
    throw new Error("kubernetes.ca_key is not set: name the file with the CA's private key");
  return { certificate: ca, key: caKey };
}

function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {};
  return modulusLength === undefined ? `ECDSA ${namedCurve ?? asymmetricKeyType}` : `RSA ${modulusLength}`;
}

/** Writes a file that must not be there yet, with exactly this mode. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode });
    await chmod(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw isThere(path);
  }
}

const isThere = (path: string) =>
  new Error(`${path} is there already and is left as it was: choose another folder, or move it away`);
