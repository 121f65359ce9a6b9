import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/lab/package-root.ts';
import { runChecked } from './process.ts';

/** Builds the Debian package of this checkout, as `npm run package` does; gives its path. */
export async function buildPackage(): Promise<string> {
  const output = await runChecked([process.execPath, join(packageRoot, 'scripts/package.mjs')], {
    cwd: packageRoot,
    timeout: 600_000,
  });
  const file = output.trim().split('\n').at(-1) ?? '';
  return join(packageRoot, file);
}

/** The same package with a later version number: an upgrade, as far as dpkg is concerned. */
export async function laterPackage(file: string, folder: string): Promise<string> {
  const tree = join(folder, 'later');
  await runChecked(['dpkg-deb', '--raw-extract', file, tree]);
  const control = join(tree, 'DEBIAN/control');
  await runChecked(['sed', '-i', 's/^Version: .*/&+later/', control]);
  const [, version] = /^Version: (.*)$/m.exec(await readFile(control, 'utf8')) ?? [];
  const later = join(folder, `rackseed_${version}.deb`);
  await runChecked(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, later]);
  return later;
}
