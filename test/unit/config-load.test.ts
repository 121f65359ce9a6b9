import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { checkCommand } from '../../src/cli/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { editorSchemas } from '../../src/config/schema.ts';

const SHIPPED = fileURLToPath(new URL('../../config', import.meta.url));

const RACKSEED = `networks:
  - name: kubernetes1
    interface: eth1
    address: 192.168.0.254/24
    dhcp: { mode: authoritative, range: 192.168.0.1-192.168.0.100 }
default_profile: worker
`;

/** A folder with these files in it, removed when the test ends. */
async function folder(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-config-'));
  t.teardown(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(directory, name, '..'), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

/** What `rackseed check` prints, and its exit status. */
async function check(directory: string): Promise<{ status: number; printed: string }> {
  let printed = '';
  const status = await checkCommand(directory, { write: (text) => (printed += text) });
  return { status, printed };
}

test('the configuration that is shipped is good, and check sums it up', async (t) => {
  t.deepEqual(await check(SHIPPED), {
    status: 0,
    printed: [
      `${SHIPPED} is good`,
      'network kubernetes1: 192.168.0.254/24 on enp0s8, leases 192.168.0.1-192.168.0.100 (100 addresses)',
      'profiles: atomic, controller, corekube, coreos-2016, early-docker-flannel, install-to-disk, local-disk, rescue, worker-cloud-init, worker-fcos, worker-ignition, worker (default)',
      'machines: 0 known; unknown ones: hold',
      '',
    ].join('\n'),
  });
});

test('the examples in the shipped files are good too, once they are uncommented', async (t) => {
  const uncommented = async (name: string, from: RegExp, to: string) => {
    const text = await readFile(join(SHIPPED, name), 'utf8');
    return text.replace(from, to).replace(/^( *)# (?=(?: *- ma| *[a-z_]+:| *"224"| {2}))/gm, '$1');
  };
  const directory = await folder(t, {
    'config/rackseed.yaml': await uncommented('rackseed.yaml', /^# *\n(# .*\n)+/m, ''),
    'config/machines/example.yaml': await uncommented(
      'machines/example.yaml',
      /^(machines|rules): \[\]/gm,
      '$1:',
    ),
    ...Object.fromEntries(
      await Promise.all(
        (await readdir(join(SHIPPED, 'profiles'))).map(async (name) => [
          `config/profiles/${name}`,
          await uncommented(`profiles/${name}`, /^# *\n(# .*\n|#\n)+/m, ''),
        ]),
      ),
    ),
    'assets/README.md': '',
  });
  const result = await loadConfig(join(directory, 'config'));
  if (!result.ok) return t.fail(JSON.stringify(result.problems, null, 1));
  t.is(result.config.machines.size, 3);
  t.is(result.config.rules.length, 2);
  t.is(result.config.kubernetes?.join, 'certificate');
  t.is(result.config.networks[0]?.dhcp.options.size, 2);
  t.deepEqual(result.config.networks[0]?.dhcp.search, ['kubernetes.local', 'example.com']);
});

test('every shipped file names its schema for editors in the first line', async (t) => {
  for (const [name, schema] of [
    ['rackseed.yaml', 'schema/rackseed.schema.json'],
    ['profiles/worker.yaml', '../schema/profile.schema.json'],
    ['profiles/local-disk.yaml', '../schema/profile.schema.json'],
    ['machines/example.yaml', '../schema/machines.schema.json'],
  ] as const) {
    const text = await readFile(join(SHIPPED, name), 'utf8');
    t.is(text.split('\n')[0], `# yaml-language-server: $schema=${schema}`, name);
  }
});

test('the JSON Schemas for editors are current (npm run schema writes them)', async (t) => {
  for (const [name, text] of editorSchemas()) {
    t.is(await readFile(join(SHIPPED, 'schema', name), 'utf8'), text, name);
  }
});

test('every key that editors offer has a description', (t) => {
  const undescribed: string[] = [];
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return;
    const { properties = {} } = node as { properties?: Record<string, { description?: string }> };
    for (const [key, child] of Object.entries(properties)) {
      if (!child.description) undescribed.push(`${path}.${key}`);
    }
    for (const [key, child] of Object.entries(node)) visit(child, `${path}.${key}`);
  };
  for (const [name, text] of editorSchemas()) visit(JSON.parse(text), name);
  t.deepEqual(undescribed, []);
});

test('a folder without rackseed.yaml is refused with what to do', async (t) => {
  const directory = await folder(t, { 'profiles/worker.yaml': 'boot: { image: a }' });
  t.deepEqual(await check(directory), {
    status: 1,
    printed: [
      `${directory}/rackseed.yaml: can't be read: there is no such file; write one, or name the folder that holds it with --config`,
      '1 problem',
      '',
    ].join('\n'),
  });
});

test('check prints every problem of every file, sorted by file and line, and gives status 1', async (t) => {
  const directory = await folder(t, {
    'rackseed.yaml': `${RACKSEED}zork: 1\nunknown_machines: x\n`,
    'profiles/worker.yaml': 'boot: { image: a, krnel: b }',
    'profiles/other.yml': 'boot: { image: a }',
    'machines/.hidden.yaml': 'not read',
    'machines/notes.txt': 'not read',
  });
  t.deepEqual(await check(directory), {
    status: 1,
    printed: [
      `${directory}/profiles/other.yml: is not read (expected a name that ends in .yaml)`,
      `${directory}/profiles/worker.yaml:1: boot.krnel: unknown key, did you mean kernel? (expected one of image, kernel, initrd, rootfs, args, document, secrets, local_disk)`,
      `${directory}/rackseed.yaml:7: zork: unknown key (expected one of networks, unknown_machines, default_profile, kubernetes, assets, images, mirror, proxy, firmware, admin, boot_token, webhooks, store)`,
      `${directory}/rackseed.yaml:8: unknown_machines: "x" is not allowed (expected one of hold, boot, ignore)`,
      '4 problems',
      '',
    ].join('\n'),
  });
});

test('relative paths start in the configuration folder; iPXE beside it is preferred to the system’s', async (t) => {
  const directory = await folder(t, {
    'etc/rackseed.yaml': `${RACKSEED}assets: { directory: images }\nstore: { lmdb: ../leases }\n`,
    'etc/profiles/worker.yaml': 'boot: { image: a }',
    'etc/images/README': '',
    'ipxe/firmware/undionly.kpxe': '',
  });
  const result = await loadConfig(join(directory, 'etc'));
  if (!result.ok) return t.fail(JSON.stringify(result.problems));
  t.is(result.config.directory, join(directory, 'etc'));
  t.is(result.config.assets.directory, join(directory, 'etc/images'));
  t.is(result.config.store.directory, join(directory, 'leases'));
  t.is(result.config.firmware.directory, join(directory, 'ipxe/firmware'));
});
