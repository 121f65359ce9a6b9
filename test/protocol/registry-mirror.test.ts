import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dump, load } from 'js-yaml';
import { eventually } from '../support/cluster.ts';
import { containerdFor } from '../support/containerd.ts';
import { curl, documentUrl, lease } from '../support/machine.ts';
import { connect, type Namespace, namespaceFor, rackFor } from '../support/netns.ts';
import { folderFor } from '../support/openssl.ts';
import { runChecked } from '../support/process.ts';
import { pullManifest, pushImage, registryFor, tinyImage } from '../support/registry.ts';
import { type ServiceSettings, serviceFor, type TestService } from '../support/service.ts';

const UPSTREAM = '10.99.0.2:5000';
const MIRROR = 'https://192.168.0.254:5000';
const IMAGE = tinyImage('hello\n');

/**
 * A master between the world, where a registry is that knows `lab/hello:v1`, and a worker that reaches nothing but the
 * master. The registry is called registry.example there.
 */
async function mirrorFor(t: ExecutionContext, settings: ServiceSettings = {}) {
  const { server, clients, macs } = await rackFor(t);
  const [worker] = clients;
  const [mac = ''] = macs;
  if (!worker) throw new Error('the rack has a machine');
  const world = await namespaceFor(t);
  await connect({ namespace: server, interface: 'wan0' }, { namespace: world, interface: 'eth0' });
  await server.ip('address add 10.99.0.1/24 dev wan0');
  await world.ip('address add 10.99.0.2/24 dev eth0');
  const storage = join(await folderFor(t), 'upstream');
  const upstream = await registryFor(t, world, UPSTREAM, storage);
  await pushImage(world, `http://${UPSTREAM}`, IMAGE, 'lab/hello', 'v1');
  const service = await serviceFor(t, server, {
    profile: {
      boot: { image: 'lab', document: 'cloud-config' },
      docker_disk: {},
      cloud_config: { hostname: '{{ machine.hostname }}' },
    },
    ...settings,
    top: {
      mirror: { registries: [{ name: 'registry.example', port: 5000, url: `http://${UPSTREAM}` }] },
      ...settings.top,
    },
  });
  await lease(service, worker, mac);
  return { service, server, worker, mac, world, upstream };
}

/** Waits until the mirror answers. */
async function answering(service: TestService): Promise<void> {
  await eventually(async () => (await service.metric('rackseed_mirror_up')) === 1);
}

/** Waits until the mirror has put blobs away: docker-registry fetches them for itself once it has begun to give them out. */
async function kept({ directory }: TestService, digests: Iterable<string>): Promise<void> {
  const layers = 'storage/docker/registry/v2/repositories/lab/hello/_layers';
  for (const digest of digests) {
    const link = join(directory, 'store/mirror/registry.example', layers, digest.replace(':', '/'), 'link');
    await eventually(() =>
      stat(link).then(
        () => true,
        () => false,
      ),
    );
  }
}

/** Fetches the machine's document and lays its files below a folder; gives the folder. */
async function filesOfDocument(t: ExecutionContext, worker: Namespace, mac: string): Promise<string> {
  const root = await folderFor(t);
  const { body } = await curl(worker, await documentUrl(worker, mac));
  const { write_files: files } = load(body) as {
    write_files: { path: string; content: string; encoding?: string }[];
  };
  for (const { path, content, encoding } of files) {
    const bytes = Buffer.from(content, encoding === 'base64' ? 'base64' : 'utf8');
    await mkdir(join(root, dirname(path)), { recursive: true });
    // The only path that a file of the mirror has in it.
    const text = bytes.toString().replaceAll('"/etc/rackseed/', `"${root}/etc/rackseed/`);
    await writeFile(join(root, path), path.endsWith('hosts.toml') ? text : bytes);
  }
  return root;
}

test('containerd pulls through the mirror as its machine’s document says, cut off from all else, and again when the registry is gone', async (t) => {
  const { service, worker, mac, upstream } = await mirrorFor(t);
  await answering(service);
  const root = await filesOfDocument(t, worker, mac);
  const ctr = await containerdFor(t, root, worker.command);
  const pull = () =>
    ctr(
      'images',
      'pull',
      '--hosts-dir',
      join(root, 'etc/containerd/certs.d'),
      '--snapshotter',
      'native',
      'registry.example/lab/hello:v1',
    );
  t.is(
    (await curl(worker, '--max-time', '2', `http://${UPSTREAM}/v2/`)).status,
    0,
    'the worker reaches no registry',
  );

  const first = await pull();
  t.is(first.code, 0, first.stderr);
  await ctr('images', 'remove', '--sync', 'registry.example/lab/hello:v1');
  await kept(service, IMAGE.blobs.keys());

  await upstream.stop();
  const second = await pull();
  t.is(second.code, 0, second.stderr);
});

test('a mirror that is started while its registry is out of reach gives what it has, and takes nothing', async (t) => {
  const { service, worker, mac, upstream } = await mirrorFor(t);
  await answering(service);
  const ca = join(await filesOfDocument(t, worker, mac), 'etc/rackseed/boot-ca.crt');
  const pull = () => pullManifest(worker, MIRROR, 'lab/hello', 'v1', '--cacert', ca);
  const blob = () =>
    curl(worker, '--cacert', ca, '-o', '/dev/null', `${MIRROR}/v2/lab/hello/blobs/${IMAGE.layer}`);
  t.is((await pull()).body, IMAGE.manifest);
  t.is((await blob()).status, 200);
  await kept(service, [IMAGE.layer]);

  await upstream.stop();
  service.child.kill('SIGTERM');
  await service.restart();
  await answering(service);
  t.is(await service.metric('rackseed_mirror_cached'), 1);
  t.is((await pull()).body, IMAGE.manifest);
  t.is((await blob()).status, 200);
  const pushed = await curl(worker, '--cacert', ca, '-X', 'POST', `${MIRROR}/v2/lab/hello/blobs/uploads/`);
  t.is(pushed.status, 405, 'nobody writes to it');
});

test('a mirror that ends is started again, which is told and counted, and ends with the service', async (t) => {
  const { service, server } = await mirrorFor(t);
  await answering(service);
  const running = async () => {
    const pids = (await runChecked(['ip', 'netns', 'pids', server.name])).split('\n').filter(Boolean);
    const names = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return pids.filter((_, index) => names[index]?.includes('docker-registry'));
  };
  const [pid] = await running();
  process.kill(Number(pid), 'SIGKILL');
  await eventually(async () => (await service.metric('rackseed_mirror_restarts')) === 1);
  t.regex(
    service.child.output(),
    /the mirror of registry\.example is down: it was ended by SIGKILL\. It is tried again/,
  );
  await answering(service);
  await eventually(() => service.child.output().includes('the mirror of registry.example answers again'));

  service.child.kill('SIGKILL');
  await service.child.exited;
  await eventually(async () => (await running()).length === 0);
  t.pass();
});

test('the mirror answers on the address of its network only, and its files are for nobody else', async (t) => {
  const { service, world } = await mirrorFor(t);
  await answering(service);
  t.is((await curl(world, '-k', 'https://10.99.0.1:5000/v2/')).status, 0);
  for (const name of ['config.yml', 'tls.key']) {
    const { mode } = await stat(join(service.directory, 'store/mirror/registry.example', name));
    t.is(mode & 0o777, 0o600, name);
  }
});

test('a mirror is switched off and on by the configuration, while the service runs', async (t) => {
  const { service, server } = await mirrorFor(t);
  await answering(service);
  const file = join(service.directory, 'config/rackseed.yaml');
  const written = await readFile(file, 'utf8');
  const { mirror: _, ...rest } = load(written) as Record<string, unknown>;
  await writeFile(file, dump(rest));
  await eventually(async () => (await service.metric('rackseed_mirror_up')) === 0);
  await eventually(async () => (await curl(server, '-k', `${MIRROR}/v2/`)).status === 0);
  await writeFile(file, written);
  await answering(service);
  t.is((await curl(server, '-k', `${MIRROR}/v2/`)).status, 200);
});
