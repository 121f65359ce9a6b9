import { join } from 'node:path';
import { type Child, start } from '../../src/lab/process.ts';
import type { Contender, Site } from '../benchmark.ts';

/** dnsmasq as a DHCP server only. It writes its lease file without waiting for the disk. */
export const dnsmasqDhcp: Contender = {
  name: 'dnsmasq',
  start: (site) =>
    startDnsmasq(site, [
      `--dhcp-range=${site.range.first},${site.range.last},255.255.0.0,1h`,
      `--dhcp-leasefile=${join(site.scratch, 'leases')}`,
      '--dhcp-lease-max=100000',
      '--dhcp-authoritative',
      '--no-ping',
      '--quiet-dhcp',
    ]),
};

/** dnsmasq as a TFTP server only. */
export const dnsmasqTftp: Contender = {
  name: 'dnsmasq',
  start: (site) =>
    startDnsmasq(site, ['--enable-tftp', `--tftp-root=${site.files}`, '--tftp-max=100', '--quiet-tftp']),
};

async function startDnsmasq(site: Site, options: readonly string[]): Promise<Child> {
  const server = await start(
    site.namespace.command([
      'dnsmasq',
      '--conf-file=/dev/null',
      '--keep-in-foreground',
      '--log-facility=-',
      '--pid-file=',
      '--user=root',
      '--port=0',
      '--no-resolv',
      '--no-hosts',
      `--interface=${site.device}`,
      ...options,
    ]),
  );
  await server.waitFor(/dnsmasq\S*: started/);
  return server;
}
