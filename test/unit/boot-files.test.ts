import { execFileSync } from 'node:child_process';
import test from 'ava';
import { readBootFileName } from '../../src/boot/boot-file-name.ts';
import { grubConfig, grubHold, grubLocalDisk } from '../../src/boot/grub.ts';
import { pxelinuxConfig, pxelinuxHold, pxelinuxLocalDisk } from '../../src/boot/pxelinux.ts';
import { autoexecScript } from '../../src/boot/script.ts';
import { KNOWN, UUID } from '../support/provisioning.ts';

const PLAN = {
  kind: 'image',
  image: 'flatcar/1',
  kernelUrl: 'http://192.168.0.254/assets/flatcar/1/vmlinuz',
  initrds: [{ name: 'image.cpio.gz', url: 'http://192.168.0.254/assets/flatcar/1/image%2Barm.cpio.gz' }],
  args: ['console=ttyS0,115200n8', 'flatcar.first_boot=1'],
} as const;
const MACHINE = { mac: KNOWN, hostname: 'worker-01' };
const HELD = {
  mac: KNOWN,
  serial: undefined,
  network: 'kubernetes1',
  server: '192.168.0.254',
  baseUrl: 'http://192.168.0.254',
  way: 'http',
} as const;

const names: readonly [path: string, meaning: unknown][] = [
  ['autoexec.ipxe', { kind: 'autoexec' }],
  ['x86_64-sb/autoexec.ipxe', { kind: 'autoexec' }],
  ['extlinux.conf', { kind: 'pxelinux' }],
  ['pxelinux.cfg/01-52-54-00-00-00-01', { kind: 'pxelinux', mac: KNOWN }],
  ['boot/pxelinux.cfg/01-52-54-00-00-00-01', { kind: 'pxelinux', mac: KNOWN }],
  [`pxelinux.cfg/${UUID.toUpperCase()}`, { kind: 'pxelinux', uuid: UUID }],
  ['pxelinux.cfg/C0A80007', { kind: 'pxelinux' }],
  ['pxelinux.cfg/C', { kind: 'pxelinux' }],
  ['pxelinux.cfg/default-arm-bcm283x', { kind: 'pxelinux' }],
  ['pxelinux.cfg/default', { kind: 'pxelinux' }],
  ['grub.cfg', { kind: 'grub' }],
  ['grub/grub.cfg', { kind: 'grub' }],
  ['EFI/BOOT/grub.cfg-01-52-54-00-00-00-01', { kind: 'grub', mac: KNOWN }],
  [`boot/grub/grub.cfg-${UUID}`, { kind: 'grub', uuid: UUID }],
  ['grub/grub.cfg-C0A800', { kind: 'grub' }],
  ['grub/grub.cfg-C0A8000700', undefined],
  ['grub/x86_64-efi/command.lst', undefined],
  ['pxelinux.cfg/06-52-54-00-00-00-01', undefined],
  ['pxelinux.cfg/vesamenu.c32', undefined],
  ['pxelinux.cfg', undefined],
  ['01-52-54-00-00-00-01', undefined],
  ['snponly.efi', undefined],
  ['assets/grub.cfgs', undefined],
];

test('what boot loaders ask for by themselves is told by its name, in any folder', (t) => {
  for (const [path, meaning] of names) t.deepEqual<unknown, unknown>(readBootFileName(path), meaning, path);
});

test('U-Boot and PXELINUX get kernel, initrd and arguments as they are', (t) => {
  t.is(
    pxelinuxConfig(MACHINE, PLAN),
    `# worker-01 (52:54:00:00:00:01) boots flatcar/1
DEFAULT boot
PROMPT 0
LABEL boot
  KERNEL /assets/flatcar/1/vmlinuz
  INITRD /assets/flatcar/1/image+arm.cpio.gz
  APPEND console=ttyS0,115200n8 flatcar.first_boot=1
`,
  );
});

test('U-Boot and PXELINUX that may not boot say why, and go on in their boot order', (t) => {
  t.is(
    pxelinuxHold(HELD),
    `MENU TITLE 52:54:00:00:00:01 is waiting for approval: rackseed approve 52:54:00:00:00:01
SAY 52:54:00:00:00:01 is waiting for approval: rackseed approve 52:54:00:00:00:01
DEFAULT wait
PROMPT 0
LABEL wait
  LOCALBOOT -1
`,
  );
  t.regex(pxelinuxHold({ ...HELD, verdict: 'retired' }), /is retired and does not boot/);
  t.regex(pxelinuxLocalDisk(MACHINE), /\nLABEL disk\n {2}LOCALBOOT -1\n$/);
});

test('GRUB fetches by HTTP, or by TFTP when it has no HTTP, tries again, and restarts the machine in the end', (t) => {
  t.is(
    grubConfig(MACHINE, PLAN),
    `echo 'worker-01 (52:54:00:00:00:01) boots flatcar/1'
insmod http
for pause in 1 2 3 4 5 6 7 8; do
  for files in '(http,192.168.0.254)' '(tftp,192.168.0.254)'; do
    if linux "$files"'/assets/flatcar/1/vmlinuz' 'console=ttyS0,115200n8' 'flatcar.first_boot=1'; then
      if initrd "$files"'/assets/flatcar/1/image+arm.cpio.gz'; then
        boot
      fi
    fi
  done
  echo "Could not fetch what it boots, trying again in $pause s"
  sleep $pause
done
echo 'Could not boot flatcar/1 on worker-01. Rebooting in 30 s'
sleep 30
reboot
`,
  );
});

test('GRUB that may not boot asks again, in one loop however often it does', (t) => {
  t.is(
    grubHold({ ...HELD, baseUrl: 'http://192.168.0.254:8080' }),
    `echo '52:54:00:00:00:01 is waiting for approval: rackseed approve 52:54:00:00:00:01'
echo 'This is network kubernetes1; the server is 192.168.0.254. Asking again in 5 s'
if [ "$rackseed_asks" != yes ]; then
  set rackseed_asks=yes
  while sleep 5; do
    source '(http,192.168.0.254:8080)''/grub.cfg-01-52-54-00-00-00-01'
  done
fi
`,
  );
  t.regex(grubHold({ ...HELD, way: 'tftp' }), /source '\(tftp,192\.168\.0\.254\)''\/grub\.cfg-01-/);
});

const configs: Readonly<Record<string, string>> = {
  boot: grubConfig(MACHINE, PLAN),
  'boot without an initrd': grubConfig(MACHINE, { ...PLAN, initrds: [] }),
  hold: grubHold(HELD),
  'local disk': grubLocalDisk(MACHINE),
  'a name from the network': grubConfig({ ...MACHINE, hostname: `it's "$(reboot)"; }` }, PLAN),
};

for (const [name, config] of Object.entries(configs)) {
  test(`grub-script-check accepts the configuration: ${name}`, (t) => {
    t.notThrows(() => execFileSync('grub-script-check', { input: config, stdio: ['pipe', 'pipe', 'pipe'] }));
  });
}

test('an argument with spaces goes to GRUB word by word, since it would put quotes around it', (t) => {
  const config = grubConfig(MACHINE, { ...PLAN, args: ['a=b c', 'd;e'] });
  t.regex(config, /vmlinuz' 'a=b' 'c' 'd;e'; then/);
});

test('arguments that a loader would change are refused by name', (t) => {
  const args = (value: string) => ({ ...PLAN, args: [value] });
  t.throws(() => grubConfig(MACHINE, args('sshkey="ssh-ed25519 AAAA"')), {
    message: /^kernel argument "sshkey=.*" holds a quote or a backslash/,
  });
  t.throws(() => pxelinuxConfig(MACHINE, args('a=$(b)')), { message: /"\$\{" or "\$\("/ });
  t.throws(() => pxelinuxConfig(MACHINE, args('a\nLABEL b')), { message: /line break/ });
  t.throws(() => grubConfig(MACHINE, args('a\nreboot')), { message: /line break/ });
});

test('autoexec.ipxe gets an address by the card that asked, and goes on with the first script', (t) => {
  const script = autoexecScript(KNOWN, 'http://192.168.0.254/boot.ipxe');
  t.regex(script, /^#!ipxe\n/);
  t.regex(script, /^iseq \$\{net\$\{card\}\/mac\} 52:54:00:00:00:01 && goto own \|\|$/m);
  t.regex(script, /^dhcp net\$\{card\} && goto script \|\|$/m);
  t.regex(script, /^chain --replace --autofree http:\/\/192\.168\.0\.254\/boot\.ipxe \|\|$/m);
  const labels = [...script.matchAll(/^:(\w+)$/gm)].map(([, label]) => label);
  for (const [, label] of script.matchAll(/goto (\w+)/g)) t.true(labels.includes(label));
});
