import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createCa, issueServerCertificate, openCa } from '../../src/kubernetes/ca.ts';
import { RegistryMirror } from '../../src/mirror/registry-mirror.ts';
import { eventually, freePort } from '../support/cluster.ts';
import { ip } from '../support/dhcp.ts';
import { folderFor } from '../support/openssl.ts';

const VALIDITY = { lifetime: 3600, notBefore: new Date('2000-01-01T00:00:00Z') };
const ADDRESS = '127.0.0.3';

test('a mirror that has more than it may keep is emptied, which is told, and goes on', async (t) => {
  const directory = await folderFor(t);
  const storage = join(directory, 'storage');
  await mkdir(join(storage, 'docker'), { recursive: true });
  await writeFile(join(storage, 'docker/data'), Buffer.alloc(2000));
  const now = Date.now();
  const made = await createCa({ commonName: 'test', keyType: 'ecdsa', ...VALIDITY }, now);
  const text = (path: string, pem: string) => ({ path, text: pem });
  const ca = openCa(text('ca.crt', made.certificatePem), text('ca.key', made.keyPem), now);
  const certificate = await issueServerCertificate(ca, { address: ip(ADDRESS), ...VALIDITY }, now);
  const told: string[] = [];
  const mirror = new RegistryMirror({
    // Nobody is there: it gives what it has.
    registry: { name: 'quay.io', url: 'http://127.0.0.1:9', port: await freePort() },
    address: ADDRESS,
    directory,
    size: 1999,
    environment: {},
    certificate: () => certificate,
    ca: () => made.certificatePem,
    onState: (state) => told.push(state),
    onEmptied: (bytes) => told.push(`emptied of ${bytes} bytes`),
  });
  mirror.start();
  t.teardown(() => mirror.stop());
  await eventually(() => told.length === 2);
  await eventually(async () => (await readdir(storage).catch(() => [''])).length === 0);
  t.deepEqual(told, ['cached', 'emptied of 2000 bytes']);
  t.is(mirror.restarts, 0, 'that is no failure');
});
