import { chmod, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyInto, packInitrd } from '../../src/lab/copy.ts';
import { copyModules } from '../../src/lab/kernel.ts';
import { debianPackage, ownSuite } from './debian-package.ts';
import { runChecked } from './process.ts';

const INIT = fileURLToPath(new URL('./arm64-guest/init', import.meta.url));
const UDHCPC_SCRIPT = fileURLToPath(new URL('../../lab/guest/small/udhcpc.script', import.meta.url));

/** Drivers of the virtual machine. */
const MODULES = ['virtio_pci', 'virtio_net'];
/** What the guest's scripts call. */
const APPLETS = 'cat cut echo head ip modprobe mount route sed sh sleep tr udhcpc uname wc wget'.split(' ');

/**
 * Puts a double of a diskless arm64 system together: Debian's kernel and busybox for arm64, and a first process that fetches
 * its cloud-config and tells that it is up. The lab's own guest is made of this host's programs, so it can't be had for another
 * architecture.
 * @param work an empty folder to work in
 * @param image folder that gets `vmlinuz` and `initrd.img`
 */
export async function buildArm64Guest(work: string, image: string): Promise<void> {
  const origin = { suite: await ownSuite(), architecture: 'arm64' };
  const root = join(work, 'root');
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'sys'])
    await mkdir(join(root, folder), { recursive: true });
  await copyInto(root, join(await debianPackage('busybox-static', origin), 'bin/busybox'), 'bin/busybox');
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  await cp(INIT, join(root, 'init'));
  await cp(UDHCPC_SCRIPT, join(root, 'etc/udhcpc.script'));
  for (const script of ['init', 'etc/udhcpc.script']) await chmod(join(root, script), 0o755);

  const directory = await debianPackage('linux-image-cloud-arm64', origin);
  const [release = ''] = await readdir(join(directory, 'lib/modules'));
  await runChecked(['depmod', '-b', directory, release]);
  const modules = await copyModules({ release, directory }, root, MODULES);
  await writeFile(join(root, 'etc/modules'), `${modules.join('\n')}\n`);
  await cp(join(directory, `boot/vmlinuz-${release}`), join(image, 'vmlinuz'));
  await packInitrd(root, join(image, 'initrd.img'), 3);
}
