import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config/load.ts';
import {
  chooseMachines,
  type LabConfigurationOptions,
  writeLabConfiguration,
} from '../../src/lab/configuration.ts';

async function folder(t: ExecutionContext, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

async function labOptions(t: ExecutionContext): Promise<LabConfigurationOptions> {
  const image = await folder(t, { vmlinuz: 'kernel', 'initrd.img': 'initrd' });
  const directory = await folder(t);
  return {
    directory,
    image: { directory: image, version: 'test' },
    guest: 'small',
    count: 2,
    adminSocket: join(directory, 'admin.sock'),
  };
}

/** Writes a lab's configuration and reads it as the service does. */
async function writtenAndLoaded(options: LabConfigurationOptions) {
  const written = await writeLabConfiguration(options);
  const result = await loadConfig(written.directory);
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.problems, null, 2)}`);
  return { written, config: result.config };
}

test("the service accepts the lab's own configuration, with a name for each machine", async (t) => {
  const options = await labOptions(t);
  const { written, config } = await writtenAndLoaded(options);
  t.deepEqual(written.machines, [
    { mac: '52:54:00:00:00:01', hostname: 'worker-01' },
    { mac: '52:54:00:00:00:02', hostname: 'worker-02' },
  ]);
  t.deepEqual(
    [...config.machines.values()].map(({ mac, hostname }) => ({ mac: `${mac}`, hostname: hostname ?? '' })),
    written.machines,
  );
  t.is(config.unknownMachines, 'hold');
  t.deepEqual(config.admin.listen, { path: options.adminSocket });
  t.like(config.profiles.get('lab')?.boot, {
    image: 'lab/current',
    kernel: 'vmlinuz',
    initrds: ['initrd.img'],
  });
});

test("an administrator's profiles and machines are used, with the lab's network and image", async (t) => {
  const source = await folder(t, {
    'rackseed.yaml': 'default_profile: storage\nunknown_machines: boot\nnetworks: []\n',
    'profiles/storage.yaml': 'boot: { image: flatcar/1.2.3, args: [quiet] }\ncloud_config: { hostname: x }\n',
    'profiles/disk.yaml': 'boot: { local_disk: true }\n',
    'machines/rack.yaml': 'machines: [{ mac: 52-54-00-AA-00-01, hostname: nas-1, labels: { rack: "7" } }]\n',
  });
  const { written, config } = await writtenAndLoaded({ ...(await labOptions(t)), source });
  t.deepEqual(written.machines, [
    { mac: '52:54:00:aa:00:01', hostname: 'nas-1' },
    { mac: '52:54:00:00:00:01', hostname: 'worker-02' },
  ]);
  t.deepEqual(config.profiles.get('storage')?.boot, {
    kind: 'image',
    image: 'lab/current',
    kernel: 'vmlinuz',
    initrds: ['initrd.img'],
    args: ['quiet'],
    document: 'cloud-config',
    secrets: 'https',
  });
  t.deepEqual(config.profiles.get('disk')?.boot, { kind: 'local-disk' });
  t.deepEqual([config.defaultProfile, config.unknownMachines], ['storage', 'boot']);
  t.deepEqual([...config.machines.values()][0]?.labels, { rack: '7' });
  t.is(config.networks[0]?.interface, 'kubernetes1');
});

test("each guest has a profile of the lab's own, and another one can be chosen by name", async (t) => {
  const chosen = async (options: Partial<LabConfigurationOptions>) => {
    const { config } = await writtenAndLoaded({ ...(await labOptions(t)), ...options });
    return config.defaultProfile;
  };
  t.is(await chosen({}), 'lab');
  t.is(await chosen({ guest: 'debian' }), 'lab-cloud-config');
  t.is(await chosen({ guest: 'debian', profile: 'lab-ignition' }), 'lab-ignition');
  await t.throwsAsync(chosen({ profile: 'worker' }), {
    message: /^there is no profile worker in .*: it has lab-cloud-config, lab-cloud-init, lab-ignition, lab$/,
  });
});

test("the lab's image reads the document that the image in whose place it comes would", async (t) => {
  const source = await folder(t, {
    'profiles/core.yaml':
      'boot: { image: fedora-coreos/44, kernel: k, initrd: i, rootfs: r }\ncloud_config: { hostname: x }\n',
    'profiles/more.yaml': 'extends: core\ncloud_config: { hostname: y }\n',
    'profiles/told.yaml': 'boot: { image: ubuntu/24.04, document: cloud-config }\n',
  });
  const { config } = await writtenAndLoaded({ ...(await labOptions(t)), source });
  const documents = [...config.profiles.values()].map(({ name, boot }) => [
    name,
    boot.kind === 'image' ? [boot.image, boot.document] : boot.kind,
  ]);
  t.deepEqual(Object.fromEntries(documents), {
    core: ['lab/current', 'ignition'],
    more: ['lab/current', 'ignition'],
    told: ['lab/current', 'cloud-config'],
  });
});

test("machines join a cluster of the lab's own, and download stand-ins for its programs", async (t) => {
  const options = await labOptions(t);
  const { config } = await writtenAndLoaded(options);
  t.like(config.kubernetes, { server: 'https://192.168.0.254:6443', join: 'certificate' });
  const { caKey = '' } = config.kubernetes ?? {};
  t.is((await stat(caKey)).mode & 0o777, 0o600);
  const folder = join(options.directory, 'assets/kubernetes/v0.0.0-standin');
  for (const name of ['kubelet', 'cni-plugins.tgz']) {
    const [digest = ''] = (await readFile(join(folder, `${name}.sha512`), 'utf8')).split(' ');
    const content = await readFile(join(folder, name));
    t.is(createHash('sha512').update(content).digest('hex'), digest, name);
  }
});

test('a folder without profiles is refused by name', async (t) => {
  const source = await folder(t, { 'rackseed.yaml': '' });
  await t.throwsAsync(writeLabConfiguration({ ...(await labOptions(t)), source }), {
    message: `${join(source, 'profiles')} holds no profile (NAME.yaml)`,
  });
});

test('machines that are written down come first, others fill the rack without taking their addresses', (t) => {
  const known = [{ mac: '52:54:00:00:00:01', hostname: 'a' }, { mac: '52:54:00:00:00:02' }];
  t.deepEqual(chooseMachines(known, 1), [{ mac: '52:54:00:00:00:01', hostname: 'a' }]);
  t.deepEqual(chooseMachines(known, 3), [
    { mac: '52:54:00:00:00:01', hostname: 'a' },
    { mac: '52:54:00:00:00:02', hostname: 'worker-02' },
    { mac: '52:54:00:00:00:03', hostname: 'worker-03' },
  ]);
  t.is(new Set(chooseMachines([], 300).map(({ mac }) => mac)).size, 300);
});
