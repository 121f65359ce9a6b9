import { checkPlaceholders } from '../provision/placeholders.ts';
import { checkLabelKey, checkLabelValue, checkTaint } from './labels.ts';
import { type Layered, layer, repeated } from './layers.ts';
import type { Path, Problem } from './problem.ts';
import { ProfileSchema } from './profile-schema.ts';
import { schemaChecker } from './validate.ts';
import type { YamlFile } from './yaml.ts';

/** A profile as one file has it, without what it extends. */
export interface ProfileFile {
  readonly name: string;
  readonly file: YamlFile;
  readonly content: Layered;
  /** The profile this one is put on top of. */
  readonly base: string | undefined;
}

type Report = (path: Path, message: string, expected?: string) => void;
type Mapping = Readonly<Record<string, unknown>>;

export const profileChecker = schemaChecker(ProfileSchema);

/** Reads one file of profiles/, and finds what is wrong with it whatever it extends. */
export function readProfileFile(file: YamlFile, name: string): { profile: ProfileFile; problems: Problem[] } {
  const value = file.value ?? {};
  const found: Problem[] = [];
  const report: Report = (path, message, expected) => void found.push(file.problem(path, message, expected));
  checkBoot(mappingAt(value, 'boot'), report);
  checkKubernetes(mappingAt(value, 'kubernetes'), report);
  const content = layer(file, withModes(file, value, report));
  checkKeys(mappingAt(value, 'cloud_config'), ['cloud_config'], report);
  for (const { path, message, expected } of checkPlaceholders(value)) report(path, message, expected);
  for (const { name, place } of repeated(content)) report(place.path, `${name} is given twice`);
  // What is known better than by its form is told once.
  const told = new Set(found.map(({ path }) => path));
  const malformed = profileChecker.problems(file, [], value).filter(({ path }) => !told.has(path));
  const base = mappingAt({ value }, 'value')?.extends;
  return {
    profile: { name, file, content, base: typeof base === 'string' ? base : undefined },
    problems: [...malformed, ...found],
  };
}

/** What has no meaning beside another key of the same file. */
function checkBoot(boot: Mapping | undefined, report: Report): void {
  if (boot?.local_disk === undefined) return;
  for (const key of ['image', 'kernel', 'initrd', 'rootfs', 'args', 'document', 'secrets']) {
    if (boot[key] !== undefined) report(['boot', key], 'has no meaning beside local_disk');
  }
}

function checkKubernetes(kubernetes: Mapping | undefined, report: Report): void {
  if (!kubernetes) return;
  const kubelet = mappingAt(kubernetes, 'kubelet');
  if (kubelet?.source === 'image' && kubelet.version !== undefined) {
    report(['kubernetes', 'kubelet', 'version'], "has no meaning for the image's own kubelet");
  }
  for (const [key, value] of Object.entries(mappingAt(kubernetes, 'labels') ?? {})) {
    const fault = checkLabelKey(key) ?? (typeof value === 'string' ? checkLabelValue(value) : undefined);
    if (fault) report(['kubernetes', 'labels', key], fault.message, fault.expected);
  }
  const { taints } = kubernetes;
  for (const [index, taint] of (Array.isArray(taints) ? taints : []).entries()) {
    const fault = typeof taint === 'string' ? checkTaint(taint) : undefined;
    if (fault) report(['kubernetes', 'taints', index], fault.message, fault.expected);
  }
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

/**
 * The file's value with the modes of files as they were meant. YAML 1.2 reads 0644 as six hundred and forty-four, but the
 * digits that were written are octal ones: cloud-config takes them as text, Ignition as a number.
 */
function withModes(file: YamlFile, value: unknown, report: Report): unknown {
  const digitsAt = (path: Path, mode: number) => file.source(path) ?? String(mode);
  const asText = (path: Path, mode: number) => {
    const digits = digitsAt(path, mode);
    if (!/^0?[0-7]{3,4}$/.test(digits)) report(path, `${digits} is not a file mode`, '"0644" for example');
    return digits.padStart(4, '0');
  };
  const asNumber = (path: Path, mode: number) => {
    const digits = digitsAt(path, mode);
    return /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : mode;
  };
  const changes: readonly [list: Path, key: string, change: (path: Path, mode: number) => unknown][] = [
    [['cloud_config', 'write_files'], 'permissions', asText],
    [['cloud_init', 'write_files'], 'permissions', asText],
    [['ignition', 'storage', 'files'], 'mode', asNumber],
    [['ignition', 'storage', 'directories'], 'mode', asNumber],
  ];
  return changes.reduce((whole, [list, key, change]) => changeIn(whole, list, [], key, change), value);
}

/** A copy of `value` in which the numbers at `key` of the entries of the list at `rest` are changed. */
function changeIn(
  value: unknown,
  rest: Path,
  path: Path,
  key: string,
  change: (path: Path, value: number) => unknown,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const [step, ...further] = rest;
  if (step !== undefined) {
    const child = (value as Mapping)[step];
    if (child === undefined) return value;
    return { ...value, [step]: changeIn(child, further, [...path, step], key, change) };
  }
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown, index) => {
    const mode = mappingAt({ item }, 'item')?.[key];
    if (typeof mode !== 'number') return item;
    return { ...(item as Mapping), [key]: change([...path, index, key], mode) };
  });
}

function mappingAt(value: unknown, key: string): Mapping | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const child = (value as Mapping)[key];
  return typeof child === 'object' && child !== null && !Array.isArray(child)
    ? (child as Mapping)
    : undefined;
}
