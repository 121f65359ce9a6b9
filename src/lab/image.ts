import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageRoot } from './package-root.ts';
import { run, runChecked } from './process.ts';

/** A kernel and an initial RAM file system that boot together. */
export interface Image {
  /** Folder that holds `vmlinuz` and `initrd.img`. */
  readonly directory: string;
  /** Tells one build from another: a hash of what went in. */
  readonly version: string;
}

/** To be raised when an image is put together in another way, so that older ones in a cache are not used. */
const RECIPE = 1;
const KERNEL = 'linux-image-cloud-amd64';
/** Drivers of the virtual machine and the data disk's file system; those built into the kernel are skipped. */
const MODULES = ['virtio_pci', 'virtio_net', 'virtio_blk', 'virtio_rng', 'crc32c_generic', 'ext4'];
/** Programs copied from this system, with the libraries they load. */
const PROGRAMS = ['/usr/sbin/mkfs.ext4', '/usr/sbin/blkid'];
/** Packages of this system that parts of the image are copied from. */
const PACKAGES = [
  'busybox-static',
  'busybox',
  'e2fsprogs',
  'util-linux',
  'libc6',
  'python3-minimal',
  'python3-yaml',
];

/** Debian's, not another one that comes first in somebody's PATH. */
const PYTHON = '/usr/bin/python3';

const guest = join(packageRoot, 'lab/guest');

/**
 * The lab's own image: Debian's kernel, busybox and the stand-in for coreos-cloudinit (see lab/guest). Built when
 * `cache` has none that was made from the same inputs; otherwise the one from there.
 * @param cache folder for finished images
 * @param progress called with each step of a build, in words
 */
export async function labImage(cache: string, progress: (step: string) => void): Promise<Image> {
  const version = await inputsHash();
  const directory = join(cache, version);
  if (await exists(join(directory, 'initrd.img'))) return { directory, version };
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, '.building-'));
  try {
    const image = join(work, 'image');
    await mkdir(image);
    await build(work, image, progress);
    // Two labs may have built at once: the first to finish wins, both images are the same.
    await rename(image, directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { directory, version };
}

/**
 * An image somebody made: a folder that holds `vmlinuz` and `initrd.img`.
 * @throws when one of the two is missing
 */
export async function foreignImage(directory: string): Promise<Image> {
  for (const file of ['vmlinuz', 'initrd.img']) {
    if (!(await exists(join(directory, file)))) {
      throw new Error(`${directory} holds no ${file}: an image is a folder with vmlinuz and initrd.img`);
    }
  }
  return { directory, version: 'own' };
}

/** Changes with the guest's files, the recipe and the packages of this system that parts are copied from. */
async function inputsHash(): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([RECIPE, KERNEL, MODULES, PROGRAMS]));
  for (const name of (await readdir(guest)).sort()) {
    hash.update(`${name}\n`).update(await readFile(join(guest, name)));
  }
  hash.update((await run(['dpkg-query', '--show', ...PACKAGES])).stdout);
  return hash.digest('hex').slice(0, 12);
}

async function build(work: string, image: string, progress: (step: string) => void): Promise<void> {
  const root = join(work, 'root');
  const kernelRoot = join(work, 'kernel');
  progress(`downloading Debian's kernel (${KERNEL})`);
  const release = await downloadKernel(work, kernelRoot);
  await cp(join(kernelRoot, `boot/vmlinuz-${release}`), join(image, 'vmlinuz'));
  progress(`collecting busybox, kernel modules and programs for ${release}`);
  await makeSkeleton(root);
  await copyModules(kernelRoot, root, release);
  for (const program of PROGRAMS) await copyProgram(root, program);
  await copyPython(root);
  progress('packing the initial RAM file system');
  const pack =
    'find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet | zstd -q -19 -T0 -o "$0"';
  await runChecked(['sh', '-c', `set -e; ${pack}`, join(image, 'initrd.img')], { cwd: root });
}

/** Unpacks the kernel that the metapackage stands for, without installing it. Gives its release (`uname -r`). */
async function downloadKernel(work: string, target: string): Promise<string> {
  const name = await concreteKernel();
  // apt's own download user can't write to this folder, and would only warn about it.
  await runChecked(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
  const file = (await readdir(work)).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
  if (!file) throw new Error(`apt-get download ${name} left no package file in ${work}`);
  await mkdir(target);
  await runChecked(['dpkg-deb', '-x', join(work, file), target]);
  return name.replace(/^linux-image-/, '');
}

async function concreteKernel(): Promise<string> {
  const find = async () => {
    const { stdout } = await run(['apt-cache', 'depends', KERNEL]);
    return /Depends: (linux-image-\d\S*)/.exec(stdout)?.[1];
  };
  const name = (await find()) ?? (await runChecked(['apt-get', '-q', 'update']).then(find));
  if (!name) {
    throw new Error(
      `apt knows no package ${KERNEL}, which the lab's image is built from (it's Debian's); --image DIR boots another one`,
    );
  }
  return name;
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
  await cp(join(guest, 'init'), join(root, 'init'));
  await cp(join(guest, 'udhcpc.script'), join(root, 'etc/udhcpc.script'));
  for (const script of ['init', 'etc/udhcpc.script']) await chmod(join(root, script), 0o755);
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\ncore:x:500:500::/home/core:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\ncore:x:500:\ndocker:x:233:core\n');
}

/** Copies the modules of {@link MODULES} with those they need, and lists the ones to load in etc/modules. */
async function copyModules(from: string, root: string, release: string): Promise<void> {
  const folder = join('lib/modules', release);
  await runChecked(['depmod', '-b', from, release]);
  const read = (name: string) => readFile(join(from, folder, name), 'utf8');
  const plain = (path: string) => path.replace(/^.*\//, '').replace(/\.ko$/, '').replaceAll('-', '_');
  const builtIn = new Set((await read('modules.builtin')).split('\n').map(plain));
  const needs = new Map<string, string[]>();
  for (const line of (await read('modules.dep')).split('\n').filter(Boolean)) {
    const [path = '', list = ''] = line.split(':');
    needs.set(plain(path), [path, ...list.split(' ').filter(Boolean)]);
  }
  const wanted = MODULES.filter((name) => !builtIn.has(name));
  const paths = wanted.flatMap((name) => {
    const found = needs.get(name);
    if (!found) throw new Error(`kernel ${release} has no module ${name}`);
    return found;
  });
  for (const path of new Set(['modules.builtin', 'modules.order', ...paths])) {
    await copyInto(root, join(from, folder, path), join(folder, path));
  }
  await runChecked(['depmod', '-b', root, release]);
  await writeFile(join(root, 'etc/modules'), `${wanted.join('\n')}\n`);
}

/** Copies a program of this system and the libraries it's linked with, to the same places. */
async function copyProgram(root: string, path: string, target = path): Promise<void> {
  await rm(join(root, target), { force: true });
  await copyInto(root, path, target);
  await copyLibraries(root, path);
}

async function copyLibraries(root: string, path: string): Promise<void> {
  const { stdout } = await run(['ldd', path]);
  for (const [library] of stdout.matchAll(/\/\S+(?= \(0x)/g)) await copyInto(root, library, library);
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

async function copyInto(root: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(root, to)), { recursive: true });
  await cp(from, join(root, to), { dereference: true });
}

async function exists(path: string): Promise<boolean> {
  return (await run(['test', '-e', path])).code === 0;
}
