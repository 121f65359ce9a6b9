import { filesIn } from '../boot/firmware-folder.ts';
import { type LoaderRow, PXELINUX_FILE } from '../boot/loaders.ts';
import type { Config } from '../config/config.ts';
import { readImages } from '../http/admin/images.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Kinds of firmware that nearly every rack has: one that lacks their loaders is worth a warning. */
const COMMON: ReadonlySet<number> = new Set([0, 7, 16]);

/** Whether there is a loader for each kind of firmware. */
export function checkLoaders({ firmware: { directory, loaders } }: Pick<Config, 'firmware'>): Finding[] {
  let present: ReadonlySet<string>;
  try {
    present = new Set([...filesIn(directory), PXELINUX_FILE]);
  } catch (error) {
    const found = `the folder ${directory} can't be read (${(error as NodeJS.ErrnoException).code})`;
    return [fail('loaders', found, 'install the package ipxe, or set firmware.directory')];
  }
  return loaders.map((row) => checkLoader(row, directory, present));
}

function checkLoader(row: LoaderRow, directory: string, present: ReadonlySet<string>): Finding {
  const subject = `loader for ${row.firmware}`;
  const file = row.files.find((name) => present.has(name));
  if (file !== undefined) return ok(subject, file);
  const found = `none of ${row.files.join(', ')} is in ${directory}`;
  if (row.architectures?.some((code) => COMMON.has(code))) {
    return warn(
      subject,
      found,
      'machines with such firmware can not boot: install the package ipxe, or put one there',
    );
  }
  return ok(subject, `${found}; no matter without such machines`);
}

/** Whether the files that profiles boot are in the assets folder. */
export async function checkImages(config: Pick<Config, 'profiles' | 'assets'>): Promise<Finding[]> {
  const images = await readImages(config);
  return images.map(({ name, files, missing, profiles }) => {
    const subject = `image ${name}`;
    const users = `profile ${profiles.join(', ')}`;
    const place = `${config.assets.directory}/${name}/`;
    if (missing.length > 0) {
      const found = `${missing.join(', ')} is missing for ${users}`;
      return fail(subject, found, `put it into ${place} (assets/README.md tells where images come from)`);
    }
    const empty = files.filter(({ size }) => size === 0).map((file) => file.name);
    if (empty.length > 0)
      return fail(subject, `${empty.join(', ')} is empty`, `download it into ${place} again`);
    return ok(subject, `complete, for ${users}`);
  });
}
