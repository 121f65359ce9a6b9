import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCa } from '../kubernetes/ca.ts';
import { packageRoot } from './package-root.ts';
import { runChecked } from './process.ts';

/** Seconds. */
const CA_LIFETIME = 24 * 3600;

/** The `kubernetes` section of a lab's rackseed.yaml. */
export interface LabCluster {
  readonly server: string;
  readonly ca: string;
  readonly ca_key: string;
  readonly join: 'certificate';
}

/**
 * Makes the cluster that a lab's machines are written documents for: a CA, which issues their certificates, and the address
 * of an API server. Nobody listens there.
 * @param directory for the CA's files; must exist
 * @param address of the server, without prefix length
 */
export async function createLabCluster(directory: string, address: string): Promise<LabCluster> {
  const ca = await createCa(
    { commonName: 'rackseed lab', keyType: 'ecdsa', lifetime: CA_LIFETIME },
    Date.now(),
  );
  const files = { ca: join(directory, 'ca.crt'), ca_key: join(directory, 'ca.key') };
  await writeFile(files.ca, ca.certificatePem);
  await writeFile(files.ca_key, ca.keyPem, { mode: 0o600 });
  return { server: `https://${address}:6443`, ...files, join: 'certificate' };
}

/**
 * Puts stand-ins for what machines download into `assets/kubernetes/VERSION/`: a kubelet that only reads its files and
 * says that it is healthy, and an archive with one CNI plugin that does nothing; each with its SHA-512.
 */
export async function writeKubernetesAssets(assets: string, version: string): Promise<void> {
  const directory = join(assets, 'kubernetes', version);
  await mkdir(directory, { recursive: true });
  await copyFile(join(packageRoot, 'lab/guest/kubelet_standin.py'), join(directory, 'kubelet'));
  await writeFile(join(directory, 'loopback'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  await runChecked(['tar', '--create', '--gzip', '--file=cni-plugins.tgz', 'loopback'], { cwd: directory });
  for (const name of ['kubelet', 'cni-plugins.tgz']) {
    const digest = createHash('sha512')
      .update(await readFile(join(directory, name)))
      .digest('hex');
    await writeFile(join(directory, `${name}.sha512`), `${digest}  ${name}\n`);
  }
}
