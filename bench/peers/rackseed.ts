import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/lab/package-root.ts';
import { start } from '../../src/lab/process.ts';
import type { Contender, Site } from '../benchmark.ts';

/** What `npm run build` makes. */
export const RACKSEED = join(packageRoot, 'dist/main.js');

/**
 * rackseed as its users run it: dist/ under plain node. Every lease is on disk before its ACK leaves. New addresses aren't
 * looked at before they are offered, as they aren't by the peers here.
 */
export const rackseed: Contender = {
  name: 'rackseed',
  async start(site) {
    await mkdir(join(site.scratch, 'profiles'));
    await mkdir(join(site.scratch, 'machines'));
    await writeFile(join(site.scratch, 'rackseed.yaml'), configuration(site));
    await writeFile(join(site.scratch, 'profiles/disk.yaml'), 'boot: { local_disk: true }\n');
    const server = await start(
      site.namespace.command([process.execPath, RACKSEED, 'serve', '--config', site.scratch]),
    );
    await server.waitFor(/"msg":"ready: /, 30_000);
    return server;
  },
};

function configuration({ device, address, range, files, scratch }: Site): string {
  return `networks:
  - name: bench
    interface: ${device}
    address: ${address}/16
    dhcp: { mode: authoritative, range: ${range.first}-${range.last}, lease: 1h, conflict_check: false }
unknown_machines: boot
default_profile: disk
assets: { directory: ${files}, memory: 1GiB }
firmware: { directory: ${files} }
admin: { listen: "unix:${scratch}/admin.sock" }
store: { lmdb: store }
`;
}
