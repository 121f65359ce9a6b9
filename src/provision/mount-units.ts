import type { Table } from './ignition-merge.ts';
import { escapePath, mountUnitName } from './systemd.ts';

/**
 * Adds a mount unit for each file system that has a `path`: Ignition mounts it there only while it runs. A unit of that
 * name in the configuration stands as it is, so a profile can write its own or mask it.
 */
export function withMountUnits(config: Table): Table {
  const units = entriesOf(config.systemd, 'units');
  const names = new Set(units.map(({ name }) => name));
  const added = entriesOf(config.storage, 'filesystems')
    .flatMap(mountUnit)
    .filter(({ name }) => !names.has(name));
  if (added.length === 0) return config;
  return { ...config, systemd: { ...(config.systemd as Table | undefined), units: [...units, ...added] } };
}

function mountUnit({ path, device, format, label }: Table): Table[] {
  if (typeof path !== 'string' || typeof device !== 'string' || format === 'swap' || format === 'none')
    return [];
  const what = deviceOf(device, label);
  const fsck = `systemd-fsck@${escapePath(what)}.service`;
  const contents = [
    '[Unit]',
    `Requires=${specifiers(fsck)}`,
    `After=${specifiers(fsck)}`,
    'Before=local-fs.target',
    '',
    '[Mount]',
    `What=${specifiers(what)}`,
    `Where=${specifiers(path)}`,
    ...(format === undefined ? [] : [`Type=${format}`]),
    '',
    // Wanted and not required: without it the machine still comes up, and can be asked what is wrong.
    '[Install]',
    'WantedBy=local-fs.target',
    '',
  ].join('\n');
  return [{ name: mountUnitName(path), enabled: true, contents }];
}

/** By the label where there is one, since the kernel may call a disk sda today and sdb tomorrow. */
function deviceOf(device: string, label: unknown): string {
  return typeof label === 'string' && /^[\w.-]+$/.test(label) ? `/dev/disk/by-label/${label}` : device;
}

function specifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

function entriesOf(section: unknown, key: string): readonly Table[] {
  const list = (section as Table | undefined)?.[key];
  return Array.isArray(list) ? (list as Table[]) : [];
}
