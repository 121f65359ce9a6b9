import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { writeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/cluster.ts';
import { rackFor } from '../support/netns.ts';
import { folderFor } from '../support/openssl.ts';
import { startFor } from '../support/process.ts';
import { pullManifest, pushImage, registryFor, tinyImage } from '../support/registry.ts';
import { serviceFor } from '../support/service.ts';

const PASSWORD = 'hunter2 %';
/** A double of the server at which registries have users log in. */
const TOKEN_SERVER = fileURLToPath(new URL('../support/clients/token-server.mjs', import.meta.url));
const REGISTRY = '127.0.0.2:5443';
const IMAGE = tinyImage('for those who know the password\n');

test('a mirror pulls with the password in a file, which is in no command line, environment or log', async (t) => {
  const { server, clients } = await rackFor(t);
  const [worker] = clients;
  if (!worker) return t.fail('the rack has a machine');
  const folder = await folderFor(t);
  const { certificate, key } = await writeCertificate(folder, '127.0.0.2');
  const file = (name: string) => join(folder, name);
  await writeFile(file('password'), `${PASSWORD}\n`);
  await registryFor(t, server, '127.0.0.2:5000', file('storage'));
  await pushImage(server, 'http://127.0.0.2:5000', IMAGE, 'lab/secret', 'v1');
  const login = `puller:${PASSWORD}`;
  const command = [process.execPath, TOKEN_SERVER, '127.0.0.2', '5001', login, certificate, key];
  const tokens = await startFor(t, server.command(command));
  await registryFor(t, server, REGISTRY, file('storage'), {
    http: { tls: { certificate, key } },
    auth: {
      token: { realm: 'http://127.0.0.2:5001/', service: 'lab', issuer: 'lab', rootcertbundle: certificate },
    },
  });
  t.is((await pullManifest(server, `https://${REGISTRY}`, 'lab/secret', 'v1', '-k')).status, 401);

  // The service's host trusts the registry's certificate.
  process.env.SSL_CERT_FILE = certificate;
  const registry = {
    ...{ name: REGISTRY, port: 5000, url: `https://${REGISTRY}` },
    ...{ username: 'puller', password_file: file('password') },
  };
  const service = await serviceFor(t, server, { top: { mirror: { registries: [registry] } } });
  await eventually(async () => (await service.metric('rackseed_mirror_up')) === 1);
  await worker.ip('address add 192.168.0.50/24 dev eth0');
  const ca = join(service.directory, 'store/boot-ca/ca.crt');
  const pulled = await pullManifest(worker, 'https://192.168.0.254:5000', 'lab/secret', 'v1', '--cacert', ca);
  t.is(pulled.body, IMAGE.manifest);

  t.false(service.child.output().includes(PASSWORD));
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of processes.filter((name) => Number(name) !== tokens.pid)) {
    for (const what of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${pid}/${what}`, 'utf8').catch(() => '');
      t.false(text.includes(PASSWORD), `${what} of ${pid}`);
    }
  }
});
