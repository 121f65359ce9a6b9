import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { eventually } from '../support/cluster.ts';
import { blankDisk, debianRack } from '../support/documents.ts';
import { connect, namespaceFor } from '../support/netns.ts';
import { folderFor } from '../support/openssl.ts';
import { runChecked } from '../support/process.ts';
import { imageArchive, pushImage, registryFor, tinyImage } from '../support/registry.ts';

const UPSTREAM = '10.99.0.2:5000';
const PULLED = 'registry.example/lab/hello:v1';
const PRELOADED = 'registry.example/lab/preloaded:v1';

/** The lab's worker, with Debian's containerd in the place of the stand-in, which tells the server what it has pulled. */
const PROFILE = `extends: lab-cloud-config
preload: [preload/preloaded.tar]
cloud_config:
  coreos:
    units:
      - name: programs.service
        content: |
          [Unit]
          Description=Download containerd
          [Service]
          Type=oneshot
          RemainAfterExit=yes
          ExecStart=/usr/bin/mkdir -p /usr/local/bin
          ExecStart=/usr/bin/curl -fsS -o /usr/local/bin/containerd {{ server.url }}/assets/programs/containerd
          ExecStart=/usr/bin/curl -fsS -o /usr/local/bin/ctr {{ server.url }}/assets/programs/ctr
          ExecStart=/usr/bin/chmod 0755 /usr/local/bin/containerd /usr/local/bin/ctr
      - name: containerd.service
        content: |
          [Unit]
          Requires=programs.service
          After=programs.service
          [Service]
          Type=notify
          ExecStart=/usr/local/bin/containerd
      - name: pull.service
        command: start
        content: |
          [Unit]
          Requires=containerd.service
          After=containerd.service rackseed-preload.service
          [Service]
          Type=oneshot
          RemainAfterExit=yes
          Environment=CONTAINERD_NAMESPACE=k8s.io
          ExecStart=/usr/local/bin/ctr images pull --hosts-dir /etc/containerd/certs.d ${PULLED}
          ExecStart=/usr/bin/mkdir -p /run/image
          ExecStart=/usr/local/bin/ctr images mount ${PULLED} /run/image
          ExecStart=/bin/sh -c '/opt/bin/rackseed-phone-home {{ server.url }}/phone-home/{{ machine.mac }} pulled "$(cat /run/image/hello): $(ctr images list -q | tr "\\n" " ")"'
`;

test('a machine pulls an image through the mirror, and loads another one, cut off from everything but the master', async (t) => {
  const source = await folderFor(t);
  await mkdir(join(source, 'profiles'));
  const own = fileURLToPath(new URL('../../lab/config/profiles/lab-cloud-config.yaml', import.meta.url));
  await copyFile(own, join(source, 'profiles/lab-cloud-config.yaml'));
  await writeFile(join(source, 'profiles/lab-mirror.yaml'), PROFILE);
  await writeFile(join(source, 'rackseed.yaml'), 'default_profile: lab-mirror\nunknown_machines: boot\n');
  const registry = { name: 'registry.example', port: 5000, url: `http://${UPSTREAM}` };
  const { lab, boot } = await debianRack(t, 'lab-mirror', [blankDisk], {
    config: source,
    settings: { mirror: { registries: [registry] } },
  });

  const put = async (name: string, from: string | Uint8Array) => {
    const file = join(lab.directory, 'assets', name);
    await mkdir(dirname(file), { recursive: true });
    await (typeof from === 'string' ? copyFile(from, file) : writeFile(file, from));
  };
  for (const name of ['containerd', 'ctr']) await put(`programs/${name}`, `/usr/bin/${name}`);
  await put('preload/preloaded.tar', imageArchive(tinyImage('preloaded'), PRELOADED));

  // The registry is at the end of a cable that only the master has.
  const world = await namespaceFor(t);
  await connect({ namespace: lab.namespace, interface: 'wan0' }, { namespace: world, interface: 'eth0' });
  await lab.namespace.ip('address add 10.99.0.1/24 dev wan0');
  await world.ip('address add 10.99.0.2/24 dev eth0');
  await registryFor(t, world, UPSTREAM, join(source, 'storage'));
  await pushImage(world, `http://${UPSTREAM}`, tinyImage('from the registry'), 'lab/hello', 'v1');
  const metrics = ['curl', '-sS', '--unix-socket', lab.adminSocket, 'http://localhost/metrics'];
  // It began without its registry, and looks twice a minute whether that is there.
  await eventually(async () => /^rackseed_mirror_cached\{.*\} 0$/m.test(await runChecked(metrics)), 90_000);

  const [machine] = await boot();
  if (!machine) return t.fail('the rack has a machine');
  t.deepEqual(machine.found.failed, []);
  const told = machine.progress.stages.map(({ detail }) => detail);
  t.true(
    told.some((detail) => detail.includes(`from the registry: ${PULLED} ${PRELOADED}`)),
    told.join('\n'),
  );
  const kept = await readdir(join(lab.directory, 'store/mirror/registry.example/storage'), {
    recursive: true,
  });
  t.true(
    kept.some((path) => path.endsWith('_manifests/tags/v1/current/link')),
    'the mirror has what was pulled',
  );
});
