import { appendFile, chmod, copyFile, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyProgram, packInitrd } from './copy.ts';
import { copyModules, downloadKernel } from './kernel.ts';
import { packageRoot } from './package-root.ts';
import { run, runChecked } from './process.ts';

/** Drivers of the virtual machine, the root's overlay and the data disk's file system. */
const MODULES = ['virtio_pci', 'virtio_net', 'virtio_blk', 'virtio_rng', 'overlay', 'crc32c_generic', 'ext4'];

/** What documents of Kubernetes nodes load themselves. */
const MORE_MODULES = ['br_netfilter'];

/** Debian packages of the guest, to which apt adds those they depend on. */
const PACKAGES = [
  'base-files',
  'base-passwd',
  'bash',
  'cloud-init',
  'coreutils',
  'curl',
  'dash',
  'diffutils',
  'e2fsprogs',
  'findutils',
  'grep',
  'gzip',
  'hostname',
  'ignition',
  'iproute2',
  'kmod',
  'libc-bin',
  'login',
  'mawk',
  'mount',
  'passwd',
  'procps',
  'python3-yaml',
  'sed',
  'systemd',
  'systemd-sysv',
  'tar',
  'udev',
  'util-linux',
];

/** Packages that come along by a dependency that means nothing here, where no package is ever installed. */
const LEFT_OUT =
  /^(?:adduser|ca-certificates|debconf|dpkg|eject|isc-dhcp-client|libc-l10n|libdb5\.3|libgdbm.*|libperl.*|locales|lsb-release|openssl|perl.*|python3-(?:cffi-backend|cryptography))_/;

/** Files of packages that are of no use here. */
const TRIMMED = [
  './etc/NetworkManager',
  './etc/cron.d',
  './etc/dhcp',
  './etc/init.d',
  './etc/rc?.d',
  './etc/systemd/system/sshd-keygen@.service.d',
  './usr/bin/ignition-validate',
  './usr/share/bash-completion',
  './usr/share/doc',
  './usr/share/i18n',
  './usr/share/info',
  './usr/share/locale',
  './usr/share/man',
  './usr/share/perl5',
  './usr/share/zsh',
  '*/gconv',
  // Of systemd's, those for /etc/fstab and the kernel's arguments are left: all are run at each daemon-reload.
  '*/system-generators/systemd-cryptsetup-generator',
  '*/system-generators/systemd-getty-generator',
  '*/system-generators/systemd-gpt-auto-generator',
  '*/system-generators/systemd-hibernate-resume-generator',
  '*/system-generators/systemd-integritysetup-generator',
  '*/system-generators/systemd-rc-local-generator',
  '*/system-generators/systemd-system-update-generator',
  '*/system-generators/systemd-sysv-generator',
  '*/system-generators/systemd-veritysetup-generator',
  '*/udev/hwdb.d',
  '*/python3.*/ensurepip',
  '*/python3.*/lib2to3',
  '*/python3.*/pydoc_data',
];

/** What the targets of systemd pull in that a machine in memory has no use for, some of which would ask questions. */
const TARGETS_WITHOUT = {
  'getty.target.wants': ['getty-static.service'],
  'initrd.target.wants': ['systemd-pcrphase-initrd.service'],
  'initrd-root-fs.target.wants': ['systemd-repart.service'],
  'multi-user.target.wants': [
    'getty.target',
    'systemd-logind.service',
    'systemd-update-utmp-runlevel.service',
  ],
  'sysinit.target.wants': [
    'proc-sys-fs-binfmt_misc.automount',
    'sys-fs-fuse-connections.mount',
    'sys-kernel-debug.mount',
    'sys-kernel-tracing.mount',
    'systemd-ask-password-console.path',
    'systemd-binfmt.service',
    'systemd-firstboot.service',
    'systemd-journal-flush.service',
    'systemd-machine-id-commit.service',
    'systemd-pcrphase-sysinit.service',
    'systemd-pcrphase.service',
    'systemd-random-seed.service',
    'systemd-repart.service',
    'systemd-update-utmp.service',
  ],
};

/** What is added to them. cloud-init's own generator decides whether its target is part of the boot. */
const TARGETS_WITH = {
  'cloud-init.target.wants': [
    'cloud-init-local.service',
    'cloud-init.service',
    'cloud-config.service',
    'cloud-final.service',
  ],
  'initrd.target.wants': ['systemd-networkd.service'],
  'multi-user.target.wants': [
    'containerd.service',
    'lab-report.service',
    'systemd-networkd.service',
    'user-config.target',
  ],
  'network-online.target.wants': ['systemd-networkd-wait-online.service'],
};

/** Programs that packages choose among others when they are installed. */
const ALTERNATIVES = { sh: 'dash', awk: 'mawk' };

/** Where Debian keeps the units of packages. */
const UNITS = 'usr/lib/systemd/system';
/** Debian's, not another one that comes first in somebody's PATH. */
const PYTHON = '/usr/bin/python3';

const guest = join(packageRoot, 'lab/guest');

/**
 * Builds the Debian guest from the packages of this system's own apt sources, without installing anything: systemd, udev,
 * Ignition, cloud-init and the stand-in for coreos-cloudinit, some 40 MB.
 * @param work an empty folder to work in
 * @param image folder that gets `vmlinuz` and `initrd.img`
 */
export async function buildDebianGuest(
  work: string,
  image: string,
  progress: (step: string) => void,
): Promise<void> {
  const initrd = join(work, 'initrd');
  const root = join(initrd, 'image');
  progress("downloading Debian's kernel");
  const kernel = await downloadKernel(work);
  await cp(join(kernel.directory, `boot/vmlinuz-${kernel.release}`), join(image, 'vmlinuz'));
  progress("downloading the guest's Debian packages");
  const packages = await downloadPackages(work);
  progress('unpacking them');
  await unpack(packages, root);
  await configure(root);
  await arrangeTargets(root);
  await compilePython(root);

  await copyProgram(initrd, '/bin/busybox');
  await copyFile(join(guest, 'debian/init'), join(initrd, 'init'));
  await chmod(join(initrd, 'init'), 0o755);
  for (const folder of ['dev', 'proc', 'sys']) await mkdir(join(initrd, folder));
  const modules = await copyModules(kernel, root, [...MODULES, ...MORE_MODULES]);
  const first = modules.filter((name) => MODULES.includes(name));
  await writeFile(join(initrd, 'modules'), `${first.join('\n')}\n`);
  progress('packing the initial RAM file system');
  await packInitrd(initrd, join(image, 'initrd.img'), 6);
}

/** Downloads the packages and all that they depend on, whatever this system has installed. Gives their files. */
async function downloadPackages(work: string): Promise<string[]> {
  const archives = join(work, 'packages');
  await mkdir(join(archives, 'partial'), { recursive: true });
  const nothingInstalled = join(work, 'status');
  await writeFile(nothingInstalled, '');
  const options = {
    'Dir::State::status': nothingInstalled,
    'Dir::Cache::archives': archives,
    'APT::Sandbox::User': 'root',
    'APT::Install-Recommends': 'false',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const install = ['apt-get', '-q', '-y', ...flags, '--download-only', 'install', ...PACKAGES];
  // Lists that are missing or out of date are worth a second try.
  if ((await run(install)).code !== 0) {
    await runChecked(['apt-get', '-q', 'update']);
    await runChecked(install);
  }
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb') && !LEFT_OUT.test(name));
  return files.map((name) => join(archives, name));
}

async function unpack(packages: readonly string[], root: string): Promise<void> {
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', folder), { recursive: true });
    await symlink(`usr/${folder}`, join(root, folder));
  }
  const excludes = TRIMMED.map((pattern) => `--exclude=${pattern}`);
  for (const file of packages) {
    // Packages may still have files in /bin, which is a link here.
    const script = 'dpkg-deb --fsys-tarfile "$0" | tar --extract --keep-directory-symlink "$@"';
    await runChecked(['bash', '-c', `set -o pipefail; ${script}`, file, '--directory', root, ...excludes]);
  }
}

/** Does what the packages' own scripts would do, as far as it matters, and adds the lab's files. */
async function configure(root: string): Promise<void> {
  const etc = (name: string) => join(root, 'etc', name);
  for (const name of ['passwd', 'group']) {
    await copyFile(join(root, `usr/share/base-passwd/${name}.master`), etc(name));
  }
  await appendFile(etc('passwd'), 'core:x:500:500:CoreOS Admin:/home/core:/bin/bash\n');
  await appendFile(etc('group'), 'core:x:500:\ndocker:x:233:core\n');
  // systemd makes its own users at its first start, but not when that is as an initrd.
  await appendFile(etc('passwd'), 'systemd-network:x:998:998::/:/usr/sbin/nologin\n');
  await appendFile(etc('group'), 'systemd-network:x:998:\n');
  await writeFile(etc('shadow'), 'root:*:19000:0:99999:7:::\ncore:*:19000:0:99999:7:::\n');
  await chmod(etc('shadow'), 0o600);
  await mkdir(join(root, 'home/core'), { recursive: true });
  for (const [name, target] of Object.entries(ALTERNATIVES)) {
    await rm(join(root, 'usr/bin', name), { force: true });
    await symlink(target, join(root, 'usr/bin', name));
  }
  await writeFile(etc('nsswitch.conf'), 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n');
  await writeFile(etc('hosts'), '127.0.0.1 localhost\n');

  await cp(join(guest, 'debian/root'), root, { recursive: true });
  await copyFile(join(guest, 'coreos_cloudinit_standin.py'), join(root, 'usr/sbin/coreos-cloudinit-standin'));
  for (const name of ['coreos-cloudinit-standin', 'lab-report']) {
    await chmod(join(root, 'usr/sbin', name), 0o755);
  }
  await installIgnition(root);
  await runChecked(['ldconfig', '-r', root]);
}

/** Puts the parts of Ignition's dracut module where its own module-setup.sh would. */
async function installIgnition(root: string): Promise<void> {
  const module = join(root, 'usr/lib/dracut/modules.d/30ignition');
  await cp(join(module, 'ignition'), join(root, 'usr/bin/ignition'));
  for (const name of await readdir(module)) {
    if (/\.(?:service|target)$/.test(name)) await cp(join(module, name), join(root, UNITS, name));
  }
  const required = join(root, UNITS, 'ignition-complete.target.requires');
  await mkdir(required);
  for (const stage of ['fetch-offline', 'fetch', 'kargs', 'disks', 'mount', 'files']) {
    await symlink(`../ignition-${stage}.service`, join(required, `ignition-${stage}.service`));
  }
  await rm(join(root, 'usr/lib/dracut'), { recursive: true });
  // Debian's build labels the files it writes for SELinux, which isn't here.
  await writeFile(join(root, 'etc/selinux/config'), 'SELINUX=disabled\nSELINUXTYPE=none\n');
  await symlink('true', join(root, 'usr/bin/setfiles'));
}

async function arrangeTargets(root: string): Promise<void> {
  for (const [target, units] of Object.entries(TARGETS_WITHOUT)) {
    for (const unit of units) await rm(join(root, UNITS, target, unit), { force: true });
  }
  for (const [target, units] of Object.entries(TARGETS_WITH)) {
    await mkdir(join(root, UNITS, target), { recursive: true });
    for (const unit of units) await symlink(`../${unit}`, join(root, UNITS, target, unit));
  }
  await rm(join(root, UNITS, 'default.target'));
  await symlink('multi-user.target', join(root, UNITS, 'default.target'));
}

/** Python starts three times as fast with compiled modules, and cloud-init starts it four times. */
async function compilePython(root: string): Promise<void> {
  const names = (await readdir(join(root, 'usr/lib'))).filter((name) => /^python3(?:\.\d+)?$/.test(name));
  const options = ['-q', '-j', '0', '--invalidation-mode', 'unchecked-hash', '-s', root, '-p', '/'];
  const folders = names.map((name) => join(root, 'usr/lib', name));
  await runChecked([PYTHON, '-m', 'compileall', ...options, ...folders]);
}
