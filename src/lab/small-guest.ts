import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyInto, copyLibraries, copyProgram, packInitrd } from './copy.ts';
import { copyModules, downloadKernel } from './kernel.ts';
import { packageRoot } from './package-root.ts';
import { runChecked } from './process.ts';

/** Drivers of the virtual machine and the data disk's file system. */
const MODULES = ['virtio_pci', 'virtio_net', 'virtio_blk', 'virtio_rng', 'crc32c_generic', 'ext4'];
/** Programs copied from this system, with the libraries they load. */
const PROGRAMS = ['/usr/sbin/mkfs.ext4', '/usr/sbin/blkid'];

/** Debian's, not another one that comes first in somebody's PATH. */
const PYTHON = '/usr/bin/python3';

const guest = join(packageRoot, 'lab/guest');

/**
 * Builds the small guest: Debian's kernel, busybox and the stand-in for coreos-cloudinit, some 6 MB.
 * @param work an empty folder to work in
 * @param image folder that gets `vmlinuz` and `initrd.img`
 */
export async function buildSmallGuest(
  work: string,
  image: string,
  progress: (step: string) => void,
): Promise<void> {
  const root = join(work, 'root');
  progress("downloading Debian's kernel");
  const kernel = await downloadKernel(work);
  await cp(join(kernel.directory, `boot/vmlinuz-${kernel.release}`), join(image, 'vmlinuz'));
  progress(`collecting busybox, kernel modules and programs for ${kernel.release}`);
  await makeSkeleton(root);
  const modules = await copyModules(kernel, root, MODULES);
  await writeFile(join(root, 'etc/modules'), `${modules.join('\n')}\n`);
  for (const program of PROGRAMS) await copyProgram(root, program);
  await copyPython(root);
  progress('packing the initial RAM file system');
  await packInitrd(root, join(image, 'initrd.img'), 19);
}

async function makeSkeleton(root: string): Promise<void> {
  const folders = [
    'dev',
    'proc',
    'sys',
    'run',
    'tmp',
    'etc',
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'root',
  ];
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${folder}`, join(root, folder));
  await mkdir(join(root, 'home/core'), { recursive: true });

  await copyProgram(root, '/bin/busybox', '/usr/bin/busybox');
  for (const applet of (await runChecked(['/bin/busybox', '--list'])).split('\n').filter(Boolean)) {
    if (applet !== 'busybox') await symlink('busybox', join(root, 'usr/bin', applet));
  }
  await cp(join(guest, 'small/init'), join(root, 'init'));
  await cp(join(guest, 'small/udhcpc.script'), join(root, 'etc/udhcpc.script'));
  for (const script of ['init', 'etc/udhcpc.script']) await chmod(join(root, script), 0o755);
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\ncore:x:500:500::/home/core:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\ncore:x:500:\ndocker:x:233:core\n');
}

/** Copies Python with just the modules that the stand-in imports (plain HTTP needs no TLS), compiled for a quick start. */
async function copyPython(root: string): Promise<void> {
  const list = `import sys; sys.path += ['/usr/lib/python3/dist-packages', '${guest}']
sys.modules.update({'ssl': None, '_hashlib': None})
import coreos_cloudinit_standin, encodings.ascii, encodings.latin_1, encodings.idna
print(sys.executable, f'/usr/lib/python{sys.version_info[0]}.{sys.version_info[1]}')
for module in list(sys.modules.values()):
    if module and getattr(module, '__file__', None): print(module.__file__)`;
  const output = await runChecked([PYTHON, '-S', '-E', '-B', '-c', list]);
  const [first = '', ...files] = output.trim().split('\n');
  const [executable = '', library = ''] = first.split(' ');
  await copyProgram(root, executable, '/usr/bin/python3');
  for (const file of files) {
    const target = file.replace('/usr/lib/python3/dist-packages', library).replace(guest, library);
    await copyInto(root, file, target);
    if (file.includes('.so')) await copyLibraries(root, file);
  }
  await runChecked([
    PYTHON,
    '-m',
    'compileall',
    '-q',
    '--invalidation-mode',
    'unchecked-hash',
    join(root, library),
  ]);
  const standin = join(root, 'usr/sbin/coreos-cloudinit-standin');
  await writeFile(standin, `#!/bin/sh\nexec python3 -S -E -B ${library}/coreos_cloudinit_standin.py "$@"\n`);
  await chmod(standin, 0o755);
}
