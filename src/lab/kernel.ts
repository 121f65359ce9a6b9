import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyInto } from './copy.ts';
import { run, runChecked } from './process.ts';

/** Debian's kernel for virtual machines; a metapackage that depends on the current one. */
const KERNEL = 'linux-image-cloud-amd64';

/** A kernel unpacked into a folder, not installed. */
export interface Kernel {
  /** `uname -r` */
  readonly release: string;
  /** The folder, with `boot/vmlinuz-RELEASE` and `lib/modules/RELEASE`. */
  readonly directory: string;
}

/**
 * Downloads Debian's kernel with apt and unpacks it below `work`.
 * @throws when apt knows no such package
 */
export async function downloadKernel(work: string): Promise<Kernel> {
  const name = await concreteKernel();
  // apt's own download user can't write to this folder, and would only warn about it.
  await runChecked(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
  const file = (await readdir(work)).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
  if (!file) throw new Error(`apt-get download ${name} left no package file in ${work}`);
  const directory = join(work, 'kernel');
  await mkdir(directory);
  await runChecked(['dpkg-deb', '-x', join(work, file), directory]);
  const release = name.replace(/^linux-image-/, '');
  await runChecked(['depmod', '-b', directory, release]);
  return { release, directory };
}

async function concreteKernel(): Promise<string> {
  const find = async () => {
    const { stdout } = await run(['apt-cache', 'depends', KERNEL]);
    return /Depends: (linux-image-\d\S*)/.exec(stdout)?.[1];
  };
  const name = (await find()) ?? (await runChecked(['apt-get', '-q', 'update']).then(find));
  if (!name) {
    throw new Error(
      `apt knows no package ${KERNEL}, which the lab's images are built from (it's Debian's); --image DIR boots another one`,
    );
  }
  return name;
}

/**
 * Copies kernel modules, with those they need, below `root`.
 * @param modules names; those built into the kernel are skipped
 * @returns the names of those to be loaded
 */
export async function copyModules(
  { release, directory }: Kernel,
  root: string,
  modules: readonly string[],
): Promise<string[]> {
  const folder = join('lib/modules', release);
  const read = (name: string) => readFile(join(directory, folder, name), 'utf8');
  const plain = (path: string) => path.replace(/^.*\//, '').replace(/\.ko$/, '').replaceAll('-', '_');
  const builtIn = new Set((await read('modules.builtin')).split('\n').map(plain));
  const needs = new Map<string, string[]>();
  for (const line of (await read('modules.dep')).split('\n').filter(Boolean)) {
    const [path = '', list = ''] = line.split(':');
    needs.set(plain(path), [path, ...list.split(' ').filter(Boolean)]);
  }
  const wanted = modules.filter((name) => !builtIn.has(name));
  const paths = wanted.flatMap((name) => {
    const found = needs.get(name);
    if (!found) throw new Error(`kernel ${release} has no module ${name}`);
    return found;
  });
  for (const path of new Set(['modules.builtin', 'modules.order', ...paths])) {
    await copyInto(root, join(directory, folder, path), join(folder, path));
  }
  await runChecked(['depmod', '-b', root, release]);
  return wanted;
}
