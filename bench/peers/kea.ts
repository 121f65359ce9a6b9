import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from '../../src/lab/process.ts';
import { type Contender, type Site, serverOf } from '../benchmark.ts';

/**
 * Kea with a thread per core and its fastest store, a lease file in memory that is appended to without waiting for the
 * disk. The clients come through a relay agent, so plain UDP sockets do, which cost less than its raw ones.
 */
export const kea: Contender = {
  name: 'Kea',
  async start(site) {
    const file = join(site.scratch, 'kea.json');
    await writeFile(file, JSON.stringify(configuration(site)));
    const env = { KEA_LOCKFILE_DIR: site.scratch, KEA_PIDFILE_DIR: site.scratch };
    const server = await start(site.namespace.command(['kea-dhcp4', '-c', file]), { env });
    await server.waitFor(/DHCP4_STARTED/);
    return serverOf(server);
  },
};

function configuration({ device, range, scratch }: Site): object {
  const output = [{ output: 'stdout', flush: true }];
  return {
    Dhcp4: {
      'interfaces-config': { interfaces: [device], 'dhcp-socket-type': 'udp' },
      'lease-database': {
        type: 'memfile',
        persist: true,
        name: join(scratch, 'leases.csv'),
        'lfc-interval': 0,
      },
      'multi-threading': { 'enable-multi-threading': true },
      'valid-lifetime': 3600,
      subnet4: [{ subnet: '10.77.0.0/16', pools: [{ pool: `${range.first} - ${range.last}` }] }],
      // At INFO its other loggers write a line for every lease.
      loggers: [
        { name: 'kea-dhcp4', severity: 'WARN', output_options: output },
        { name: 'kea-dhcp4.dhcp4', severity: 'INFO', output_options: output },
      ],
    },
  };
}
