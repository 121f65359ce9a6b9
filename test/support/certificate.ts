import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import forge from 'node-forge';

/** Writes a self-signed certificate for an address, and its key, into a folder. */
export async function writeCertificate(
  folder: string,
  ip: string,
): Promise<{ certificate: string; key: string }> {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const made = forge.pki.createCertificate();
  made.publicKey = keys.publicKey;
  made.validity.notBefore = new Date(Date.now() - 60_000);
  made.validity.notAfter = new Date(Date.now() + 3_600_000);
  const subject = [{ name: 'commonName', value: 'rackseed test' }];
  made.setSubject(subject);
  made.setIssuer(subject);
  made.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 7, ip }] },
  ]);
  made.sign(keys.privateKey, forge.md.sha256.create());
  const [certificate, key] = [join(folder, 'admin.crt'), join(folder, 'admin.key')];
  await writeFile(certificate, forge.pki.certificateToPem(made));
  await writeFile(key, forge.pki.privateKeyToPem(keys.privateKey));
  return { certificate, key };
}
