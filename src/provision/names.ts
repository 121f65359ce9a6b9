import { bytesOf } from './memory.ts';
import type { OfferedResolver } from './offers.ts';
import type { Section } from './section.ts';
import { restarted } from './time.ts';

const ORIGIN = 'resolver';

/** Families of images in which systemd-resolved answers. */
const RESOLVED: ReadonlySet<string> = new Set(['coreos', 'fedora', 'fedora-coreos', 'flatcar', 'ubuntu']);

/** Tells systemd-resolved of name servers and search domains, where the image's family has it. */
export function expandNames({ servers, domains }: OfferedResolver, family: string): Section {
  if (!RESOLVED.has(family)) return { files: [], units: [] };
  const lines = [
    ...(servers.length > 0 ? [`DNS=${servers.join(' ')}\n`] : []),
    ...(domains.length > 0 ? [`Domains=${domains.join(' ')}\n`] : []),
  ];
  const content = bytesOf(`[Resolve]\n${lines.join('')}`);
  const path = '/etc/systemd/resolved.conf.d/50-rackseed.conf';
  return {
    files: [{ path, content, permissions: '0644', origin: ORIGIN, secret: false }],
    units: [restarted('systemd-resolved.service', ORIGIN)],
  };
}
