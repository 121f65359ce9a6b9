import { lasting, rememberFor } from './memory.ts';
import type { OfferedResolver } from './offers.ts';
import type { Section } from './section.ts';
import { restarted } from './time.ts';

const ORIGIN = 'resolver';

/** Families of images in which systemd-resolved answers. */
const RESOLVED: ReadonlySet<string> = new Set(['coreos', 'fedora', 'fedora-coreos', 'flatcar', 'ubuntu']);

/** Tells systemd-resolved of name servers and search domains, where the image's family has it. */
export const expandNames = rememberFor(({ servers, domains }: OfferedResolver, family: string): Section => {
  if (!RESOLVED.has(family)) return { files: [], units: [] };
  const lines = [
    ...(servers.length > 0 ? [`DNS=${servers.join(' ')}\n`] : []),
    ...(domains.length > 0 ? [`Domains=${domains.join(' ')}\n`] : []),
  ];
  const content = Buffer.from(`[Resolve]\n${lines.join('')}`);
  const path = '/etc/systemd/resolved.conf.d/50-rackseed.conf';
  return {
    files: lasting([{ path, content, permissions: '0644', origin: ORIGIN, secret: false }]),
    units: lasting([restarted('systemd-resolved.service', ORIGIN)]),
  };
});
