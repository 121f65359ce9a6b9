import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { explainCommand } from '../../src/cli/explain.ts';
import { renderCommand } from '../../src/cli/render.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { RACKSEED } from '../support/config.ts';

const FILES: Readonly<Record<string, string>> = {
  'rackseed.yaml': `${RACKSEED}admin: { listen: "unix:/nonexistent/rackseed.sock" }
firmware: { directory: loaders }
store: { lmdb: store }
`,
  'loaders/ipxe.efi': '',
  'profiles/base.yaml': `boot: { image: flatcar/1, args: [quiet] }
cloud_config:
  hostname: "{{ machine.hostname }}"
  write_files:
    - path: /etc/motd
      content: "{{ machine.hostname }} of rack {{ machine.labels.rack }}, pods 10.244.{{ machine.index | plus: 9 }}.0/24"
    - path: /etc/base
      content: base
`,
  'profiles/worker.yaml': `extends: base
cloud_config:
  write_files:
    - path: /etc/base
      permissions: 0600
  coreos:
    units:
      - { name: docker.service, command: start }
`,
  'profiles/other.yaml': `extends: base
boot: { document: ignition }
cloud_config:
  write_files: [{ path: /etc/base, content: other }]
`,
  'profiles/live.yaml': 'boot: { image: ubuntu }\ncloud_init: { runcmd: [a] }\n',
  'machines/a.yaml': `machines:
  - { mac: "52:54:00:00:00:01", labels: { rack: r1 }, address: 192.168.0.150 }
  - { mac: "52:54:00:00:00:02", profile: live, hostname: live-9 }
rules: [{ match: { mac_prefix: "52:54:00" }, profile: worker }]
`,
};

async function folder(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'rackseed-render-'));
  t.teardown(() => rm(root, { recursive: true }));
  for (const name of ['profiles', 'machines', 'loaders']) await mkdir(join(root, name));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(root, name), text);
  return root;
}

const CLOUD_CONFIG = `#cloud-config
hostname: worker-01
write_files:
  - path: /etc/motd
    content: worker-01 of rack r1, pods 10.244.10.0/24
  - path: /etc/base
    permissions: '0600'
    content: base
coreos:
  units:
    - name: docker.service
      command: start
`;

test('render prints the script and every document of a machine', async (t) => {
  const root = await folder(t);
  const worker = await renderCommand(root, '52-54-00-00-00-01');
  t.true(worker.startsWith('# iPXE script of 52:54:00:00:00:01 on network kubernetes1\n#!ipxe\n'));
  t.true(worker.endsWith(`# cloud-config of worker-01, profile worker\n${CLOUD_CONFIG}`));
  const live = await renderCommand(root, '52-54-00-00-00-02');
  t.deepEqual(live.match(/^# cloud-init .*/gm), [
    '# cloud-init user-data of live-9, profile live',
    '# cloud-init meta-data of live-9, profile live',
    '# cloud-init vendor-data of live-9, profile live',
    '# cloud-init network-config of live-9, profile live',
  ]);
});

test('render prints one document as it is, in any format and with any profile', async (t) => {
  const root = await folder(t);
  t.is(await renderCommand(root, '525400000001', { format: 'cloud-config' }), CLOUD_CONFIG);
  t.regex(await renderCommand(root, '525400000001', { format: 'ipxe' }), /^#!ipxe\n/);
  t.regex(await renderCommand(root, '525400000001', { format: 'cloud-init' }), /^#cloud-config\n/);
  const ignition = JSON.parse(
    await renderCommand(root, '525400000001', { format: 'ignition', profile: 'other' }),
  );
  t.is(ignition.ignition.version, '3.3.0');
});

test('render tells what a machine nobody wrote down would get', async (t) => {
  const root = await folder(t);
  t.regex(await renderCommand(root, '525400000009'), /is waiting for approval/);
  await t.throwsAsync(renderCommand(root, '525400000009', { format: 'cloud-config' }), {
    message:
      '52:54:00:00:00:09 gets no document: no entry in machines/, and unknown_machines is hold; --profile shows what it would get',
  });
  t.regex(
    await renderCommand(root, '525400000009', { format: 'cloud-config', profile: 'live' }),
    /^#cloud-config\n/,
  );
});

test('render shows what another profile would change, line by line', async (t) => {
  const root = await folder(t);
  const changes = await renderCommand(root, '525400000001', { profile: 'other', diff: true });
  t.is(
    changes,
    `--- 52:54:00:00:00:01, profile worker
+++ 52:54:00:00:00:01, profile other
   kernel http://192.168.0.254/assets/flatcar/1/flatcar_production_pxe.vmlinuz
   initrd http://192.168.0.254/assets/flatcar/1/flatcar_production_pxe_image.cpio.gz
   argument quiet
-  argument cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-00-00-01
-document cloud-config
-hostname worker-01
+  argument flatcar.first_boot=1
+  argument ignition.config.url=http://192.168.0.254/ignition/52-54-00-00-00-01
+document ignition
+hostname other-01
 file /etc/motd
-  worker-01 of rack r1, pods 10.244.10.0/24
-file /etc/base 0600
-  base
-unit docker.service start
+  other-01 of rack r1, pods 10.244.10.0/24
+file /etc/base
+  other
`,
  );
  t.is(
    await renderCommand(root, '525400000001', { profile: 'worker', diff: true }),
    'nothing would change for 52:54:00:00:00:01 with profile worker\n',
  );
});

const MISTAKES: readonly [what: string, mac: string, options: object, message: string][] = [
  ['an address that is none', 'x', {}, '"x" is not a hardware address such as 52:54:00:12:34:56'],
  [
    'a profile that does not exist',
    '525400000001',
    { profile: 'wroker' },
    'there is no profile wroker, did you mean worker? (expected one of base, live, other, worker)',
  ],
  ['--diff alone', '525400000001', { diff: true }, '--diff needs --profile: the profile to compare with'],
  [
    'a label the machine does not have',
    '525400000002',
    { profile: 'worker', format: 'cloud-config' },
    'profile worker, cloud_config.write_files[0].content: machine.labels.rack is not defined; defined are no labels at all',
  ],
];

for (const [what, mac, options, message] of MISTAKES) {
  test(`render explains ${what}`, async (t) => {
    await t.throwsAsync(renderCommand(await folder(t), mac, options), { message });
  });
}

test('render and explain know the index that the stopped service gave out', async (t) => {
  const root = await folder(t);
  const store = openLmdbStore(join(root, 'store'), (error) => t.fail(error.message));
  store.saveIndex({ profile: 'worker', mac: parseMac('52:54:00:00:00:01') as Mac, index: 4 });
  await store.close();
  t.regex(await renderCommand(root, '525400000001', { format: 'cloud-config' }), /^hostname: worker-04$/m);
  t.regex(await explainCommand(root, '525400000001'), /^index {5}4$/m);
});

test('explain tells who a machine is, why, and where everything comes from', async (t) => {
  const root = await folder(t);
  const firmware = join(root, 'loaders');
  t.is(
    await explainCommand(root, '525400000001'),
    `machine   worker-01 52:54:00:00:00:01
entry     machines/a.yaml: machines[0]
network   kubernetes1
address   192.168.0.150, reserved
profile   worker (machines/a.yaml: rules[0]: mac begins with 52:54:00)
made of   profiles/worker.yaml on top of profiles/base.yaml
index     1, with its next boot
labels    rack=r1
loader    none: BIOS needs one of undionly.kpxe, undionly.kkpxe, ipxe.pxe in the firmware folder
          ipxe.efi for UEFI x64: the first of snponly.efi, x86_64/snponly.efi, ipxe.efi, x86_64/ipxe.efi, ipxe-amd64.efi that is in ${firmware}
          none: UEFI IA32 needs one of snponly-i386.efi, i386/snponly.efi, ipxe-i386.efi, i386/ipxe.efi in the firmware folder
          none: UEFI arm64 needs one of snponly-arm64.efi, arm64/snponly.efi, ipxe-arm64.efi, arm64/ipxe.efi in the firmware folder
          http://192.168.0.254/firmware/ipxe.efi for UEFI HTTP x64: the first of snponly.efi, x86_64/snponly.efi, ipxe.efi, x86_64/ipxe.efi, ipxe-amd64.efi that is in ${firmware}
          none: UEFI HTTP IA32 needs one of snponly-i386.efi, i386/snponly.efi, ipxe-i386.efi, i386/ipxe.efi in the firmware folder
          none: UEFI HTTP arm64 needs one of snponly-arm64.efi, arm64/snponly.efi, ipxe-arm64.efi, arm64/ipxe.efi in the firmware folder
          extlinux.conf for U-Boot arm32: made for it when it asks
          extlinux.conf for U-Boot arm64: made for it when it asks
boots     flatcar/1 quiet cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-00-00-01
document  cloud-config

FILE       FROM
/etc/motd  profiles/base.yaml:5
/etc/base  profiles/worker.yaml:4, profiles/base.yaml:8

UNIT                  FROM
docker.service start  profiles/worker.yaml:8
`,
  );
  t.is(
    (await explainCommand(root, '525400000009')).split('\n').slice(0, 5).join('\n'),
    `machine  node-525400000009 52:54:00:00:00:09
entry    none in machines/
network  kubernetes1
address  none yet
so it    waits for approval: no entry in machines/, and unknown_machines is hold`,
  );
});
