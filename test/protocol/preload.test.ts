import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { containerdFor, containerdSocket } from '../support/containerd.ts';
import { curl, documentUrl, lease } from '../support/machine.ts';
import { rackFor } from '../support/netns.ts';
import { folderFor } from '../support/openssl.ts';
import { imageArchive, tinyImage } from '../support/registry.ts';
import { sandboxFor } from '../support/sandbox.ts';
import { serviceFor, type TestService } from '../support/service.ts';

const PATH = 'preload/hello.tar';
const NAME = 'registry.example/lab/hello:v1';
const SCRIPT = fileURLToPath(new URL('../../node-files/preload.sh', import.meta.url));
const ARCHIVE = imageArchive(tinyImage('hello\n'), NAME);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A service whose machine preloads PATH, and the machine, which holds a lease. */
async function preloading(t: ExecutionContext) {
  const { server, clients, macs } = await rackFor(t);
  const [machine] = clients;
  const [mac = ''] = macs;
  if (!machine) throw new Error('the rack has a machine');
  const service = await serviceFor(t, server, {
    profile: { boot: { image: 'lab', document: 'cloud-config' }, preload: [PATH] },
  });
  await lease(service, machine, mac);
  return { service, document: async () => curl(machine, await documentUrl(machine, mac)) };
}

async function putArchive({ directory }: TestService, bytes: Uint8Array): Promise<void> {
  const file = join(directory, 'assets', PATH);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}

/** The words of the unit that loads archives. */
function commandIn(document: string): string[] {
  const [, command = ''] = /ExecStart=(\/opt\/bin\/rackseed-preload[\s\S]*?)\n *Restart/.exec(document) ?? [];
  return command.split(/[\s\\]+/);
}

test('a document says where an archive is and what it must be, and what it must be when it is another one', async (t) => {
  const { service, document } = await preloading(t);
  await putArchive(service, ARCHIVE);
  const url = `http://192.168.0.254/assets/${PATH}`;
  t.deepEqual(commandIn((await document()).body), [
    ...['/opt/bin/rackseed-preload', 'docker', '/var/tmp', url, sha256(ARCHIVE)],
  ]);
  const other = Buffer.concat([ARCHIVE, Buffer.alloc(512)]);
  await putArchive(service, other);
  t.is(commandIn((await document()).body).at(-1), sha256(other));
});

test('while an archive is missing the machine is to ask again, and the log says what is missing', async (t) => {
  const { service, document } = await preloading(t);
  const { status, body } = await document();
  t.is(status, 503);
  t.regex(body, /^an archive for this machine is not to be had now; try again/);
  t.true(
    service.child.output().includes(`${join(service.directory, 'assets', PATH)} can't be read (ENOENT)`),
  );
  await putArchive(service, ARCHIVE);
  t.is((await document()).status, 200);
});

test('a machine loads an archive into containerd where the kubelet looks, and none that is something else', async (t) => {
  const server = createServer(({ url }, response) => {
    if (url === `/${PATH}`) response.end(ARCHIVE);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = await folderFor(t);
  const ctr = await containerdFor(t, folder);
  const names = async () => (await ctr('--namespace', 'k8s.io', 'images', 'list', '--quiet')).stdout.trim();
  const sandbox = await sandboxFor(t, {
    systemctl: 'exit 0',
    ctr: `CONTAINERD_SNAPSHOTTER=native exec /usr/bin/ctr --address ${containerdSocket(folder)} "$@"`,
  });
  const work = join(folder, 'work');
  const load = (path: string, digest: string) =>
    sandbox.run(`bash ${SCRIPT} containerd ${work} ${url}/${path} ${digest}; echo $?; ls ${work}`, {
      network: true,
    });

  const refused = await load(PATH, sha256(Buffer.from('something else')));
  t.is(refused.stdout, '1\n', 'nothing of it is left');
  t.regex(refused.stderr, /preload\/hello\.tar is not what its SHA-256 says/);
  t.is(await names(), '');
  t.regex((await load('missing.tar', 'none')).stderr, /missing\.tar could not be downloaded/);

  const loaded = await load(PATH, sha256(ARCHIVE));
  t.regex(loaded.stdout, /\n0\n$/, loaded.stderr);
  t.is(await names(), NAME);
});
