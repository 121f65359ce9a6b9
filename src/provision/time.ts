import { lasting, rememberFor } from './memory.ts';
import type { NodeUnit } from './node.ts';
import type { Offers } from './offers.ts';
import { type Section, sectionUnit } from './section.ts';

const ORIGIN = 'ntp';

/** Families of images whose clock is set by systemd-timesyncd, and by chrony. Of others it isn't known. */
const TIMESYNCD: ReadonlySet<string> = new Set(['coreos', 'debian', 'flatcar', 'ubuntu']);
const CHRONY: ReadonlySet<string> = new Set([
  'almalinux',
  'atomic',
  'centos',
  'fedora',
  'fedora-coreos',
  'rhel',
  'rocky',
]);

/** Sets a machine's clock by the time servers of its network, in the way of its image's family. */
export const expandTime = rememberFor(({ servers }: NonNullable<Offers['ntp']>, family: string): Section => {
  if (TIMESYNCD.has(family)) {
    const content = `[Time]\nNTP=${servers.join(' ')}\n`;
    return section('/etc/systemd/timesyncd.conf.d/50-rackseed.conf', content, 'systemd-timesyncd.service');
  }
  if (CHRONY.has(family)) return section('/etc/chrony.conf', chronyConfig(servers), 'chronyd.service');
  return { files: [], units: [] };
});

/** Its own file has its maker's servers, and no folder for others. */
function chronyConfig(servers: readonly string[]): string {
  return `${servers.map((server) => `server ${server} iburst\n`).join('')}driftfile /var/lib/chrony/drift
makestep 1.0 3
rtcsync
logdir /var/log/chrony
`;
}

function section(path: string, content: string, service: string): Section {
  const file = { path, content: Buffer.from(content), permissions: '0644', origin: ORIGIN, secret: false };
  return { files: lasting([file]), units: lasting([restarted(service, ORIGIN)]) };
}

/** A unit of the image that has read its settings when a cloud-config comes. */
export function restarted(name: string, origin: string): NodeUnit {
  return sectionUnit({ name, command: 'restart', origin });
}
