import { findSubstitutions } from '../provision/cloud-config.ts';
import { checkPlaceholders } from '../provision/placeholders.ts';
import type { Profile, ProfileBoot } from './config.ts';
import type { Path, Problem } from './problem.ts';
import { type ProfileInput, ProfileSchema } from './schema.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

const checker = schemaChecker(ProfileSchema);

/** File names of kernel and initrd by image family, the first folder of the image's path. */
const FAMILIES: Readonly<Record<string, { kernel: string; initrd: string }>> = {
  flatcar: { kernel: 'flatcar_production_pxe.vmlinuz', initrd: 'flatcar_production_pxe_image.cpio.gz' },
  coreos: { kernel: 'coreos_production_pxe.vmlinuz', initrd: 'coreos_production_pxe_image.cpio.gz' },
};
const OTHER_FAMILY = { kernel: 'vmlinuz', initrd: 'initrd.img' };

/** Reads the profile `name` from its file; undefined when it can't be used, for which `problems` then says why. */
export function readProfile(
  file: YamlFile,
  name: string,
): { profile: Profile | undefined; problems: Problem[] } {
  const problems = checker.problems(file, [], file.value ?? {});
  const report = (path: Path, message: string, expected?: string) => {
    problems.push(file.problem(path, message, expected));
  };
  const input = checker.decode(file.value ?? {});
  const boot = input ? resolveBoot(input.boot) : undefined;
  const written = mappingAt(file.value, 'boot');
  if (written) checkBoot(written, report);
  const document = mappingAt(file.value, 'cloud_config');
  const cloudConfig = document && checkDocument(file, document, report);
  checkTexts(['boot', 'args'], written?.args, report);
  if (!boot) return { profile: undefined, problems };
  return { profile: { name, boot, ...(cloudConfig ? { cloudConfig } : {}) }, problems };
}

type Report = (path: Path, message: string, expected?: string) => void;

/** Says what is missing or too much in `boot` as a whole. */
function checkBoot(written: Readonly<Record<string, unknown>>, report: Report): void {
  if (written.local_disk === undefined) {
    if (written.image === undefined) report(['boot'], 'says nothing to boot', 'image, or local_disk: true');
    return;
  }
  for (const key of ['image', 'kernel', 'initrd', 'args']) {
    if (written[key] !== undefined) report(['boot', key], 'has no meaning beside local_disk');
  }
}

function resolveBoot(boot: ProfileInput['boot']): ProfileBoot | undefined {
  const { image, kernel, initrd, args, local_disk: localDisk } = boot;
  if (localDisk) return { kind: 'local-disk' };
  if (image === undefined) return undefined;
  const family = FAMILIES[image.split('/')[0] ?? ''] ?? OTHER_FAMILY;
  return {
    kind: 'image',
    image,
    kernel: kernel ?? family.kernel,
    initrds: [initrd ?? family.initrd].flat(),
    args: args ?? [],
  };
}

/** Looks for what coreos-cloudinit would silently ignore or change; gives the document with its file modes as text. */
function checkDocument(
  file: YamlFile,
  document: Readonly<Record<string, unknown>>,
  report: Report,
): Readonly<Record<string, unknown>> {
  const path = ['cloud_config'];
  checkKeys(document, path, report);
  checkTexts(path, document, report);
  for (const { path: place, message } of findSubstitutions(document)) {
    report([...path, ...place], message, '{{ machine.address }}');
  }
  if (!Array.isArray(document.write_files)) return document;
  const files = document.write_files.map((entry: unknown, index) => {
    if (typeof entry !== 'object' || entry === null || !('permissions' in entry)) return entry;
    if (typeof entry.permissions !== 'number') return entry;
    // YAML reads 0644 as a number; the digits that were written are what is meant.
    const place = [...path, 'write_files', index, 'permissions'];
    const digits = file.source(place) ?? String(entry.permissions);
    if (!/^0?[0-7]{3,4}$/.test(digits)) report(place, `${digits} is not a file mode`, '"0644" for example');
    return { ...entry, permissions: digits.padStart(4, '0') };
  });
  return { ...document, write_files: files };
}

/** Hyphenated keys, which CoreOS read and Flatcar ignores without a word. */
function checkKeys(value: unknown, path: Path, report: Report): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (key.includes('-')) {
      report(at, 'keys with hyphens are ignored by Flatcar', key.replaceAll('-', '_'));
    }
    checkKeys(child, at, report);
  }
}

function checkTexts(path: Path, value: unknown, report: Report): void {
  for (const { path: place, message, expected } of checkPlaceholders(value)) {
    report([...path, ...place], message, expected);
  }
}

function mappingAt(value: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const child = (value as Readonly<Record<string, unknown>>)[key];
  return typeof child === 'object' && child !== null && !Array.isArray(child)
    ? (child as Readonly<Record<string, unknown>>)
    : undefined;
}
